import { describe, expect, test, vi } from 'vitest';
import { manualClock, memoryHost, memoryLogger } from './testing.ts';
import { createMetrics } from './metrics.ts';
import { runProcess } from './run-process.ts';
import type { RunOptions } from './run-process.ts';
import type { Service, StartContext, StopContext } from './service.ts';

function setup(options: Partial<RunOptions> = {}) {
  const time = manualClock();
  const host = memoryHost();
  const { logger, lines } = memoryLogger();
  const events: string[] = [];
  const service = (name: string, overrides: Partial<Service> = {}): Service => ({
    name,
    start: async () => void events.push(`start ${name}`),
    stop: async () => void events.push(`stop ${name}`),
    readiness: () => ({ ready: true, reasons: [] }),
    ...overrides,
  });
  const run = (...services: Service[]) =>
    runProcess(services, { logger, clock: time.clock, timers: time.timers, host, drainTimeoutMs: 10_000, ...options });
  return { time, host, lines, events, service, run };
}

describe('a process that runs well', () => {
  test('starts in order, stops in reverse order, and exits with 0', async () => {
    const { host, events, service, run } = setup();
    const running = run(service('a'), service('b'), service('c'));
    expect(await running.started).toEqual({ ok: true, health: undefined });
    host.signal('SIGTERM');
    expect(await running.finished).toBe(0);
    expect(events).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(host.exits).toEqual([0]);
    expect(host.listeners()).toBe(0);
  });

  test('starts one service only after the one before it has started', async () => {
    const { events, service, run } = setup();
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const start = (): Promise<void> => {
      entered.resolve();
      return gate.promise;
    };
    const running = run(service('a', { start }), service('b'));
    await entered.promise;
    expect(running.readiness()).toEqual({
      ready: false,
      state: 'starting',
      services: { a: { ready: true, reasons: [] }, b: { ready: false, reasons: ['not started yet'] } },
    });
    expect(events).toEqual([]);
    gate.resolve();
    await running.started;
    expect(events).toEqual(['start b']);
    expect(running.readiness()).toMatchObject({ ready: true, state: 'running' });
  });

  test('is ready only when every service is, and says why not', async () => {
    const { service, run } = setup();
    let ready = false;
    const answer = () => (ready ? { ready, reasons: [] } : { ready, reasons: ['no partition assigned'] });
    const running = run(service('a'), service('b', { readiness: answer }));
    await running.started;
    expect(running.readiness()).toMatchObject({
      ready: false,
      services: { b: { reasons: ['no partition assigned'] } },
    });
    ready = true;
    expect(running.readiness().ready).toBe(true);
  });

  test('is not ready from the signal on, while its services still finish their work', async () => {
    const { host, service, run } = setup();
    const gate = Promise.withResolvers<void>();
    const running = run(service('a', { stop: () => gate.promise }));
    await running.started;
    host.signal('SIGINT');
    expect(running.readiness()).toEqual({
      ready: false,
      state: 'draining',
      services: { a: { ready: false, reasons: ['stopping'] } },
    });
    gate.resolve();
    expect(await running.finished).toBe(0);
    expect(running.readiness().state).toBe('stopped');
  });

  test('stops once, however often it is told to', async () => {
    const { events, service, run } = setup();
    const running = run(service('a'));
    await running.started;
    const [first, second] = await Promise.all([running.stop('done'), running.stop('done')]);
    expect([first, second]).toEqual([0, 0]);
    expect(events).toEqual(['start a', 'stop a']);
  });

  test('gives each service what is left of one drain budget', async () => {
    const { time, service, run } = setup();
    const left: [string, number][] = [];
    const stop =
      (name: string, takesMs: number) =>
      async ({ drainTimeoutMs }: StopContext): Promise<void> => {
        left.push([name, drainTimeoutMs]);
        time.advance(takesMs);
      };
    const running = run(
      service('a', { stop: stop('a', 0) }),
      service('b', { stop: stop('b', 7_000) }),
      service('c', { stop: stop('c', 4_000) }),
    );
    await running.started;
    expect(await running.stop('test')).toBe(0);
    expect(left).toEqual([
      ['c', 10_000],
      ['b', 6_000],
      ['a', 0],
    ]);
  });
});

describe('a process in trouble', () => {
  test('stops what had started when a start is refused, prints one clear error and exits with 1', async () => {
    const { host, events, service, run } = setup();
    const refuse = async (): Promise<void> => {
      throw new Error('no broker answers');
    };
    const running = run(service('a'), service('b', { start: refuse }), service('c'));
    expect(await running.started).toMatchObject({ ok: false, error: { code: 'start-failed' } });
    expect(await running.finished).toBe(1);
    expect(events).toEqual(['start a', 'stop a']);
    expect(host.printed).toEqual(['postrider: b could not start: no broker answers']);
  });

  test('a service that fails later stops the whole process in order, with exit code 1', async () => {
    const { host, events, service, run } = setup();
    let context: StartContext | undefined;
    const running = run(service('a'), service('b', { start: async (given) => void (context = given) }));
    await running.started;
    context?.fail(new Error('schema is from the future'));
    expect(await running.finished).toBe(1);
    expect(events).toEqual(['start a', 'stop b', 'stop a']);
    expect(host.printed).toEqual(['postrider: b cannot go on: schema is from the future']);
  });

  test('a second signal exits with 1 at once, without waiting for the drain', async () => {
    const { host, service, run } = setup();
    const running = run(service('a', { stop: () => new Promise(() => {}) }));
    await running.started;
    host.signal('SIGTERM');
    expect(host.exits).toEqual([]);
    host.signal('SIGTERM');
    expect(host.exits).toEqual([1]);
    expect(await running.finished).toBe(1);
  });

  test('a signal during the start stops the service that is starting too, and starts no further one', async () => {
    const { host, events, service, run } = setup();
    const running = run(service('a'), service('b', { start: () => new Promise(() => {}) }), service('c'));
    await vi.waitFor(() => expect(running.readiness().services['b']?.ready).toBe(true));
    host.signal('SIGTERM');
    expect(await running.finished).toBe(0);
    expect(await running.started).toMatchObject({ ok: false, error: { code: 'stopped-early' } });
    expect(events).toEqual(['start a', 'stop b', 'stop a']);
  });

  test('a service that does not stop is left behind after its time, and the exit code tells', async () => {
    const { time, host, lines, events, service, run } = setup();
    const running = run(service('a'), service('b', { stop: () => new Promise(() => {}) }));
    await running.started;
    host.signal('SIGTERM');
    await time.advanceAsync(11_999);
    expect(host.exits).toEqual([]);
    await time.advanceAsync(1);
    expect(await running.finished).toBe(1);
    expect(events).toEqual(['start a', 'start b', 'stop a']);
    expect(lines.find(({ level }) => level === 'error')?.fields).toMatchObject({ service: 'b' });
    expect(time.pending()).toBe(0);
  });

  test('a service that fails to stop does not keep the others from stopping', async () => {
    const { events, service, run } = setup();
    const refuse = async (): Promise<void> => {
      throw new Error('broken');
    };
    const running = run(service('a'), service('b', { stop: refuse }));
    await running.started;
    expect(await running.stop('test')).toBe(1);
    expect(events).toEqual(['start a', 'start b', 'stop a']);
  });

  test.each(['unhandledRejection', 'uncaughtException'] as const)(
    '%s is logged as fatal and exits with 1',
    async (kind) => {
      const { host, lines, events, service, run } = setup();
      const running = run(service('a'));
      await running.started;
      host.fatal(kind, new Error('bug'));
      expect(host.exits).toEqual([1]);
      expect(lines.at(-1)).toMatchObject({ level: 'fatal', fields: { kind } });
      expect(events).toEqual(['start a']);
    },
  );
});

describe('its health server', () => {
  const health = () => ({
    host: '127.0.0.1',
    port: 0,
    metrics: createMetrics({ version: '1', processMetrics: false }),
  });

  test('listens before the first service starts, and is gone after the stop', async () => {
    const { host, lines, service, run } = setup({ health: health() });
    const urlInLog = (): string => String(lines.find(({ fields }) => 'url' in fields)?.fields['url']);
    const readyGauge = async (): Promise<string | undefined> =>
      /^postrider_ready\{service="a"\} (\d)$/m.exec(await (await fetch(`${urlInLog()}/metrics`)).text())?.[1];
    let whileStarting: number | undefined;
    let gaugeWhileStarting: string | undefined;
    const start = async (): Promise<void> => {
      whileStarting = (await fetch(`${urlInLog()}/readyz`)).status;
      gaugeWhileStarting = await readyGauge();
    };
    let isReady = false;
    const readiness = () => ({ ready: isReady, reasons: isReady ? [] : ['reading'] });
    const running = run(service('a', { start, readiness }));
    const started = await running.started;
    expect({ whileStarting, gaugeWhileStarting }).toEqual({ whileStarting: 503, gaugeWhileStarting: '0' });
    isReady = true;
    const url = started.ok && started.health ? started.health.url : '';
    expect(url).toBe(urlInLog());
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await readyGauge()).toBe('1');
    host.signal('SIGTERM');
    await running.finished;
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  });

  test('does not outlive a stop that comes before it listens', async () => {
    const before = setup({ health: health() });
    const probe = before.run(before.service('a'));
    const probed = await probe.started;
    const port = probed.ok ? (probed.health?.port ?? 0) : 0;
    await probe.stop('only to find a free port');

    const { events, service, run } = setup({ health: { ...health(), port } });
    const running = run(service('a'));
    expect(await running.stop('at once')).toBe(0);
    expect(await running.started).toMatchObject({ ok: false, error: { code: 'stopped-early' } });
    expect(events).toEqual([]);
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  test('that cannot listen ends the start with what to do', async () => {
    const first = setup({ health: health() });
    const running = first.run(first.service('a'));
    const started = await running.started;
    const port = started.ok ? (started.health?.port ?? 0) : 0;
    const second = setup({ health: { ...health(), port } });
    const refused = second.run(second.service('b'));
    expect(await refused.finished).toBe(1);
    expect(second.host.printed[0]).toMatch(new RegExp(`port ${port} .* taken.*POSTRIDER_HEALTH_PORT`));
    expect(second.events).toEqual([]);
    await running.stop('test');
  });
});
