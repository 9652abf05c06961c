// One event of each kind of endpoint on its whole way: published, delivered, retried, dead-lettered.

import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

let receiver: Receiver;
let postrider: TestPostrider;
const environment = testPrefix('firstlight');

beforeAll(async () => {
  const ca = await createLocalCa();
  const certificate = await ca.issue({ names: ['hooks.postrider.example'] });
  receiver = await startReceiver({ ...certificate, routes: { '/flaky': { kind: 'fail-then-ok', times: 2 }, '/dead': { kind: 'status', status: 500 }, '/gone': { kind: 'gone' } } });
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '200ms,1s',
    allowHosts: ['hooks.postrider.example=127.0.0.1'],
  });
  await postrider.applyTopics();
  await postrider.putEndpoints(
    ['ok', 'flaky', 'dead', 'gone'].map((id) =>
      testEndpoint({ id, environment, url: receiver.url(`/${id}`, 'hooks.postrider.example'), eventTypes: [`to.${id}`], tls: { ca: ca.caPem } }),
    ),
  );
  await postrider.start(['retry-scheduler', 'dispatch', 'convergence']);
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

test('an event published to Kafka becomes a webhook', async () => {
  await postrider.publish([{ id: 'e1', type: 'to.ok', project: 'acme', data: { hello: 'world' } }]);
  const [request] = await receiver.waitFor(1, 20_000, '/ok');
  expect(request!.body.toString()).toBe('{"hello":"world"}');
});

test('a failing endpoint is tried again until it takes the event', async () => {
  await postrider.publish([{ id: 'e2', type: 'to.flaky', project: 'acme', data: { n: 1 } }]);
  const requests = await receiver.waitFor(3, 20_000, '/flaky');
  expect(new Set(requests.map((r) => r.id)).size).toBe(1);
  expect(requests[1]!.arrivedMs - requests[0]!.arrivedMs).toBeGreaterThanOrEqual(200);
  expect(requests[2]!.arrivedMs - requests[1]!.arrivedMs).toBeGreaterThanOrEqual(400);
});
