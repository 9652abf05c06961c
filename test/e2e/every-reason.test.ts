// Every reason for which a dispatch ends in the dead letter queue, and every reason for which one is put off, on the real
// stack: one endpoint a reason, one table.

import { dispatchHeaders, type AttemptsRecord, decodeAudit, partitionOf } from '@postrider/core/contracts';
import type { DeadReason, DeferReason, Dispatch, Endpoint } from '@postrider/core/domain';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { headerText } from '@postrider/kafka';
import { migrate } from '@postrider/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('everyreason');

interface Case {
  readonly endpoint: Partial<Endpoint>;
  /** Events published to it; default 1. */
  readonly events?: number;
  /** Of the URL; default: the endpoint's id. */
  readonly path?: string;
}

const failing = { retry: { kind: 'delays', delaysMs: [] } } satisfies Partial<Endpoint>;
const patient = { retry: { kind: 'delays', delaysMs: [60_000] } } satisfies Partial<Endpoint>;

/** Cases whose dead letter or deferral follows from an endpoint and its events alone. */
const dead: Partial<Record<DeadReason, Case>> = {
  'retries-exhausted': { endpoint: failing, path: 'broken' },
  gone: { endpoint: {}, path: 'gone' },
  expired: { endpoint: { maxAgeMs: 1_000, retry: { kind: 'delays', delaysMs: [60_000] } }, path: 'broken' },
  'blocked-address': {
    endpoint: { url: 'https://127.0.0.1:9/', retry: { kind: 'delays', delaysMs: [1, 1, 1, 1, 1] } },
  },
  'invalid-configuration': { endpoint: { profile: 'standard-webhooks' } },
};
const deferred: Partial<Record<DeferReason, Case>> = {
  paused: { endpoint: { status: { kind: 'paused' } } },
  'secret-unavailable': { endpoint: { secrets: [{ id: 'k', purpose: 'signing', ref: 'env:NOT_SET' }] } },
  'breaker-open': {
    endpoint: { ...patient, concurrency: 1, breaker: { kind: 'on', failures: 1, openMs: 60_000 } },
    path: 'broken',
    events: 2,
  },
  rate: { endpoint: { ratePerSecond: 0.05 }, events: 12 },
  'queue-full': { endpoint: { concurrency: 1, timeoutMs: 60_000 }, path: 'hang', events: 12 },
};

let receiver: Receiver;
let postrider: TestPostrider;

const events = (id: string, count = 1) =>
  Array.from({ length: count }, (_, n) => ({ id: `${id}-${n}`, type: `to.${id}`, project: 'acme', data: { n } }));

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    routes: { '/broken': { kind: 'status', status: 500 }, '/gone': { kind: 'gone' }, '/hang': { kind: 'hang' } },
  });
  const postgresUrl = await createTestDatabase('everyreason');
  await migrate(postgresUrl);
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl,
    environment,
    tiers: '200ms,1s',
    allowHosts: [`${host}=127.0.0.1`],
    set: ['dispatch.endpointQueue=3'],
  });
  await postrider.applyTopics();
  const all = [...Object.entries(dead), ...Object.entries(deferred)];
  await postrider.putEndpoints(
    all.map(([id, { endpoint, path = id }]) =>
      testEndpoint({
        id,
        environment,
        url: receiver.url(`/${path}`, host),
        eventTypes: [`to.${id}`],
        tls: { ca: ca.caPem },
        ...endpoint,
      }),
    ),
  );
  await postrider.start(['retry-scheduler', 'dispatch', 'convergence']);
  await postrider.ready(30_000);
  await postrider.publish(all.flatMap(([id, { events: count }]) => events(id, count)));
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

/** Reason and attempts of every dead letter, by endpoint. */
async function letters(): Promise<Map<string, { reason: string | undefined; attempts: string | undefined }[]>> {
  const found = new Map<string, { reason: string | undefined; attempts: string | undefined }[]>();
  await postrider.cluster.scan({
    topic: postrider.topics.dlq,
    from: 'earliest',
    onRecord: ({ key, headers }) => {
      const id = key?.toString('utf8') ?? '';
      const letter = {
        reason: headerText(headers, 'pr-reason'),
        attempts: headerText(headers, '__dlq.errors.delivery.count'),
      };
      found.set(id, [...(found.get(id) ?? []), letter]);
    },
  });
  return found;
}

/** Records of `attempts` about an endpoint. */
async function attemptsOf(id: string): Promise<AttemptsRecord[]> {
  const found: AttemptsRecord[] = [];
  await postrider.cluster.scan({
    topic: postrider.topics.attempts,
    from: 'earliest',
    onRecord: ({ key, value }) => {
      const record = decodeAudit(value);
      if (key?.toString('utf8') === id && record.ok) found.push(record.value as AttemptsRecord);
    },
  });
  return found;
}

const letterOf = (id: string) =>
  eventually(
    async () => (await letters()).get(id) ?? [],
    (found) => found.length > 0,
    20_000,
  );

/** Straight to the topic, as somebody else's record. */
async function toDispatches(endpoint: string, headers: Record<string, string>): Promise<void> {
  const partition = partitionOf(endpoint, 4);
  await postrider.appender.append({
    topic: postrider.topics.dispatches,
    partition,
    key: endpoint,
    value: '{}',
    headers,
  });
}

const attemptsMade: Partial<Record<DeadReason, string>> = {
  'retries-exhausted': '1',
  gone: '1',
  expired: '1',
  'blocked-address': '4',
  'invalid-configuration': '1',
};

test.each(Object.keys(dead) as DeadReason[])('a dispatch ends as %s', async (reason) => {
  expect(await letterOf(reason)).toEqual([{ reason, attempts: attemptsMade[reason] }]);
});

test('what comes to an endpoint that is gone ends as endpoint-disabled, without an attempt', async () => {
  await letterOf('gone');
  await postrider.publish([{ id: 'after', type: 'to.gone', project: 'acme', data: {} }]);
  const found = await eventually(
    async () => (await letters()).get('gone') ?? [],
    (all) => all.length === 2,
    20_000,
  );
  expect(found).toContainEqual({ reason: 'endpoint-disabled', attempts: '0' });
  const types = (await attemptsOf('gone')).map(({ type }) => type);
  expect(types).toEqual(['AttemptSettled', 'EndpointDisabled', 'DispatchEnded']);
});

test('what waits for an endpoint that is deleted ends as endpoint-deleted', async () => {
  await eventually(
    () => attemptsOf('paused'),
    (records) => records.length > 0,
    20_000,
  );
  await postrider.appender.append({ topic: postrider.topics.endpoints, partition: 0, key: 'paused', value: null });
  expect(await letterOf('paused')).toEqual([{ reason: 'endpoint-deleted', attempts: '0' }]);
});

test('a record that cannot be read ends as undecodable', async () => {
  await toDispatches('stranger', { 'pr-v': '99' });
  expect(await letterOf('stranger')).toEqual([{ reason: 'undecodable', attempts: '0' }]);
});

test.each(Object.keys(deferred) as DeferReason[])(
  'a dispatch is put off as %s, and no attempt is counted',
  async (reason) => {
    const found = await eventually(
      () => attemptsOf(reason),
      (records) => records.some(({ type }) => type === 'DispatchDeferred'),
      20_000,
    );
    const deferrals = found.filter((record) => record.type === 'DispatchDeferred');
    expect(deferrals.map((record) => record.reason)).toEqual(deferrals.map(() => reason));
    expect(deferrals.every((record) => record.attempt === 1 && record.park === 0)).toBe(true);
  },
);

test('a dispatch for an endpoint that nobody heard of yet is put off as unknown-endpoint', async () => {
  const dispatch: Dispatch = {
    dispatchId: `dsp_${'a'.repeat(26)}` as Dispatch['dispatchId'],
    round: 0,
    attempt: 1,
    endpointId: 'nobody' as Dispatch['endpointId'],
    projectId: 'acme' as Dispatch['projectId'],
    eventId: 'early' as Dispatch['eventId'],
    eventType: 'to.nobody',
    eventTimeMs: undefined,
    subject: undefined,
    createdMs: Date.now(),
    roundStartedMs: Date.now(),
    dueMs: Date.now(),
    hop: 0,
    park: 0,
    origin: `${environment}.events/0/999` as Dispatch['origin'],
    deadlineMs: undefined,
    correlation: undefined,
    mustEnd: undefined,
    replay: undefined,
    traceparent: undefined,
    body: Buffer.from('{}'),
  };
  await toDispatches('nobody', dispatchHeaders(dispatch));
  const [record] = await eventually(
    () => attemptsOf('nobody'),
    (records) => records.length > 0,
    20_000,
  );
  expect(record).toMatchObject({ type: 'DispatchDeferred', reason: 'unknown-endpoint', park: 0 });
});
