// Everything is there before the services are: 10,000 endpoints in a topic nobody has read yet, and a full events topic.
// Nothing may be taken for "nobody subscribed".

import { decodeAudit } from '@postrider/core/contracts';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const endpointCount = 10_000;
const eventCount = 2_000;

let receiver: Receiver;
let postrider: TestPostrider;
const environment = testPrefix('coldstart');

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver({ ...(await ca.issue({ names: [host] })), record: 'none' });
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '1s',
    allowHosts: [`${host}=127.0.0.1`],
  });
  await postrider.applyTopics();
  await postrider.putEndpoints(
    Array.from({ length: endpointCount }, (_, i) =>
      testEndpoint({
        id: `ep-${i}`,
        environment,
        url: receiver.url('/', host),
        eventTypes: [`to.${i}`],
        tls: { ca: ca.caPem },
        // All at once to one host on a machine that may be busy: this is not about patience.
        timeoutMs: 60_000,
      }),
    ),
  );
  await postrider.publish(
    Array.from({ length: eventCount }, (_, i) => ({
      id: `e${i}`,
      type: `to.${(i * 7919) % endpointCount}`,
      project: 'acme',
      data: { n: i },
    })),
  );
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

test('10,000 endpoints and a full events topic at a cold start: 0 unmatched', async () => {
  const results = new Map<string, number>();
  const trace = postrider.cluster.readTable({
    topic: postrider.topics.audit,
    onRecord: ({ value }) => {
      const record = decodeAudit(value);
      const type = record.ok ? record.value.type : 'unreadable';
      results.set(type, (results.get(type) ?? 0) + 1);
    },
  });
  await postrider.start(['dispatch', 'convergence']);
  await eventually(
    async () => receiver.count,
    (count) => count >= eventCount,
    60_000,
  );
  await eventually(
    async () => [...results.values()].reduce((sum, n) => sum + n, 0),
    (sum) => sum >= eventCount,
    30_000,
  );
  expect(Object.fromEntries(results)).toEqual({ EventAccepted: eventCount });
  await trace.stop();
});

test('without any endpoint, convergence waits and says so', async () => {
  const empty = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment: testPrefix('emptytable'),
    tiers: '1s',
  });
  try {
    await empty.applyTopics();
    await empty.publish([{ id: 'e1', type: 'a', project: 'acme', data: {} }]);
    await empty.start(['convergence']);
    await expect(empty.ready(2_000)).rejects.toThrow('endpoint table is empty');
  } finally {
    await empty.stop();
  }
});
