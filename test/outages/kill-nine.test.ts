// kill −9 of any one service while 5,000 events are in flight: every event ends in one terminal state, none is lost, and what
// was sent twice is counted and printed.

import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { migrate, openAuditReads, openDatabase, type AuditReads, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type ServiceName, type TestPostrider } from '../support/postrider.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const eventCount = 5_000;
const endpointCount = 20;
const services: readonly ServiceName[] = ['audit-projector', 'retry-scheduler', 'dispatch', 'convergence'];

let receiver: Receiver;
let caPem: string;
let postgresUrl: string;
let database: Database;

beforeAll(async () => {
  const ca = await createLocalCa();
  caPem = ca.caPem;
  receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    record: 'headers',
    // A little work each, so that the kill finds thousands in flight; every tenth endpoint fails once per dispatch.
    routes: Object.fromEntries(
      Array.from(
        { length: endpointCount },
        (_, i) => [`/${i}`, i % 10 === 0 ? { kind: 'fail-then-ok', times: 1 } : { kind: 'slow', ms: 5 }] as const,
      ),
    ),
    onRequest: (request) => {
      const key = `${request.path} ${request.id}`;
      requests.set(key, (requests.get(key) ?? 0) + 1);
    },
  });
  postgresUrl = await createTestDatabase('killnine');
  await migrate(postgresUrl);
  database = openDatabase({ url: postgresUrl });
});

afterAll(async () => {
  await database?.close();
  await receiver?.close();
});

/** Requests by path and dispatch id. */
const requests = new Map<string, number>();

test.each(services)('%s killed with 5,000 events in flight: nothing is lost', async (victim) => {
  requests.clear();
  const environment = testPrefix(`k9${victim.slice(0, 4)}`);
  const settings = {
    brokers: testBrokers(),
    postgresUrl,
    environment,
    tiers: '500ms,2s',
  };
  const postrider: TestPostrider = createTestPostrider(settings);
  const env = {
    POSTRIDER_ENVIRONMENT: environment,
    POSTRIDER_KAFKA_BROKERS: testBrokers().join(','),
    POSTRIDER_POSTGRES_URL: postgresUrl,
    POSTRIDER_RETRY_TIERS: '500ms,2s',
    POSTRIDER_TOPICS_PARTITIONS: '4',
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    POSTRIDER_LOG_LEVEL: 'warn',
  };
  const processes = new Map<ServiceName, ServiceProcess>();
  try {
    await postrider.applyTopics();
    await postrider.putEndpoints(
      Array.from({ length: endpointCount }, (_, i) =>
        testEndpoint({
          id: `ep-${i}`,
          environment,
          url: receiver.url(`/${i}`, host),
          eventTypes: [`to.${i}`],
          tls: { ca: caPem },
          retry: { kind: 'delays', delaysMs: [500, 1_000, 1_000, 2_000] },
        }),
      ),
    );
    for (const name of services) processes.set(name, startServiceProcess(name, env));
    const events = Array.from({ length: eventCount }, (_, i) => ({
      id: `e${i}`,
      type: `to.${i % endpointCount}`,
      project: 'acme',
      subject: `s${i % 500}`,
      data: { n: i },
    }));
    const reads: AuditReads = openAuditReads(database, environment);
    await postrider.publish(events);

    // The kill comes when work is under way everywhere: a fifth of it has been sent.
    await eventually(
      async () => requests.size,
      (sent) => sent >= eventCount / 5,
      60_000,
      5,
    );
    await processes.get(victim)!.kill();
    processes.set(victim, startServiceProcess(victim, env));

    const terminal = (totals: Awaited<ReturnType<AuditReads['totals']>>): number =>
      totals.deliveries.delivered + totals.deliveries.dead + totals.deliveries.suppressed;
    const totals = await eventually(
      () => reads.totals(),
      (seen) => terminal(seen) >= eventCount,
      90_000,
      200,
    );

    const sentTwice = [...requests].reduce((sum, [key, n]) => {
      const expected = Number(key.slice(1, key.indexOf(' '))) % 10 === 0 ? 2 : 1;
      return sum + Math.max(0, n - expected);
    }, 0);
    process.stderr.write(
      `kill −9 of ${victim}: ${totals.deliveries.delivered} delivered, ${totals.deliveries.dead} dead, ` +
        `${sentTwice} requests sent twice, ${totals.duplicates} duplicate audit records\n`,
    );
    expect(totals.deliveries).toMatchObject({
      delivered: eventCount,
      dead: 0,
      suppressed: 0,
      pending: 0,
      retrying: 0,
      deferred: 0,
    });
    expect(requests.size).toBe(eventCount);
    expect(await reads.dailyCounts()).toEqual(await reads.recount());
  } finally {
    await Promise.all([...processes.values()].map((process) => process.stop()));
    await postrider.stop();
  }
});
