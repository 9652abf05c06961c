// A whole Postrider to be hurt: brokers and a database of its own, every service a process of its own, a steady stream of
// events, and somebody who keeps asking each process how it is. Used by the tests of outages.

import { join } from 'node:path';
import { createLocalCa, pickPorts, startReceiver, startStack, type Receiver, type Stack } from '@postrider/dev-stack';
import {
  migrate,
  openAuditReads,
  openDatabase,
  type AuditReads,
  type Database,
  type Totals,
} from '@postrider/postgres';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { readReadiness, watchHealth, type HealthWatch } from './health-watch.ts';
import { testKafkaVersion } from './kafka-version.ts';
import { createTestPostrider, testEndpoint, type ServiceName, type TestPostrider } from './postrider.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

export const serviceNames: readonly ServiceName[] = ['audit-projector', 'retry-scheduler', 'dispatch', 'convergence'];

const host = 'hooks.postrider.example';
/** One fails once for each dispatch, one always: retries and dead letters are under way in every outage. */
const endpointCount = 10;
const flaky = 0;
const broken = 1;
const tickMs = 100;
const tiers = '500ms,2s';
/** Characters of a dead process's log that are shown. */
const lastWords = 4_000;

export interface OutageRig {
  readonly stack: Stack;
  readonly postrider: TestPostrider;
  readonly receiver: Receiver;
  readonly environment: string;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly processes: ReadonlyMap<ServiceName, ServiceProcess>;
  /** Where each service is asked how it is. */
  readonly healthUrls: Readonly<Record<ServiceName, string>>;
  readonly watch: () => HealthWatch;
  makeTopics(): Promise<void>;
  putEndpoints(): Promise<void>;
  /** Starts all services, or one; nothing is waited for but that its health server answers. */
  startServices(names?: readonly ServiceName[]): Promise<void>;
  killService(name: ServiceName): Promise<void>;
  /** Resolves when every service says that it is ready. */
  allReady(timeoutMs: number): Promise<void>;
  /** Waits until the service says that it is not ready, for a reason that `pattern` finds; gives all its reasons. */
  notReady(name: ServiceName, pattern: RegExp, timeoutMs: number): Promise<string>;
  /** Publishes steadily until it is stopped; the promise of `stop` gives how many were acknowledged: all. */
  load(eventsPerSecond: number): Load;
  /** Every event published so far in exactly one terminal state, the counts as counted anew, nobody restarted. */
  expectNothingLost(published: number, timeoutMs: number): Promise<Totals>;
  close(): Promise<void>;
}

export interface Load {
  /** Handed to the producer so far. */
  readonly sent: () => number;
  stop(): Promise<number>;
}

export interface RigOptions {
  /** Different for each file. */
  readonly name: string;
  /** Default: topics, endpoints and tables are made, services started and ready. */
  readonly bare?: boolean;
}

export async function startOutageRig({ name, bare = false }: RigOptions): Promise<OutageRig> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer().catch(() => undefined);
  };
  try {
    const rig = await assemble(name, closers, close);
    if (bare) return rig;
    await migrate(rig.databaseUrl);
    await rig.makeTopics();
    await rig.putEndpoints();
    await rig.startServices();
    await rig.allReady(60_000);
    return rig;
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  name: string,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<OutageRig> {
  // Servers that were given by the environment are not ours to kill.
  const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_POSTGRES_URL: _p, POSTRIDER_CONTAINERS: _c, ...env } = process.env;
  const stack = await startStack({
    dataDir: join(import.meta.dirname, '..', '..', '.postrider', `outage-${name}-${process.pid}`),
    fresh: true,
    kafka: { ...testKafkaVersion() },
    // kill −9 of a process loses nothing that reached the operating system; only a power cut would need fsync.
    postgres: { fsync: false },
    env,
  });
  closers.push(() => stack.stop());
  const ca = await createLocalCa();
  const receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    record: 'headers',
    routes: { [`/${flaky}`]: { kind: 'fail-then-ok', times: 1 }, [`/${broken}`]: { kind: 'status', status: 500 } },
  });
  closers.push(() => receiver.close());
  const environment = `outage-${name}`;
  const databaseUrl = await stack.createDatabase(environment);
  const database = openDatabase({ url: databaseUrl, connectionsMax: 2 });
  closers.push(() => database.close());
  const reads: AuditReads = openAuditReads(database, environment);
  const { brokers } = stack.kafka;
  const postrider = createTestPostrider({ brokers, postgresUrl: databaseUrl, environment, tiers });
  closers.push(() => postrider.stop());
  const ports = await pickPorts(serviceNames.length);
  const healthUrls = Object.fromEntries(
    serviceNames.map((service, i) => [service, `http://127.0.0.1:${ports[i]}`]),
  ) as Record<ServiceName, string>;
  const processes = new Map<ServiceName, ServiceProcess>();
  let watch: HealthWatch | undefined;
  closers.push(async () => {
    await watch?.stop();
    await Promise.all([...processes.values()].map((process) => process.kill()));
  });

  const settings = {
    POSTRIDER_ENVIRONMENT: environment,
    POSTRIDER_KAFKA_BROKERS: brokers.join(','),
    POSTRIDER_POSTGRES_URL: databaseUrl,
    POSTRIDER_RETRY_TIERS: tiers,
    POSTRIDER_TOPICS_PARTITIONS: '4',
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    POSTRIDER_LOG_LEVEL: 'warn',
  };
  const start = async (service: ServiceName): Promise<void> => {
    const { port } = new URL(healthUrls[service]);
    processes.set(service, startServiceProcess(service, { ...settings, POSTRIDER_HEALTH_PORT: port }));
    await eventually(
      async () =>
        processes.get(service)!.ended() ??
        (await fetch(`${healthUrls[service]}/livez`).then(
          (r) => r.status,
          () => 0,
        )),
      (seen) => seen === 200 || typeof seen === 'string',
      60_000,
    );
    if (processes.get(service)!.ended() !== undefined) throw new Error(`${service}: ${processes.get(service)!.log()}`);
  };
  /** Throws, with its last words, when the process has ended: nothing is worth waiting for then. */
  const readiness = async (service: ServiceName): Promise<{ ready: boolean; reasons: string }> => {
    const process = processes.get(service)!;
    if (process.ended() !== undefined)
      throw new Error(`${service} ended (${process.ended()}): ${process.log().slice(-lastWords)}`);
    return readReadiness(healthUrls[service]).catch((error: unknown) => ({ ready: false, reasons: String(error) }));
  };

  return {
    stack,
    postrider,
    receiver,
    environment,
    database,
    databaseUrl,
    processes,
    healthUrls,
    watch: () => watch!,
    makeTopics: () => postrider.applyTopics(),
    putEndpoints: () =>
      postrider.putEndpoints(
        Array.from({ length: endpointCount }, (_, i) =>
          testEndpoint({
            id: `ep-${i}`,
            environment,
            url: receiver.url(`/${i}`, host),
            eventTypes: [`to.${i}`],
            tls: { ca: ca.caPem },
            retry: { kind: 'delays', delaysMs: i === broken ? [500] : [500, 1_000, 1_000, 2_000] },
          }),
        ),
      ),
    async startServices(names = serviceNames) {
      await Promise.all(names.map(start));
      watch ??= watchHealth(healthUrls);
      for (const service of names) watch.resume(service);
    },
    async killService(service) {
      watch?.pause(service);
      await processes.get(service)!.kill();
    },
    async allReady(timeoutMs) {
      await eventually(
        async () =>
          Object.fromEntries(await Promise.all(serviceNames.map(async (n) => [n, await readiness(n)] as const))),
        (all) => Object.values(all).every(({ ready }) => ready),
        timeoutMs,
        200,
      );
    },
    async notReady(service, pattern, timeoutMs) {
      const seen = await eventually(
        () => readiness(service),
        ({ ready, reasons }) => !ready && pattern.test(reasons),
        timeoutMs,
        200,
      );
      return seen.reasons;
    },
    load(eventsPerSecond) {
      let sent = 0;
      const acknowledged: Promise<void>[] = [];
      const perTick = Math.max(1, Math.round((eventsPerSecond * tickMs) / 1_000));
      const tick = (): void => {
        const events = Array.from({ length: perTick }, (_, i) => {
          const n = sent + i;
          return { id: `e${n}`, type: `to.${n % endpointCount}`, project: 'acme', subject: `s${n % 500}`, data: { n } };
        });
        sent += perTick;
        const publishing = postrider.publish(events);
        // Whoever asks for the end hears of it; a test that failed before must not be drowned in the rest.
        publishing.catch(() => undefined);
        acknowledged.push(publishing);
      };
      const timer = setInterval(tick, tickMs);
      closers.push(async () => clearInterval(timer));
      return {
        sent: () => sent,
        async stop() {
          clearInterval(timer);
          await Promise.all(acknowledged);
          return sent;
        },
      };
    },
    async expectNothingLost(published, timeoutMs) {
      const terminal = ({ deliveries }: Totals): number =>
        deliveries.delivered + deliveries.dead + deliveries.suppressed;
      const totals = await eventually(
        () => reads.totals(),
        (seen) => terminal(seen) >= published,
        timeoutMs,
        500,
      );
      // Every tenth event went to the endpoint that always fails.
      const dead = Math.floor((published + endpointCount - 1 - broken) / endpointCount);
      expect(totals.deliveries).toEqual({
        delivered: published - dead,
        dead,
        suppressed: 0,
        pending: 0,
        retrying: 0,
        deferred: 0,
      });
      expect(await reads.dailyCounts()).toEqual(await reads.recount());
      return totals;
    },
    close,
  };
}

/** Nobody ended, nobody was ever not alive. Call it before the rig is closed. */
export function expectNobodyRestarted(rig: OutageRig): void {
  const ended = [...rig.processes].filter(([, process]) => process.ended() !== undefined);
  expect(ended.map(([service, process]) => `${service}: ${process.log()}`)).toEqual([]);
  expect(rig.watch().notAlive).toEqual([]);
}
