// The appender, the bounded scan, the table reader and the admin on a real broker.

import { randomBytes } from 'node:crypto';
import { headerText, openCluster } from '@postrider/kafka';
import type { Appender, AppendRecord, KafkaError, KafkaRecord } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startKafkaProxy } from '../support/kafka-proxy.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('kafkaappend');
const cluster = openCluster({ brokers: testBrokers(), clientId: prefix });
const admin = cluster.admin();

async function createTopic(name: string, config: Record<string, string> = {}, partitions = 4): Promise<string> {
  const topic = `${prefix}.${name}`;
  await admin.applyTopics([{ name: topic, partitions, replicationFactor: 1, config }]);
  return topic;
}

async function readAll(topic: string, options: { partitions?: number[] } = {}): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await cluster.scan({
    topic,
    from: 'earliest',
    timeoutMs: 20_000,
    onRecord: (record) => void records.push(record),
    ...options,
  });
  return records;
}

beforeAll(async () => {
  await admin.clusterInfo();
});
afterAll(() => cluster.close());

describe('the appender', () => {
  test('gives each record the offset at which it then stands', async () => {
    const topic = await createTopic('offsets');
    const appender = cluster.openAppender();
    const records = Array.from({ length: 1_700 }, (_, i) => ({ topic, partition: i % 4, key: null, value: `r${i}` }));
    const offsets = await appender.appendAll(records);
    const expected = new Map(records.map(({ partition, value }, i) => [`${partition}/${offsets[i]?.offset}`, value]));
    expect(expected.size).toBe(records.length);
    const found = await readAll(topic);
    expect(new Map(found.map((r) => [`${r.partition}/${r.offset}`, r.value?.toString()]))).toEqual(expected);
    expect(appender.stats()).toMatchObject({ records: 1_700, resends: 0, coverageFailures: 0 });
    await appender.close();
  });

  test('forms batches from what arrives while one is out, and sends a lone record at once', async () => {
    const topic = await createTopic('batches');
    const sizes: number[] = [];
    const appender = cluster.openAppender({ hooks: { onBatch: (batch) => sizes.push(batch.records) } });
    await appender.append({ topic, partition: 0, key: null, value: 'alone' });
    await appender.appendAll(
      Array.from({ length: 1_200 }, (_, i) => ({ topic, partition: i % 4, key: null, value: 'x' })),
    );
    await appender.close();
    expect(sizes).toEqual([1, 500, 500, 200]);
  });

  /** Twenty records, each in a turn of the event loop of its own. */
  async function trickle(appender: Appender, record: AppendRecord): Promise<void> {
    const appended: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      appended.push(appender.append(record));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(appended);
  }

  test('rests after a batch when it is asked to, so that a steady stream makes fewer and larger ones', async () => {
    const topic = await createTopic('rests');
    const sizes: number[] = [];
    const appender = cluster.openAppender({
      restMsMax: 2_000,
      hooks: { onBatch: (batch) => sizes.push(batch.records) },
    });
    const record = { topic, partition: 0, key: null, value: 'x' };
    // Half a millisecond for each record: a quarter of a second, less what the sending takes.
    await appender.appendAll(Array.from({ length: 499 }, () => record));
    await trickle(appender, record);
    await appender.close();
    expect(sizes).toEqual([499, 20]);
  });

  test('rests as long for a record as it is asked to', async () => {
    const topic = await createTopic('restslong');
    const sizes: number[] = [];
    const appender = cluster.openAppender({
      restMsMax: 1_000,
      restMsPerRecord: 1_000,
      hooks: { onBatch: (batch) => sizes.push(batch.records) },
    });
    const record = { topic, partition: 0, key: null, value: 'x' };
    await appender.append(record);
    await trickle(appender, record);
    await appender.close();
    expect(sizes).toEqual([1, 20]);
  });

  test('never rests while a full batch waits, or somebody waits for the last record', async () => {
    const topic = await createTopic('restless');
    const appender = cluster.openAppender({ restMsMax: 600_000, recordsMax: 100_000 });
    const records = (n: number) => Array.from({ length: n }, () => ({ topic, partition: 0, key: null, value: 'x' }));
    await appender.appendAll(records(500));
    await appender.appendAll(records(500));
    void appender.append({ topic, partition: 0, key: null, value: 'x' });
    await appender.flush();
    expect(appender.stats().records).toBe(1_001);
    await appender.close();
  });

  test('rejects a record that is too large, and only that one', async () => {
    const topic = await createTopic('toolarge', { 'max.message.bytes': '20000' });
    const appender = cluster.openAppender();
    const answers = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) =>
        appender.append({
          topic,
          partition: i % 4,
          key: null,
          value: i === 41 ? randomBytes(30_000) : Buffer.from(`r${i}`),
        }),
      ),
    );
    const rejected = answers.flatMap((answer, i) =>
      answer.status === 'rejected' ? [[i, (answer.reason as KafkaError).code]] : [],
    );
    expect(rejected).toEqual([[41, 'record-too-large']]);
    const found = new Set((await readAll(topic)).map((r) => r.value?.toString()));
    expect(found.size).toBe(99);
    await appender.close();
  });

  test('waits for a topic that is created later, in order, without holding up others', async () => {
    const existing = await createTopic('present');
    const appender = cluster.openAppender();
    const later = `${prefix}.later`;
    const waiting = [1, 2, 3].map((i) => appender.append({ topic: later, partition: 0, key: null, value: `w${i}` }));
    await appender.append({ topic: existing, partition: 0, key: null, value: 'not held up' });
    expect(appender.depth()).toBe(3);
    await createTopic('later', {}, 1);
    expect(await Promise.all(waiting)).toEqual([{ offset: 0 }, { offset: 1 }, { offset: 2 }]);
    expect((await readAll(later)).map((r) => r.value?.toString())).toEqual(['w1', 'w2', 'w3']);
    await appender.close();
  });

  test('closing rejects what cannot be written any more, within its time', async () => {
    const appender = cluster.openAppender();
    const never = appender.append({ topic: `${prefix}.never`, partition: 0, key: null, value: 'x' });
    const [outcome] = await Promise.allSettled([never, appender.close({ drainMs: 300 })]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'closed' } });
    await expect(appender.append({ topic: 't', partition: 0, key: null, value: 'x' })).rejects.toMatchObject({
      code: 'closed',
    });
    expect(appender.depth()).toBe(0);
  });

  test.each(['none', 'gzip', 'zstd'] as const)(
    'what it compresses with %s reads back byte for byte',
    async (compression) => {
      const topic = await createTopic(`codec-${compression}`);
      const appender = cluster.openAppender({ compression });
      const values = Array.from({ length: 50 }, (_, i) => randomBytes(i * 40));
      await appender.appendAll(values.map((value) => ({ topic, partition: 0, key: 'k', value })));
      expect((await readAll(topic)).map((r) => r.value)).toEqual(values);
      await appender.close();
    },
  );

  test('headers, null values and empty values come back as they went', async () => {
    const topic = await createTopic('headers', { 'message.timestamp.type': 'LogAppendTime' });
    const appender = cluster.openAppender();
    const headers = { text: 'é', none: null, empty: '', twice: ['1', '2'], constructor: 'c', __proto__x: 'p' };
    await appender.append({ topic, partition: 2, key: null, value: null, headers });
    await appender.append({ topic, partition: 2, key: '', value: '' });
    const [first, second] = await readAll(topic);
    expect(first).toMatchObject({ topic, partition: 2, offset: 0, key: null, value: null });
    expect([...(first?.headers.keys() ?? [])].sort()).toEqual(Object.keys(headers).sort());
    expect(headerText(first!.headers, 'text')).toBe('é');
    expect(first!.headers.get('none')).toEqual([null]);
    expect(first!.headers.get('empty')).toEqual([Buffer.alloc(0)]);
    expect(first!.headers.get('twice')?.map(String)).toEqual(['1', '2']);
    expect(second).toMatchObject({ key: Buffer.alloc(0), value: Buffer.alloc(0) });
    expect(Math.abs(first!.timestamp - performance.timeOrigin - performance.now())).toBeLessThan(60_000);
    await appender.close();
  });
});

describe('the table reader', () => {
  test('is ready at once on an empty topic, and follows from there', async () => {
    const topic = await createTopic('emptytable', { 'cleanup.policy': 'compact' }, 1);
    const next = Promise.withResolvers<KafkaRecord>();
    const table = cluster.readTable({ topic, onRecord: next.resolve });
    await table.ready;
    const appender = cluster.openAppender();
    await appender.append({ topic, partition: 0, key: 'a', value: '1' });
    expect((await next.promise).value?.toString()).toBe('1');
    await Promise.all([table.stop(), appender.close()]);
  });

  test('reads 10,000 records before it says that it is ready', async () => {
    const topic = await createTopic('table', { 'cleanup.policy': 'compact' }, 1);
    const appender = cluster.openAppender();
    await appender.appendAll(
      Array.from({ length: 10_000 }, (_, i) => ({ topic, partition: 0, key: `k${i}`, value: 'v'.repeat(300) })),
    );
    const keys = new Set<string>();
    const started = performance.now();
    const table = cluster.readTable({ topic, onRecord: (record) => void keys.add(String(record.key)) });
    await table.ready;
    expect(keys.size).toBe(10_000);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(table.lag()).toBe(0);
    await Promise.all([table.stop(), appender.close()]);
  });

  test('reads a topic that was made anew from its start, not from the end that it has by then', async () => {
    const topic = await createTopic('anew', { 'cleanup.policy': 'compact' }, 1);
    const appender = cluster.openAppender();
    const write = (values: string[]) =>
      appender.appendAll(values.map((value) => ({ topic, partition: 0, key: value, value })));
    await write(['1', '2', '3', '4']);
    const proxy = await startKafkaProxy({ brokers: testBrokers() });
    const proxied = openCluster({ brokers: proxy.brokers, clientId: `${prefix}-anew` });
    const seen: string[] = [];
    const table = proxied.readTable({ topic, onRecord: ({ value }) => void seen.push(String(value)) });
    await table.ready;
    const held = proxy.add({ api: 'Fetch', side: 'request', action: 'hold' });
    await held.hit;
    await admin.deleteTopics([topic]);
    await eventually(
      () => createTopic('anew', { 'cleanup.policy': 'compact' }, 1).then(String, String),
      (made) => made === topic,
      20_000,
    );
    await write(['5', '6']);
    held.release();
    await expect.poll(() => seen.join(), { timeout: 20_000 }).toBe('1,2,3,4,5,6');
    await Promise.all([proxied.close(), appender.close()]);
    await proxy.stop();
  });

  test('waits for its topic, and rejects `ready` when it is stopped first', async () => {
    const waiting = Promise.withResolvers<KafkaError>();
    const table = cluster.readTable({ topic: `${prefix}.absent`, onRecord: () => undefined, onError: waiting.resolve });
    expect((await waiting.promise).code).toBe('unknown-topic');
    await table.stop();
    await expect(table.ready).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('the scan', () => {
  test('reads exactly from the given offsets to the ends, and can stop early', async () => {
    const topic = await createTopic('scan', {}, 2);
    const appender = cluster.openAppender();
    await appender.appendAll(
      Array.from({ length: 100 }, (_, i) => ({ topic, partition: i % 2, key: null, value: String(i) })),
    );
    const offsets: number[] = [];
    const result = await cluster.scan({
      topic,
      partitions: [1],
      from: new Map([[1, 10]]),
      to: new Map([[1, 20]]),
      onRecord: (record) => void offsets.push(record.offset),
    });
    expect(offsets).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(result.records).toBe(10);
    const early = await cluster.scan({ topic, from: 'earliest', onRecord: () => 'stop' });
    expect(early.records).toBe(1);
    await appender.close();
  });

  test('takes as long as its records take, however short the time for one answer is', async () => {
    const topic = await createTopic('slowscan', {}, 1);
    const appender = cluster.openAppender();
    // A fetch brings two of them at most.
    for (let i = 0; i < 10; i += 1) {
      await appender.append({ topic, partition: 0, key: null, value: randomBytes(400_000) });
    }
    await appender.close();
    const busy = (ms: number): void => {
      for (const until = performance.now() + ms; performance.now() < until;);
    };
    const { records } = await cluster.scan({ topic, from: 'earliest', timeoutMs: 1_000, onRecord: () => busy(200) });
    expect(records).toBe(10);
    const nothing = cluster.scan({ topic, from: 'earliest', timeoutMs: 1, onRecord: () => undefined });
    await expect(nothing).rejects.toMatchObject({ code: 'timeout' });
  });

  test('rejects for a topic that does not exist', async () => {
    await expect(readAll(`${prefix}.nowhere`)).rejects.toMatchObject({ code: 'unknown-topic' });
  });

  test('leaves no group behind', async () => {
    const topic = await createTopic('nogroup');
    await readAll(topic);
    expect((await admin.listGroups()).filter((group) => group.includes(prefix))).toEqual([]);
  });
});

describe('the admin', () => {
  test('creates topics as specified, corrects settings without touching others, and refuses another partition count', async () => {
    const topic = await createTopic('applied', { 'retention.ms': '1000000', 'segment.ms': '500000' });
    const spec = { name: topic, partitions: 4, replicationFactor: 1, config: { 'retention.ms': '2000000' } };
    expect(await admin.planTopics([spec])).toEqual([
      { topic, kind: 'config-changed', changes: [{ key: 'retention.ms', from: '1000000', to: '2000000' }] },
    ]);
    await admin.applyTopics([spec]);
    const described = (await admin.describeTopics([topic, `${prefix}.missing`])).get(topic);
    expect(described).toMatchObject({
      partitions: 4,
      replicationFactor: 1,
      config: { 'retention.ms': '2000000', 'segment.ms': '500000' },
    });
    expect(await admin.planTopics([spec])).toEqual([{ topic, kind: 'unchanged' }]);
    expect(await admin.applyTopics([{ ...spec, partitions: 5 }])).toMatchObject([{ kind: 'refused' }]);
  });

  test('finds offsets by time', async () => {
    const topic = await createTopic('times', { 'message.timestamp.type': 'LogAppendTime' }, 1);
    const appender = cluster.openAppender();
    for (let i = 0; i < 3; i += 1) await appender.append({ topic, partition: 0, key: null, value: String(i) });
    const [, second] = await readAll(topic);
    const at = (await admin.offsetsAt(topic, second!.timestamp)).get(0)!;
    expect(at).toBeLessThanOrEqual(1); // appends within one millisecond share a time
    expect(await admin.offsetsAt(topic, second!.timestamp + 3_600_000)).toEqual(new Map([[0, 3]]));
    expect(await admin.startOffsets(topic)).toEqual(new Map([[0, 0]]));
    expect(await admin.endOffsets(topic)).toEqual(new Map([[0, 3]]));
    await appender.close();
  });
});
