// Every odd event of convergence's vectors through real Kafka: each leaves one trace with its reason, none stops the ones
// behind it, and bytes stay bytes on both ways out, to the receiver and to `rejected`.

import { readFileSync } from 'node:fs';
import { createConvergence, convergenceRows } from '@postrider/convergence';
import { decodeAudit, dispatchIdOf, originOf, topicTable, type AuditRecord } from '@postrider/core/contracts';
import type { EndpointId, EventId, ProjectId } from '@postrider/core/domain';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { KafkaError, type KafkaRecord } from '@postrider/kafka';
import { migrate, openAuditReads, openDatabase, type AuditReads, type Database } from '@postrider/postgres';
import { commonRows, createLogger, loadConfig, systemClock, systemTimers, type Service } from '@postrider/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

/** Upstream can raise the limit of its own topic; the one made here takes 4 MiB. */
const cannotBeWritten = ['a value above the limit of any topic'];
/** Too large for `rejected` with the reason beside it: their place is kept, their bytes are on upstream's topic. */
const keptWithoutValue = ['a value that just fits its topic'];

const PARTITIONS = 4;
const WAIT_MS = 60_000;
const host = 'hooks.postrider.example';
const environment = testPrefix('oddevents');
const eventsTopic = `${environment}.events`;
const mappedTopic = `${environment}.mapped`;
const pointers = { id: '/meta/id', type: '/meta/type', project: '/tenant', subject: '/meta/subject', time: '/at' };
const mapping = { topic: mappedTopic, ...pointers, data: '/payload' };

type Bytes =
  | null
  | string
  | { readonly text: string }
  | { readonly hex: string }
  | { readonly repeat: readonly [text: string, times: number] };

interface Accepted {
  readonly id: string;
  readonly source: string;
  readonly project: string;
  readonly callbackUrl?: true;
  /** `body`: the record's value. */
  readonly data: string;
}

interface Vector {
  readonly name: string;
  readonly headers: readonly (readonly [name: string, ...values: Bytes[]])[];
  readonly key?: Bytes;
  readonly value: Bytes;
  readonly mapping?: true;
  readonly expect: { readonly rejected: string } | { readonly accepted: Accepted };
}

/** A vector that stands in Kafka. */
interface Published {
  readonly vector: Vector;
  readonly record: Pick<KafkaRecord, 'key' | 'value' | 'headers'>;
  readonly origin: string;
}

const ordinary = (topic: string, partition: number): Vector => {
  const id = `ordinary-${topic === mappedTopic ? 'mapped' : 'binary'}-${partition}`;
  const isMapped = topic === mappedTopic;
  const envelope = { ce_specversion: '1.0', ce_id: id, ce_source: '/checks', ce_type: 't', ce_project: 'acme' };
  return {
    name: id,
    headers: isMapped ? [] : Object.entries(envelope),
    value: isMapped ? `{"meta":{"id":"${id}","type":"t"},"tenant":"acme","payload":{"a":1}}` : '{"a":1}',
    ...(isMapped ? { mapping: true } : {}),
    expect: {
      accepted: { id, source: isMapped ? `kafka:${mappedTopic}` : '/checks', project: 'acme', data: '{"a":1}' },
    },
  };
};

const vectors = readFileSync(new URL('../../services/convergence/test-vectors/events.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map(
    (line) => JSON.parse(line.replaceAll('{environment}', environment).replaceAll('{topic}', mappedTopic)) as Vector,
  );
const projects = [...new Set(vectors.flatMap(({ expect }) => ('accepted' in expect ? [expect.accepted.project] : [])))];
const endpointFor = (project: string): EndpointId => `odd-${projects.indexOf(project)}` as EndpointId;

const published: Published[] = [];
const refused: { readonly name: string; readonly code: string }[] = [];
let receiver: Receiver;
let postrider: TestPostrider;
let convergence: Service;
let database: Database;
let reads: AuditReads;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  const postgresUrl = await createTestDatabase('oddevents');
  await migrate(postgresUrl);
  database = openDatabase({ url: postgresUrl });
  reads = openAuditReads(database, environment);
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl,
    environment,
    tiers: '1s',
    allowHosts: [`${host}=127.0.0.1`],
  });
  await postrider.cluster.admin().applyTopics(
    topicTable({
      environment,
      partitions: PARTITIONS,
      replicationFactor: 1,
      minInsyncReplicas: 1,
      tiers: [{ name: '1s', delayMs: 1_000 }],
      eventTopics: [eventsTopic, mappedTopic],
      eventPartitions: PARTITIONS,
    }),
  );
  await postrider.putEndpoints(
    projects.map((project) =>
      testEndpoint({
        id: endpointFor(project),
        projectId: project as ProjectId,
        environment,
        url: receiver.url('/odd', host),
        tls: { ca: ca.caPem },
      }),
    ),
  );
  for (const [i, vector] of vectors.entries()) await publish(vector, i % PARTITIONS);
  for (const topic of [eventsTopic, mappedTopic])
    for (let partition = 0; partition < PARTITIONS; partition++) await publish(ordinary(topic, partition), partition);
  await postrider.start(['audit-projector', 'dispatch']);
  convergence = createConvergenceWithMapping();
  await convergence.start({
    fail: (error) => {
      throw error;
    },
  });
});

afterAll(async () => {
  await convergence?.stop({ reason: 'test', drainTimeoutMs: 2_000 });
  await postrider?.stop();
  await database?.close();
  await receiver?.close();
});

/** A mapping stands in a configuration file only. */
function createConvergenceWithMapping(): Service {
  const loaded = loadConfig(
    { ...commonRows, ...convergenceRows },
    {
      env: {},
      flags: [`environment=${environment}`, `kafka.brokers=${testBrokers().join(',')}`, `topics.partitions=4`],
      path: 'postrider.json',
      readFile: () =>
        JSON.stringify({
          'convergence.eventTopics': [eventsTopic, mappedTopic],
          'convergence.mappings': [mapping],
        }),
    },
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return createConvergence({
    config: loaded.config,
    cluster: postrider.cluster,
    metrics: postrider.metrics,
    // A warning for each rejected event is what is right, and 150 of them say nothing here.
    logger: createLogger({ level: 'error', format: 'json', base: { service: 'convergence' } }),
    clock: systemClock,
    timers: systemTimers,
  });
}

function bytesOf(given: Bytes): Buffer | null {
  if (given === null) return null;
  if (typeof given === 'string') return Buffer.from(given);
  if ('hex' in given) return Buffer.from(given.hex, 'hex');
  return 'text' in given ? Buffer.from(given.text) : Buffer.from(given.repeat[0].repeat(given.repeat[1]));
}

/** Appends one after the other, so that none is written twice for the sake of one that is refused; that one is noted. */
async function publish(vector: Vector, partition: number): Promise<void> {
  const record = {
    topic: vector.mapping ? mappedTopic : eventsTopic,
    partition,
    key: bytesOf(vector.key ?? null),
    value: bytesOf(vector.value),
    headers: new Map(vector.headers.map(([name, ...values]) => [name, values.map(bytesOf)])),
  };
  try {
    const { offset } = await postrider.appender.append(record);
    published.push({ vector, record, origin: originOf({ ...record, offset }) });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    refused.push({ name: vector.name, code: error.code });
  }
}

async function recordsOf(topic: string): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await postrider.cluster.scan({ topic, from: 'earliest', onRecord: (record) => void records.push(record) });
  return records;
}

/** Audit records of events, by origin. The appender may write one twice, word for word; another decision has other words. */
async function traces(): Promise<Map<string, AuditRecord[]>> {
  const found = new Map<string, AuditRecord[]>();
  const texts = new Set((await recordsOf(postrider.topics.audit)).map(({ value }) => String(value)));
  for (const text of texts) {
    const decoded = decodeAudit(Buffer.from(text));
    if (!decoded.ok) throw new Error(`audit holds what cannot be read: ${decoded.problem}`);
    if (!decoded.value.type.startsWith('Event') || !('origin' in decoded.value)) continue;
    const { origin } = decoded.value;
    found.set(origin, [...(found.get(origin) ?? []), decoded.value]);
  }
  return found;
}

const delivered = (): [Published, Accepted][] =>
  published.flatMap((one) =>
    'accepted' in one.vector.expect && !one.vector.expect.accepted.callbackUrl
      ? [[one, one.vector.expect.accepted] as [Published, Accepted]]
      : [],
  );

/** What the trace of a vector must say. */
function traceOf({ expect }: Vector): { readonly type: string; readonly reason?: string } {
  if ('rejected' in expect) return { type: 'EventRejected', reason: expect.rejected };
  return expect.accepted.callbackUrl ? { type: 'EventUnmatched', reason: 'callback-url' } : { type: 'EventAccepted' };
}

test('upstream can write all of them, but for those that no broker takes', () => {
  expect(refused).toEqual(cannotBeWritten.map((name) => ({ name, code: 'record-too-large' })));
  expect(published).toHaveLength(vectors.length - cannotBeWritten.length + 2 * PARTITIONS);
});

test('the ordinary events behind them are delivered, and so is every odd one that is accepted, byte for byte', async () => {
  const wanted = delivered();
  const requests = await receiver.waitFor(wanted.length, WAIT_MS);
  const bodies = new Map(requests.map(({ id, body }) => [id, body]));
  const wrong = wanted.flatMap(([{ vector, record }, { id, source, project, data }]) => {
    const endpointId = endpointFor(project);
    const body = bodies.get(dispatchIdOf({ environment, source, eventId: id as EventId, endpointId }));
    const expected = data === 'body' ? record.value! : Buffer.from(data);
    return body?.equals(expected) ? [] : [{ name: vector.name, got: body?.toString().slice(0, 100) }];
  });
  expect(wrong).toEqual([]);
  expect(requests).toHaveLength(wanted.length);
});

test('each consumed offset leaves one trace, with the reason that is expected, and it can be told in PostgreSQL', async () => {
  const found = await eventually(traces, (all) => all.size >= published.length, WAIT_MS, 500);
  const told = published.map(({ vector, origin }) => ({
    name: vector.name,
    traces: (found.get(origin) ?? []).map(factsOfTrace),
  }));
  expect(told).toEqual(published.map(({ vector }) => ({ name: vector.name, traces: [traceOf(vector)] })));
  expect(found.size).toBe(published.length);

  for (const { vector, origin } of published) {
    const [row] = await eventually(
      () => reads.eventRecords(origin),
      (rows) => rows.length > 0,
      WAIT_MS,
    );
    expect({ name: vector.name, type: row?.type }).toEqual({ name: vector.name, type: traceOf(vector).type });
  }
});

function factsOfTrace(record: AuditRecord): { readonly type: string; readonly reason?: string } {
  return { type: record.type, ...('reason' in record ? { reason: record.reason } : {}) };
}

test('what is rejected stands byte for byte on `rejected`, with its reason', async () => {
  const expected = published.filter(({ vector }) => 'rejected' in vector.expect);
  const rejected = await eventually(
    () => recordsOf(postrider.topics.rejected),
    (records) => new Set(records.map(originOfRejected)).size >= expected.length,
    WAIT_MS,
    500,
  );
  const byOrigin = Map.groupBy(rejected, originOfRejected);
  const wrong = expected.filter(
    (one) => !byOrigin.get(one.origin)?.every((kept) => isRejectedCopy(kept, one, traceOf(one.vector).reason!)),
  );
  expect(wrong.map(({ vector }) => vector.name)).toEqual([]);
  expect(byOrigin.size).toBe(expected.length);
});

const originOfRejected = ({ headers }: KafkaRecord): string => String(headers.get('pr-origin'));

/** Key, value and headers as upstream wrote them, and our marks beside or in place of them. */
function isRejectedCopy(kept: KafkaRecord, { vector, record, origin }: Published, reason: string): boolean {
  const isWhole = !keptWithoutValue.includes(vector.name);
  const headers = new Map(isWhole ? record.headers : [['pr-truncated', [Buffer.from('true')]]]);
  headers.set('pr-reason', [Buffer.from(reason)]).set('pr-origin', [Buffer.from(origin)]);
  return (
    isSame(kept.key, isWhole ? record.key : null) &&
    isSame(kept.value, isWhole ? record.value : null) &&
    kept.headers.size === headers.size &&
    [...headers].every(([name, values]) => {
      const given = kept.headers.get(name);
      return given?.length === values.length && values.every((value, i) => isSame(value, given[i] ?? null));
    })
  );
}

const isSame = (a: Buffer | null, b: Buffer | null): boolean => (a === null || b === null ? a === b : a.equals(b));

test('every partition is read to its end', async () => {
  const admin = postrider.cluster.admin();
  for (const topic of [eventsTopic, mappedTopic]) {
    const ends = await admin.endOffsets(topic);
    const read = await eventually(
      async () => {
        const committed = await admin.committed(`${environment}.convergence`, [topic]);
        return new Map(committed.map(({ partition, offset }) => [partition, offset]));
      },
      (offsets) => [...ends].every(([partition, end]) => offsets.get(partition) === end),
      WAIT_MS,
      200,
    );
    expect(read).toEqual(ends);
  }
});
