// A circuit breaker in a process of its own: it opens, is told of by the command line in another process, holds over a
// restart, and lets the backlog through soon after the endpoint recovers.

import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { migrate } from '@postrider/postgres';
import { runCli } from '@postrider/postrider';
import { memoryIo } from '@postrider/postrider/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('breaker');
const eventCount = 80;
const openMs = 2_000;

let receiver: Receiver;
let postrider: TestPostrider;
let dispatch: ServiceProcess;
let env: Record<string, string>;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    record: 'headers',
    routes: { '/down': { kind: 'status', status: 503 } },
  });
  const postgresUrl = await createTestDatabase('breaker');
  await migrate(postgresUrl);
  postrider = createTestPostrider({ brokers: testBrokers(), postgresUrl, environment, tiers: '500ms,2s' });
  await postrider.applyTopics();
  const endpoint = (id: string) =>
    testEndpoint({
      id,
      environment,
      url: receiver.url(`/${id}`, host),
      eventTypes: [`to.${id}`],
      tls: { ca: ca.caPem },
      retry: { kind: 'delays', delaysMs: Array.from({ length: 20 }, () => 500) },
      concurrency: 4,
      breaker: { kind: 'on', failures: 5, openMs, openMsMax: 2 * openMs },
    });
  await postrider.putEndpoints([endpoint('down'), endpoint('well')]);
  env = {
    POSTRIDER_ENVIRONMENT: environment,
    POSTRIDER_KAFKA_BROKERS: testBrokers().join(','),
    POSTRIDER_POSTGRES_URL: postgresUrl,
    POSTRIDER_RETRY_TIERS: '500ms,2s',
    POSTRIDER_TOPICS_PARTITIONS: '4',
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    POSTRIDER_HEALTH_PORT: '0',
  };
  dispatch = startServiceProcess('dispatch', env);
  await postrider.start(['retry-scheduler', 'convergence']);
});

afterAll(async () => {
  await dispatch?.stop();
  await postrider?.stop();
  await receiver?.close();
});

interface Shown {
  readonly health: {
    readonly breaker: { readonly state: string; readonly openings: number };
    readonly waiting: Record<string, number>;
    readonly lastFailures: readonly { readonly httpStatus: number }[];
  };
}

/** What `endpoints show` tells in JSON. */
async function shown(id: string): Promise<Shown['health']> {
  const terminal = memoryIo({ env });
  expect(await runCli(['endpoints', 'show', id, '--json'], terminal.io)).toBe(0);
  return (terminal.json()[0] as Shown).health;
}

const sentTo = (path: string): number => receiver.received(path).length;

const publish = (id: string, count: number) =>
  postrider.publish(
    Array.from({ length: count }, (_, n) => ({ id: `${id}-${n}`, type: `to.${id}`, project: 'acme', data: { n } })),
  );

test('it opens, is seen from outside, outlives its process, and closes when the endpoint is back', async () => {
  await publish('down', eventCount);
  const open = await eventually(
    () => shown('down'),
    ({ breaker, waiting }) => breaker.state !== 'closed' && (waiting['breaker-open'] ?? 0) > eventCount / 2,
    30_000,
    200,
  );
  expect(open.lastFailures[0]?.httpStatus).toBe(503);
  // Eighty events, each with twenty retries: the endpoint saw the five that opened it, what was under way, and probes.
  const before = sentTo('/down');
  expect(before).toBeLessThan(20);
  expect(dispatch.log()).toContain('circuit breaker open');

  await dispatch.stop();
  dispatch = startServiceProcess('dispatch', env);
  await publish('well', 1);
  await eventually(
    async () => sentTo('/well'),
    (count) => count === 1,
    30_000,
  );
  // A breaker that forgot would have let five more through at once, and two beside them; a probe takes its time.
  const restored = await shown('down');
  expect(restored.breaker.state).not.toBe('closed');
  expect(dispatch.log()).toMatch(/"breakersOpen":1/);

  receiver.route('/down', { kind: 'ok' });
  const failed = sentTo('/down');
  const from = performance.now();
  const delivered = () =>
    new Set(
      receiver
        .received('/down')
        .slice(failed)
        .map(({ id }) => id),
    ).size;
  await eventually(
    async () => delivered(),
    (count) => count === eventCount,
    30_000,
    50,
  );
  process.stderr.write(
    `${eventCount} events that waited were delivered ${Math.round(performance.now() - from)} ms after the endpoint recovered\n`,
  );
  await eventually(
    () => shown('down'),
    ({ breaker, waiting }) => breaker.state === 'closed' && Object.keys(waiting).length === 0,
    10_000,
    200,
  );
  expect(dispatch.log()).toContain('circuit breaker closed');
});
