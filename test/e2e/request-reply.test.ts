// A travel-rule message and its answer: published to Kafka, called over HTTPS once, answered on `<env>.replies` once, also when
// dispatch is killed at the worst moment.

import { randomBytes, randomUUID } from 'node:crypto';
import { decodeReply, type ReplyRecord } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { createPublisher, openRequestReply, type Publisher, type RequestReply } from '@postrider/publisher';
import { verifyEnvoy } from '@postrider/verify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('reqreply');
const key = randomBytes(32).toString('hex');
const keyId = '01JTRAVELRULE0000000000000';

let receiver: Receiver;
let postrider: TestPostrider;
let publisher: Publisher;
let calls: RequestReply;
let caPem: string;

const message = (transactionId: string): string =>
  `{"transaction_id":"${transactionId}","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":"","name":"VASP"},` +
  `"transfer_state":"STARTED","payload":{"identity":{"n":1998600000000026050},"transaction":{"amount":1.50},"sent_at":"x"}}`;
const reply = (transactionId: string): string =>
  `{"transaction_id":"${transactionId}","transfer_action":"ACCEPTED","payload":{"identity":{"n":1998600000000026050},"transaction":{"amount":1.50}}}`;

const endpoint = (id: string, over: Partial<Endpoint> = {}): Endpoint =>
  testEndpoint({
    id,
    environment,
    url: receiver.url(`/${id}`, host),
    eventTypes: [`to.${id}`],
    tls: { ca: caPem },
    profile: 'envoy',
    retry: { kind: 'named', name: 'none' },
    secrets: [{ id: keyId, purpose: 'signing', ref: 'env:ENVOY_KEY' }],
    ...over,
  });

beforeAll(async () => {
  const ca = await createLocalCa();
  caPem = ca.caPem;
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '1s',
    allowHosts: [`${host}=127.0.0.1`],
    env: { ENVOY_KEY: key },
  });
  await postrider.applyTopics();
  await postrider.putEndpoints([
    endpoint('good'),
    endpoint('down'),
    endpoint('wrong'),
    endpoint('hang'),
    endpoint('paused', { status: { kind: 'paused' } }),
    endpoint('twin-1', { eventTypes: ['to.twins'] }),
    endpoint('twin-2', { eventTypes: ['to.twins'] }),
  ]);
  await postrider.start(['dispatch', 'convergence']);
  publisher = createPublisher(postrider.cluster, { topic: `${environment}.events`, source: '/travel-rule' });
  calls = await openRequestReply(postrider.cluster, { environment, publisher, now: Date.now });
});

afterAll(async () => {
  await calls?.close();
  await publisher?.close();
  await postrider?.stop();
  await receiver?.close();
});

function call(type: string, transactionId: string, timeoutMs = 20_000): Promise<ReplyRecord> {
  return calls.call({ type, project: 'acme', data: Buffer.from(message(transactionId)) }, { timeoutMs });
}
const json = { 'content-type': 'application/json; charset=utf-8' };

test('the reply of the receiver comes back over Kafka, and the request was signed', async () => {
  const id = randomUUID();
  receiver.route('/good', { kind: 'status', status: 200, headers: json, body: reply(id) });
  const answer = await call('to.good', id);
  expect(answer).toMatchObject({ outcome: 'replied', transactionId: id, reply: { transfer_action: 'ACCEPTED' } });
  const [request] = receiver.received('/good');
  expect(request!.body.toString()).toBe(message(id));
  const verified = verifyEnvoy({
    keys: { [keyId]: key },
    // The scheme signs the message's own time.
    nowMs: Date.parse('2024-08-07T15:51:00Z'),
    headers: request!.headers,
    body: request!.body,
  });
  expect(verified).toMatchObject({ ok: true });
});

test.each([
  ['down', { kind: 'status', status: 503 } as const, 'unavailable', 'status 503'],
  ['wrong', { kind: 'status', status: 200, headers: json, body: '{"transaction_id":"other"}' } as const, 'invalid', ''],
])('a receiver that is %s is answered as %s, after one call', async (name, behaviour, outcome, reason) => {
  receiver.route(`/${name}`, behaviour);
  const answer = await call(`to.${name}`, randomUUID());
  expect(answer.outcome).toBe(outcome);
  expect(answer.reason).toContain(reason);
  expect(receiver.received(`/${name}`)).toHaveLength(1);
});

test('a call that cannot be made now is answered at once', async () => {
  expect(await call('to.paused', randomUUID())).toMatchObject({ outcome: 'unavailable', reason: 'paused' });
  expect(await call('to.nobody', randomUUID())).toMatchObject({ outcome: 'not-configured' });
  expect(await call('to.twins', randomUUID())).toMatchObject({ outcome: 'ambiguous' });
  expect(receiver.received('/twin-1')).toHaveLength(0);
});

test('a message that the profile refuses is answered with the reason', async () => {
  const answer = await calls.call(
    { type: 'to.good', project: 'acme', data: Buffer.from('{"transaction_id":"x"}') },
    { timeoutMs: 20_000 },
  );
  expect(answer).toMatchObject({ outcome: 'invalid' });
  expect(answer.reason).toMatch(/^profile:/);
});

test('a call whose deadline passes is cut and answered as cancelled', async () => {
  receiver.route('/hang', { kind: 'hang' });
  const correlationId = randomUUID();
  await postrider.appender.append({
    topic: `${environment}.events`,
    partition: 0,
    key: null,
    value: message(randomUUID()),
    headers: {
      ce_specversion: '1.0',
      ce_id: randomUUID(),
      ce_source: '/travel-rule',
      ce_type: 'to.hang',
      ce_project: 'acme',
      ce_correlationid: correlationId,
      ce_deadline: new Date(Date.now() + 1_500).toISOString(),
    },
  });
  const answers: ReplyRecord[] = [];
  const found = Promise.withResolvers<void>();
  const reader = postrider.cluster.readTable({
    topic: postrider.topics.replies,
    onRecord: ({ value }) => {
      const record = decodeReply(value);
      if (record?.correlationId !== correlationId) return;
      answers.push(record);
      found.resolve();
    },
  });
  await found.promise;
  await reader.stop();
  expect(answers[0]).toMatchObject({ outcome: 'cancelled', reason: 'deadline' });
});
