// One event on its whole way, for each manner of endpoint: published, delivered, retried, dead-lettered, audited.

import { randomBytes } from 'node:crypto';
import type { Endpoint } from '@postrider/core/domain';
import { headerText, type KafkaRecord } from '@postrider/kafka';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import {
  migrate,
  openAuditReads,
  openDatabase,
  type AuditReads,
  type Database,
  type Delivery,
} from '@postrider/postgres';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('firstlight');
const secrets = [randomBytes(32), randomBytes(24)].map((bytes) => `whsec_${bytes.toString('base64')}`);

let receiver: Receiver;
let postrider: TestPostrider;
let database: Database;
let reads: AuditReads;
let endpoint: (id: string, over?: Partial<Endpoint>) => Endpoint;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    routes: {
      '/flaky': { kind: 'fail-then-ok', times: 2 },
      '/dead': { kind: 'status', status: 500 },
      '/gone': { kind: 'gone' },
      '/later': { kind: 'retry-after', value: '1', times: 1 },
    },
  });
  const postgresUrl = await createTestDatabase('firstlight');
  await migrate(postgresUrl);
  database = openDatabase({ url: postgresUrl });
  reads = openAuditReads(database, environment);
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl,
    environment,
    tiers: '200ms,1s',
    allowHosts: [`${host}=127.0.0.1`],
    env: { SECRET_NEW: secrets[0]!, SECRET_OLD: secrets[1]! },
  });
  await postrider.applyTopics();
  endpoint = (id, over = {}) =>
    testEndpoint({
      id,
      environment,
      url: receiver.url(`/${id}`, host),
      eventTypes: [`to.${id}`],
      tls: { ca: ca.caPem },
      retry: { kind: 'delays', delaysMs: [200, 400] },
      ...over,
    });
  await postrider.putEndpoints([
    endpoint('ok'),
    endpoint('flaky'),
    endpoint('dead'),
    endpoint('gone'),
    endpoint('later'),
    endpoint('paused', { status: { kind: 'paused' } }),
    endpoint('signed', {
      profile: 'standard-webhooks',
      secrets: [
        { id: 'new', purpose: 'signing', ref: 'env:SECRET_NEW' },
        { id: 'old', purpose: 'signing', ref: 'env:SECRET_OLD' },
      ],
    }),
    endpoint('untrusted', { tls: undefined, retry: { kind: 'delays', delaysMs: [] } }),
    endpoint('prefix', { eventTypes: ['family.*'] }),
  ]);
  await postrider.start(['audit-projector', 'retry-scheduler', 'dispatch', 'convergence']);
});

afterAll(async () => {
  await postrider?.stop();
  await database?.close();
  await receiver?.close();
});

/** The one delivery of an event once PostgreSQL tells that it ended. */
async function ended(eventId: string): Promise<Delivery> {
  const page = await eventually(
    () => reads.findDeliveries({ id: eventId }),
    ({ deliveries }) =>
      deliveries.length > 0 && deliveries.every(({ state }) => state === 'delivered' || state === 'dead'),
    20_000,
  );
  expect(page.deliveries).toHaveLength(1);
  return page.deliveries[0]!;
}

async function letters(eventId: string): Promise<KafkaRecord[]> {
  const found: KafkaRecord[] = [];
  await postrider.cluster.scan({
    topic: postrider.topics.dlq,
    from: 'earliest',
    onRecord: (record) => void (headerText(record.headers, 'pr-event-id') === eventId && found.push(record)),
  });
  return found;
}

test('an event published to Kafka becomes one webhook, its data byte for byte', async () => {
  const data = { caseId: 'x', hello: 'wörld' };
  await postrider.publish([{ id: 'e-ok', type: 'to.ok', project: 'acme', subject: 'submission-1', data }]);
  const delivery = await ended('e-ok');
  expect(delivery).toMatchObject({
    state: 'delivered',
    attempts: 1,
    lastHttpStatus: 200,
    endpoint: 'ok',
    project: 'acme',
    subject: 'submission-1',
  });
  const requests = receiver.received('/ok');
  expect(requests).toHaveLength(1);
  expect(requests[0]!.body.toString()).toBe(JSON.stringify(data));
  expect(requests[0]!.headers['postrider-dispatch-id']).toBe(delivery.dispatch);
});

test('an independent library verifies both signatures during a rotation', async () => {
  await postrider.publish([{ id: 'e-signed', type: 'to.signed', project: 'acme', data: { n: 1 } }]);
  await ended('e-signed');
  const [request] = receiver.received('/signed');
  const headers = request!.headers as Record<string, string>;
  for (const secret of secrets) expect(new Webhook(secret).verify(request!.body.toString(), headers)).toEqual({ n: 1 });
  const stranger = new Webhook(`whsec_${randomBytes(32).toString('base64')}`);
  expect(() => stranger.verify(request!.body.toString(), headers)).toThrow();
});

test('a failing endpoint is tried again with the same id and body, never early, until it takes the event', async () => {
  await postrider.publish([{ id: 'e-flaky', type: 'to.flaky', project: 'acme', data: { n: 1 } }]);
  expect(await ended('e-flaky')).toMatchObject({ state: 'delivered', attempts: 3 });
  const requests = receiver.received('/flaky');
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map((request) => request.id)).size).toBe(1);
  expect(new Set(requests.map((request) => request.body.toString())).size).toBe(1);
  expect(requests[1]!.arrivedMs - requests[0]!.arrivedMs).toBeGreaterThanOrEqual(200);
  expect(requests[2]!.arrivedMs - requests[1]!.arrivedMs).toBeGreaterThanOrEqual(400);
});

test('Retry-After lengthens the delay', async () => {
  await postrider.publish([{ id: 'e-later', type: 'to.later', project: 'acme', data: {} }]);
  expect(await ended('e-later')).toMatchObject({ state: 'delivered', attempts: 2 });
  const [first, second] = receiver.received('/later');
  expect(second!.arrivedMs - first!.arrivedMs).toBeGreaterThanOrEqual(1_000);
});

test('an endpoint that always fails ends in the dead letter queue with its reason and its origin', async () => {
  await postrider.publish([{ id: 'e-dead', type: 'to.dead', project: 'acme', data: { keep: 'me' } }]);
  const delivery = await ended('e-dead');
  expect(delivery).toMatchObject({ state: 'dead', reason: 'retries-exhausted', attempts: 3, lastHttpStatus: 500 });
  const found = await letters('e-dead');
  expect(found).toHaveLength(1);
  const header = (name: string) => headerText(found[0]!.headers, name);
  expect(found[0]!.value!.toString()).toBe('{"keep":"me"}');
  expect(header('pr-reason')).toBe('retries-exhausted');
  expect(header('__dlq.errors.topic')).toBe(postrider.topics.dispatches);
  expect(header('__dlq.errors.partition')).toBe(String(found[0]!.partition));
  expect(Number(header('__dlq.errors.offset'))).toBeGreaterThanOrEqual(0);
  expect(header('__dlq.errors.group')).toBe(`${environment}.dispatch`);
  expect(header('__dlq.errors.delivery.count')).toBe('3');
  expect(header('__dlq.errors.message')).toContain('HTTP 500');
});

test('410 disables the endpoint: what comes after it is dead without an attempt', async () => {
  await postrider.publish([{ id: 'e-gone', type: 'to.gone', project: 'acme', data: {} }]);
  expect(await ended('e-gone')).toMatchObject({ state: 'dead', reason: 'gone', attempts: 1 });
  await postrider.publish([{ id: 'e-gone-2', type: 'to.gone', project: 'acme', data: {} }]);
  expect(await ended('e-gone-2')).toMatchObject({ state: 'dead', reason: 'endpoint-disabled', attempts: 0 });
  expect(receiver.received('/gone')).toHaveLength(1);
});

test('a certificate that nobody vouches for is never accepted', async () => {
  await postrider.publish([{ id: 'e-untrusted', type: 'to.untrusted', project: 'acme', data: {} }]);
  expect(await ended('e-untrusted')).toMatchObject({ state: 'dead', lastOutcome: 'tls', lastHttpStatus: null });
  expect(receiver.received('/untrusted')).toHaveLength(0);
});

test('an event type prefix matches', async () => {
  await postrider.publish([{ id: 'e-prefix', type: 'family.child.born', project: 'acme', data: {} }]);
  expect(await ended('e-prefix')).toMatchObject({ state: 'delivered', endpoint: 'prefix' });
});

test('a paused endpoint defers without counting an attempt, and running services take its newer version at once', async () => {
  await postrider.publish([{ id: 'e-paused', type: 'to.paused', project: 'acme', data: {} }]);
  const { deliveries } = await eventually(
    () => reads.findDeliveries({ id: 'e-paused' }),
    (page) => page.deliveries[0]?.state === 'deferred',
    20_000,
  );
  expect(deliveries[0]).toMatchObject({ attempts: 0, reason: 'paused' });
  expect(receiver.received('/paused')).toHaveLength(0);
  await postrider.putEndpoints([endpoint('paused', { version: 2 })]);
  await postrider.publish([{ id: 'e-reloaded', type: 'to.paused', project: 'acme', data: {} }]);
  expect(await ended('e-reloaded')).toMatchObject({ state: 'delivered', attempts: 1 });
  // What was parked comes back after its five seconds.
  expect(await ended('e-paused')).toMatchObject({ state: 'delivered', attempts: 1 });
});

test('an event for nobody and an event that is none both leave a trace', async () => {
  await postrider.publish([{ id: 'e-nobody', type: 'to.nobody', project: 'acme', data: {} }]);
  const unmatched = await eventually(
    () => reads.eventRecords('e-nobody'),
    (rows) => rows.length > 0,
    20_000,
  );
  expect(unmatched[0]).toMatchObject({ type: 'EventUnmatched', reason: 'no-endpoint' });

  const { offset } = await postrider.appender.append({
    topic: `${environment}.events`,
    partition: 0,
    key: 'k',
    value: 'not json',
    headers: { ce_specversion: '1.0' },
  });
  const rejected = await eventually(
    () => reads.eventRecords(`${environment}.events/0/${offset}`),
    (rows) => rows.length > 0,
    20_000,
  );
  expect(rejected[0]).toMatchObject({ type: 'EventRejected', reason: 'invalid-json' });
  const originals: string[] = [];
  await postrider.cluster.scan({
    topic: postrider.topics.rejected,
    from: 'earliest',
    onRecord: (record) => void originals.push(`${record.value?.toString()} ${headerText(record.headers, 'pr-reason')}`),
  });
  expect(originals).toContain('not json invalid-json');
});

test('the same event published twice is one dispatch: the second copy changes nothing', async () => {
  await postrider.publish([{ id: 'e-twice', type: 'to.ok', project: 'acme', data: { n: 2 } }]);
  const first = await ended('e-twice');
  await postrider.publish([{ id: 'e-twice', type: 'to.ok', project: 'acme', data: { n: 2 } }]);
  await eventually(
    () => reads.eventRecords('e-twice'),
    (rows) => rows.length === 2,
    20_000,
  );
  await eventually(
    async () => (await postrider.metrics.scrape()).text,
    (text) => /postrider_dispatches_dropped_total\{[^}]*reason="settled"[^}]*\} [1-9]/.test(text),
    10_000,
  );
  expect(receiver.received('/ok').filter((request) => request.id === first.dispatch)).toHaveLength(1);
});

test('what the tables count is what a recount gives', async () => {
  expect(await reads.dailyCounts()).toEqual(await reads.recount());
});
