// The life of a process:
//
//   starting ──all started──▶ running ──signal, fail(), stop()──▶ draining ──all stopped──▶ stopped ─▶ exit
//      └──────────────a start failed, or a signal──────────────────▶┘
//
// Services start in order and stop in reverse order, sharing one drain budget. A second signal, or an error that nobody
// caught, exits with 1 at once: every promise of delivery holds through that, it only costs repeated work.

import type { Clock, Timers } from './clock.ts';
import { createHealthServer } from './health-server.ts';
import type { HealthAddress, HealthServer } from './health-server.ts';
import { logFlushMs, stopGraceMs } from './limits.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { ProcessHost } from './process-host.ts';
import { RuntimeError } from './runtime-error.ts';
import type { ProcessReadiness, ProcessState, Service } from './service.ts';

export interface RunOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly host: ProcessHost;
  /** Time for all services together to finish what is in flight, in ms. */
  readonly drainTimeoutMs: number;
  /** Without it nothing listens. */
  readonly health?: { readonly host: string; readonly port: number; readonly metrics: Metrics };
}

export type StartResult =
  | { readonly ok: true; readonly health: HealthAddress | undefined }
  | { readonly ok: false; readonly error: Error };

export interface RunningProcess {
  /** Settles when every service has started, or when one has refused and the others are stopped. Never rejects. */
  readonly started: Promise<StartResult>;
  /** The exit code, just after `host.exit` was called with it. Never rejects. */
  readonly finished: Promise<number>;
  readiness(): ProcessReadiness;
  /** Stops in order, as SIGTERM does; the exit code is 0 unless something went wrong. */
  stop(reason: string): Promise<number>;
}

/** Starts services in order and keeps them running until a signal, a failure or `stop`. */
export function runProcess(services: readonly Service[], options: RunOptions): RunningProcess {
  const { logger, clock, timers, host, drainTimeoutMs } = options;
  let state: ProcessState = 'starting';
  const entered: Service[] = [];
  let exited = false;
  const finished = Promise.withResolvers<number>();
  const stopAsked = Promise.withResolvers<void>();
  let stopping: Promise<number> | undefined;
  let listening: Promise<HealthAddress> | undefined;
  const health: HealthServer | undefined =
    options.health && createHealthServer({ ...options.health, readiness, logger });

  // Not every deployment asks /readyz, and what stands still for a reason has no other number that moves.
  options.health?.metrics.ready.collect((set) => {
    for (const service of services) set({ service: service.name }, readinessOf(service).ready ? 1 : 0);
  });

  const releaseSignals = host.onSignal((signal) => {
    if (stopping) {
      logger.warn({ signal }, 'second signal: exiting at once');
      exit(1);
    } else {
      void stop(signal);
    }
  });
  const releaseFatal = host.onFatal((kind, error) => {
    // The state of the process is unknown now, so nothing of it is trusted to stop in order.
    logger.fatal({ error, kind }, 'nobody caught this error: exiting at once');
    host.printError(`postrider: ${kind}: ${messageOf(error)}`);
    exit(1);
  });

  function exit(code: number): void {
    if (exited) return;
    exited = true;
    state = 'stopped';
    releaseSignals();
    releaseFatal();
    host.exit(code);
    finished.resolve(code);
  }

  function readiness(): ProcessReadiness {
    const each = Object.fromEntries(services.map((service) => [service.name, readinessOf(service)]));
    const ready = state === 'running' && Object.values(each).every((answer) => answer.ready);
    return { ready, state, services: each };
  }

  function readinessOf(service: Service): ReturnType<Service['readiness']> {
    if (state === 'draining' || state === 'stopped') return { ready: false, reasons: ['stopping'] };
    return entered.includes(service) ? service.readiness() : { ready: false, reasons: ['not started yet'] };
  }

  async function start(): Promise<StartResult> {
    try {
      listening = health?.start();
      const address = await listening;
      if (address) logger.info({ url: address.url }, 'health and metrics are served');
      for (const service of services) {
        if (stopping) throw stoppedEarly();
        entered.push(service);
        const fail = (error: Error): void => onFailure(service, error);
        const starting = service.start({ fail });
        // When a stop comes first, the end of this start belongs to the service's own stop.
        await Promise.race([starting, stopAsked.promise]);
        if (stopping) {
          starting.catch((error: unknown) => logger.warn({ error, service: service.name }, 'start ended by the stop'));
          throw stoppedEarly();
        }
        logger.info({ service: service.name }, 'started');
      }
      if (stopping) throw stoppedEarly();
      state = 'running';
      return { ok: true, health: address };
    } catch (cause) {
      if (cause instanceof RuntimeError && cause.code === 'stopped-early') return { ok: false, error: cause };
      const failed = entered.pop();
      const what = failed ? `${failed.name} could not start` : 'the health server could not start';
      const error = new RuntimeError('start-failed', `${what}: ${messageOf(cause)}`, { cause });
      host.printError(`postrider: ${error.message}`);
      logger.error({ error: cause, service: failed?.name }, 'could not start');
      await stopWith(1, 'a start failed');
      return { ok: false, error };
    }
  }

  function onFailure(service: Service, error: Error): void {
    logger.error({ error, service: service.name }, 'failed and cannot go on');
    if (stopping) return;
    host.printError(`postrider: ${service.name} cannot go on: ${error.message}`);
    void stopWith(1, `${service.name} failed`);
  }

  function stop(reason: string): Promise<number> {
    return stopWith(0, reason);
  }

  function stopWith(code: number, reason: string): Promise<number> {
    stopping ??= stopInOrder(code, reason);
    return stopping;
  }

  async function stopInOrder(code: number, reason: string): Promise<number> {
    state = 'draining';
    // `stopping` is assigned only when this function first waits; start() must not see the wish before.
    await Promise.resolve();
    stopAsked.resolve();
    logger.info({ reason, drainTimeoutMs }, 'stopping');
    const deadlineMs = clock.monotonic() + drainTimeoutMs;
    let worst = code;
    for (const service of entered.toReversed()) {
      const leftMs = Math.max(0, deadlineMs - clock.monotonic());
      const fault = await stopOne(service, reason, leftMs);
      if (fault) {
        worst = 1;
        logger.error({ error: fault, service: service.name }, 'did not stop cleanly');
      } else {
        logger.info({ service: service.name }, 'stopped');
      }
    }
    // A server that is still about to listen would outlive its own stop.
    await listening?.then(
      () => health?.stop(),
      () => {},
    );
    logger.info({ exitCode: worst }, 'stopped');
    await within(logger.flush(), logFlushMs);
    exit(worst);
    return finished.promise;
  }

  async function stopOne(service: Service, reason: string, leftMs: number): Promise<Error | undefined> {
    try {
      const inTime = await within(service.stop({ reason, drainTimeoutMs: leftMs }), leftMs + stopGraceMs);
      return inTime ? undefined : new Error(`still not stopped ${stopGraceMs} ms after its drain time`);
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error), { cause: error });
    }
  }

  /** Whether the work ends within `limitMs`; rejects when it does. */
  async function within(work: Promise<void>, limitMs: number): Promise<boolean> {
    let cancel = (): void => {};
    const overdue = new Promise<boolean>((resolve) => {
      cancel = timers.setTimer(limitMs, () => resolve(false));
    });
    try {
      return await Promise.race([work.then(() => true), overdue]);
    } finally {
      cancel();
    }
  }

  return { started: start(), finished: finished.promise, readiness, stop };
}

function stoppedEarly(): RuntimeError {
  return new RuntimeError('stopped-early', 'a stop was asked for before everything had started');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
