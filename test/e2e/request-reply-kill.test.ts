// kill −9 of dispatch while a call is at the receiver: the answer says that the outcome is unknown, and the call is never made a
// second time. Killed after it was settled, the answer stands, once by identity.

import { randomBytes, randomUUID } from 'node:crypto';
import { decodeReply, type ReplyRecord } from '@postrider/core/contracts';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { createPublisher, openRequestReply, type Publisher, type RequestReply } from '@postrider/publisher';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('replykill');
const key = randomBytes(32).toString('hex');

let receiver: Receiver;
let postrider: TestPostrider;
let publisher: Publisher;
let calls: RequestReply;
let dispatch: ServiceProcess;

const env = {
  POSTRIDER_ENVIRONMENT: environment,
  POSTRIDER_KAFKA_BROKERS: testBrokers().join(','),
  POSTRIDER_RETRY_TIERS: '1s',
  POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
  POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
  ENVOY_KEY: key,
};

const message = (id: string): Buffer =>
  Buffer.from(
    `{"transaction_id":"${id}","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},"transfer_state":"STARTED",` +
      `"payload":{"identity":{"n":1},"transaction":{"amount":1.50},"sent_at":"x"}}`,
  );
const reply = (id: string): string =>
  `{"transaction_id":"${id}","transfer_action":"ACCEPTED","payload":{"identity":{"n":1},"transaction":{"amount":1.50}}}`;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  postrider = createTestPostrider({ brokers: testBrokers(), postgresUrl: '', environment, tiers: '1s' });
  await postrider.applyTopics();
  await postrider.putEndpoints([
    testEndpoint({
      id: 'vasp',
      environment,
      url: receiver.url('/vasp', host),
      tls: { ca: ca.caPem },
      profile: 'envoy',
      timeoutMs: 30_000,
      retry: { kind: 'named', name: 'none' },
      secrets: [{ id: '01JTRAVELRULE0000000000000', purpose: 'signing', ref: 'env:ENVOY_KEY' }],
    }),
  ]);
  await postrider.start(['convergence']);
  dispatch = startServiceProcess('dispatch', env);
  publisher = createPublisher(postrider.cluster, { topic: `${environment}.events`, source: '/travel-rule' });
  calls = await openRequestReply(postrider.cluster, { environment, publisher, now: Date.now });
});

afterAll(async () => {
  await calls?.close();
  await publisher?.close();
  await dispatch?.stop();
  await postrider?.stop();
  await receiver?.close();
});

async function answersTo(correlationId: string): Promise<ReplyRecord[]> {
  const found: ReplyRecord[] = [];
  await postrider.cluster.scan({
    topic: postrider.topics.replies,
    from: 'earliest',
    onRecord: ({ value }) => {
      const record = decodeReply(value);
      if (record?.correlationId === correlationId) found.push(record);
    },
  });
  return found;
}

test('killed while the receiver works on the call: answered as unknown, and called once', async () => {
  receiver.route('/vasp', { kind: 'hang' });
  const correlationId = randomUUID();
  const answer = calls.call(
    { type: 'travel', project: 'acme', data: message(randomUUID()) },
    { timeoutMs: 90_000, correlationId },
  );
  await receiver.waitFor(1, 60_000, '/vasp');
  await dispatch.kill();
  dispatch = startServiceProcess('dispatch', env);
  expect(await answer).toMatchObject({ outcome: 'unavailable', reason: 'outcome-unknown' });
  expect(receiver.received('/vasp')).toHaveLength(1);
});

test('killed right after the receiver replied: one answer by identity, and called once', async () => {
  receiver.reset();
  const id = randomUUID();
  const correlationId = randomUUID();
  const json = { 'content-type': 'application/json' };
  receiver.route('/vasp', { kind: 'status', status: 200, headers: json, body: reply(id) });
  const answer = calls.call(
    { type: 'travel', project: 'acme', data: message(id) },
    { timeoutMs: 90_000, correlationId },
  );
  await receiver.waitFor(1, 60_000, '/vasp');
  await dispatch.kill();
  dispatch = startServiceProcess('dispatch', env);
  const { outcome } = await answer;
  // Settled before the kill, or not: either way one truth, told the same way however often it stands in the log.
  expect(['replied', 'unavailable']).toContain(outcome);
  const answers = await answersTo(correlationId);
  expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
  expect(receiver.received('/vasp')).toHaveLength(1);
});
