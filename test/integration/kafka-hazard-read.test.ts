// What may stand in a log that others write too, and what may be missing from it: codecs, bytes that nobody can read,
// records that are null, empty or huge, retention, compaction. Nothing of it stops the other partitions or goes unsaid.

import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openCluster } from '@postrider/kafka';
import type { GroupConsumer, GroupOptions, KafkaError, KafkaRecord, TableReader } from '@postrider/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { replaceRecordSets, withFetchError } from '../support/kafka-frames.ts';
import { startKafkaProxy, type ActiveRule, type KafkaProxy } from '../support/kafka-proxy.ts';
import { deleteRecordsBefore } from '../support/raw-kafka.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('hazardread');
const partitions = 4;
const broker = testBrokers()[0] as string;
const direct = openCluster({ brokers: testBrokers(), clientId: `${prefix}-direct` });
const appender = direct.openAppender();
const admin = direct.admin();
let proxy: KafkaProxy;
let proxied: ReturnType<typeof openCluster>;
const rules: ActiveRule[] = [];
const stopping: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  proxy = await startKafkaProxy({ brokers: testBrokers() });
  proxied = openCluster({ brokers: proxy.brokers, clientId: prefix });
});
afterEach(async () => {
  await Promise.all(stopping.splice(0).map((reader) => reader.stop()));
  for (const rule of rules.splice(0)) rule.release();
});
afterAll(async () => {
  await Promise.all([proxied.close(), direct.close()]);
  await proxy.stop();
});

async function createTopic(name: string, config: Record<string, string> = {}, count = partitions): Promise<string> {
  const topic = `${prefix}.${name}`;
  await admin.applyTopics([{ name: topic, partitions: count, replicationFactor: 1, config }]);
  return topic;
}

const fill = (topic: string, count: number, of = partitions) =>
  appender.appendAll(
    Array.from({ length: count }, (_, i) => ({ topic, partition: i % of, key: `k${i}`, value: `r${i}` })),
  );

function join(topic: string, options: Partial<GroupOptions> = {}): { group: GroupConsumer; records: KafkaRecord[] } {
  const records: KafkaRecord[] = [];
  const group = proxied.consumeGroup({
    groupId: topic,
    topics: [topic],
    onRecords: (batch) => void records.push(...batch.records),
    ...options,
  });
  stopping.push(group);
  return { group, records };
}

function readTable(topic: string): { table: TableReader; records: KafkaRecord[]; errors: KafkaError[] } {
  const records: KafkaRecord[] = [];
  const errors: KafkaError[] = [];
  const table = proxied.readTable({
    topic,
    onRecord: (record) => void records.push(record),
    onError: (error) => void errors.push(error),
  });
  stopping.push(table);
  return { table, records, errors };
}

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const countOf = (records: readonly KafkaRecord[], partition: number) =>
  records.filter((record) => record.partition === partition).length;

describe('batches that other producers compressed', () => {
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('%s, as the Java codec of the broker writes it', async (codec) => {
    const topic = await createTopic(`java-${codec}`, { 'compression.type': codec }, 1);
    const values = Array.from({ length: 40 }, (_, i) =>
      Buffer.concat([randomBytes(i * 50), Buffer.alloc(i * 50, 'x')]),
    );
    await appender.appendAll(values.map((value) => ({ topic, partition: 0, key: null, value })));
    const { records } = join(topic);
    await soon(() => expect(records.length).toBe(values.length));
    expect(records.map((record) => record.value)).toEqual(values);
  });

  test.for(['gzip', 'snappy', 'lz4', 'zstd'])('%s, as librdkafka writes it', async (codec, context) => {
    if (spawnSync('kcat', ['-V']).status !== 0) context.skip('kcat is not installed');
    const topic = await createTopic(`kcat-${codec}`, {}, 1);
    const lines = Array.from({ length: 60 }, (_, i) => `${i} ${'line '.repeat(i)}`);
    await produceByKcat(topic, codec, lines);
    const { records } = join(topic);
    await soon(() => expect(records.length).toBe(lines.length));
    expect(records.map(({ value }) => String(value))).toEqual(lines);
  });

  test('an unknown codec stops its partition loudly, and no other one', async () => {
    const topic = await createTopic('unknowncodec');
    await fill(topic, 40);
    rules.push(
      proxy.add({
        api: 'Fetch',
        side: 'response',
        action: (frame, head) =>
          replaceRecordSets(head, frame, (at, set) =>
            at.topic === topic && at.partition === 2 ? withCodec(set, 5) : set,
          ),
      }),
    );
    const faults: { partition: number; offset: number; code: string; message: string }[] = [];
    const { records, group } = join(topic, {
      onPartitionFault: ({ partition, offset, error }) =>
        faults.push({ partition, offset, code: error.code, message: error.message }),
    });
    await soon(() => expect(records.length).toBe(30));
    await soon(() => expect(faults.length).toBeGreaterThan(0));
    await fill(topic, 40);
    await soon(() => expect(records.length).toBe(60));
    expect(countOf(records, 2)).toBe(0);
    expect(group.position(topic, 2)).toBe(0);
    expect(faults).toEqual([
      { partition: 2, offset: 0, code: 'undecodable', message: expect.stringContaining('codec 5') as string },
    ]);
  });

  test('garbage inside a compressed batch is a fault of its partition too', async () => {
    const topic = await createTopic('garbage', {}, 2);
    await fill(topic, 20, 2);
    rules.push(
      proxy.add({
        api: 'Fetch',
        side: 'response',
        action: (frame, head) =>
          replaceRecordSets(head, frame, (at, set) =>
            at.topic === topic && at.partition === 1 ? withCodec(set, 4) : set,
          ),
      }),
    );
    const faults: string[] = [];
    const { records } = join(topic, { onPartitionFault: ({ error }) => faults.push(error.message) });
    await soon(() => expect(countOf(records, 0)).toBe(10));
    await soon(() => expect(faults.join()).toContain('zstd'));
    expect(countOf(records, 1)).toBe(0);
    const { errors } = readTable(topic);
    await soon(() => expect(errors.map((error) => error.code)).toContain('undecodable'));
  });
});

describe('a batch that is cut off', () => {
  test('stops its partition loudly: bytes that cannot be used are no gap to step over', async () => {
    const topic = await createTopic('cutoff', {}, 2);
    await fill(topic, 20, 2);
    rules.push(
      proxy.add({
        api: 'Fetch',
        side: 'response',
        action: (frame, head) =>
          replaceRecordSets(head, frame, (at, set) =>
            at.topic === topic && at.partition === 1 ? set.subarray(0, Math.max(0, set.length - 3)) : set,
          ),
      }),
    );
    const faults: string[] = [];
    const { records, group } = join(topic, { onPartitionFault: ({ error }) => faults.push(error.message) });
    await soon(() => expect(countOf(records, 0)).toBe(10));
    await soon(() => expect(faults).toEqual(['the broker sends an incomplete batch']));
    expect(group.position(topic, 1)).toBe(0);
  });
});

describe('a broker that answers in time without what it has, as one does that reads from remote storage', () => {
  test('does not make a reader step over the records', async () => {
    const topic = await createTopic('unsent', {}, 1);
    await fill(topic, 20, 1);
    // The regular fetch and the look at the partition alone.
    const empty = proxy.add({
      api: 'Fetch',
      side: 'response',
      nth: [1, 2],
      only: (request) => request.includes(topic),
      action: (frame, head) => replaceRecordSets(head, frame, () => Buffer.alloc(0)),
    });
    rules.push(empty);
    const { table, records } = readTable(topic);
    await table.ready;
    expect(empty.hits()).toBe(2);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, offset) => offset));
  });
});

describe('a partition that its broker cannot read', () => {
  test('does not stop the others of that broker', async () => {
    const topic = await createTopic('refused', {}, 3);
    await fill(topic, 30, 3);
    rules.push(
      proxy.add({
        api: 'Fetch',
        side: 'response',
        action: (frame, head) => withFetchError(head, frame, { topic, partition: 1 }, -1), // unknown server error
      }),
    );
    const errors: string[] = [];
    const { records, group } = join(topic, { onError: ({ brokerError }) => errors.push(brokerError ?? '') });
    await soon(() => expect([countOf(records, 0), countOf(records, 2)]).toEqual([10, 10]));
    expect(errors).toContain('UNKNOWN');
    expect(group.position(topic, 1)).toBe(0);
    await fill(topic, 30, 3);
    await soon(() => expect([countOf(records, 0), countOf(records, 2)]).toEqual([20, 20]));
    rules.splice(0).forEach((rule) => rule.release());
    await soon(() => expect(countOf(records, 1)).toBe(20));
  });
});

describe('odd records', () => {
  test('null, empty and larger than one fetch reach the group as they were written', async () => {
    const topic = await createTopic('odd', { 'max.message.bytes': '6000000' }, 3);
    const huge = randomBytes(4_800_000); // more than FETCH_BYTES in one record
    const written = await Promise.all(
      [null, '', randomBytes(700_000), 'after'].flatMap((value) =>
        [0, 1].map((partition) => appender.append({ topic, partition, key: value === null ? null : 'k', value })),
      ),
    );
    const single = direct.openAppender({ recordsMax: 1 });
    await single.append({ topic, partition: 2, key: null, value: huge });
    await single.append({ topic, partition: 2, key: '', value: 'after' });
    await single.close();
    const { records } = join(topic);
    await soon(() => expect(records.length).toBe(written.length + 2));
    for (const partition of [0, 1]) {
      const seen = records.filter((record) => record.partition === partition);
      expect(seen.map(({ value }) => value?.length ?? null)).toEqual([null, 0, 700_000, 5]);
      expect(seen.map(({ key }) => key?.toString() ?? null)).toEqual([null, 'k', 'k', 'k']);
    }
    const [first, second] = records.filter((record) => record.partition === 2);
    expect(first?.value?.equals(huge)).toBe(true);
    expect(second).toMatchObject({ key: Buffer.alloc(0), offset: 1 });
  });
});

describe('records that retention took', () => {
  test('a committed offset before the log is reported with what is gone, and reading goes on at the start', async () => {
    const topic = await createTopic('cutcommit', {}, 2);
    await fill(topic, 40, 2);
    const first = join(topic);
    await soon(() => expect(first.records.length).toBe(40));
    await first.group.commit([0, 1].map((partition) => ({ topic, partition, offset: 3, metadata: `m${partition}` })));
    await first.group.stop();
    await deleteRecordsBefore(broker, { topic, partition: 0, offset: 8 });
    const lost: object[] = [];
    const errors: string[] = [];
    const second = join(topic, {
      onRangeLost: (range) => lost.push(range),
      onError: (error) => errors.push(error.code),
    });
    await soon(() => expect(second.records.length).toBe(12 + 17));
    expect(lost).toEqual([{ topic, partition: 0, from: 3, to: 8 }]);
    expect(second.records.find(({ partition }) => partition === 0)?.offset).toBe(8);
    expect(second.records.find(({ partition }) => partition === 1)?.offset).toBe(3);
  });

  test('a position that the log leaves behind is reported, and nothing is committed for it', async () => {
    const topic = await createTopic('cutposition', {}, 1);
    const lost: object[] = [];
    const { records } = join(topic, { onRangeLost: (range) => lost.push(range) });
    await fill(topic, 4, 1);
    await soon(() => expect(records.length).toBe(4));
    // Held, not paused: what a fetch that is under way brings would still be read.
    const held = proxy.add({ api: 'Fetch', side: 'request', action: 'hold', only: (frame) => frame.includes(topic) });
    await held.hit;
    await fill(topic, 10, 1);
    await deleteRecordsBefore(broker, { topic, partition: 0, offset: 9 });
    held.release();
    await soon(() => expect(records.length).toBe(4 + 5));
    expect(lost).toEqual([{ topic, partition: 0, from: 4, to: 9 }]);
    expect(await admin.committed(topic, [topic])).toEqual([]);
  });

  test('a table says so, and is ready all the same', async () => {
    const topic = await createTopic('cuttable', {}, 1);
    await fill(topic, 10, 1);
    const held = proxy.add({ api: 'Fetch', side: 'request', action: 'hold', only: (frame) => frame.includes(topic) });
    const { table, records, errors } = readTable(topic);
    await held.hit;
    await deleteRecordsBefore(broker, { topic, partition: 0, offset: 6 });
    held.release();
    await table.ready;
    expect(records.map(({ offset }) => offset)).toEqual([6, 7, 8, 9]);
    expect(errors.map(({ message }) => message).join()).toContain('is outside 6..10');
  });
});

describe('a compacted topic', () => {
  const compacting = {
    'cleanup.policy': 'compact',
    'segment.ms': '50',
    'min.cleanable.dirty.ratio': '0.01',
    'min.compaction.lag.ms': '0',
  };
  /** A later append into a segment that is older than segment.ms opens the next one. */
  const nextSegment = () => new Promise((resolve) => setTimeout(resolve, 100));

  test('is read to its end in few steps when the last records of a batch are compacted away', async () => {
    const topic = await createTopic('compacted', compacting, 1);
    // So large that a fetch ends within the second batch: what is left of the first one is then the last that it brings.
    const value = 'v'.repeat(8_000);
    const put = (from: number, to: number) =>
      appender.appendAll(
        Array.from({ length: to - from }, (_, i) => ({ topic, partition: 0, key: `k${from + i}`, value })),
      );
    await put(0, 100);
    await nextSegment();
    await put(20, 100); // what compaction leaves of the first batch ends at offset 19 of 99
    await nextSegment();
    await put(1_000, 1_001);
    const standing = async (): Promise<number> => {
      const scanned = await direct.scan({ topic, from: 'earliest', timeoutMs: 5_000, onRecord: () => undefined });
      return scanned.records;
    };
    expect(await eventually(standing, (count) => count < 181, 40_000)).toBe(101);
    const before = proxy.requests('Fetch');
    const { table, records } = readTable(topic);
    await table.ready;
    expect(records.length).toBe(101);
    expect(table.positions()).toEqual(new Map([[0, 181]]));
    // One offset a fetch would be eighty.
    expect(proxy.requests('Fetch') - before).toBeLessThan(10);
  });

  test('whose last offsets are gone makes a table that is ready', async () => {
    const topic = await createTopic('tailgone', { 'cleanup.policy': 'compact' }, 1);
    await fill(topic, 10, 1);
    await appender.append({ topic, partition: 0, key: 'last', value: 'gone' });
    rules.push(
      proxy.add({
        api: 'Fetch',
        side: 'response',
        action: (frame, head) =>
          replaceRecordSets(head, frame, (at, set) =>
            at.topic === topic ? Buffer.concat(batchesOf(set).filter((batch) => batch.readBigInt64BE(0) < 10n)) : set,
          ),
      }),
    );
    const { table, records } = readTable(topic);
    await table.ready;
    expect(records.length).toBe(10);
    expect(table.positions()).toEqual(new Map([[0, 11]]));
    expect(table.lag()).toBe(0);
  });
});

/** Batch by batch: base offset (8), length (4), then as many bytes. */
function batchesOf(recordSet: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at + 12 <= recordSet.length;) {
    const length = 12 + recordSet.readInt32BE(at + 8);
    batches.push(recordSet.subarray(at, at + length));
    at += length;
  }
  return batches;
}

/** The same batches, said to be compressed by another codec: the low bits of the attributes, 21 bytes into a batch. */
function withCodec(recordSet: Buffer, codec: number): Buffer {
  return Buffer.concat(
    batchesOf(recordSet).map((batch) => {
      const changed = Buffer.from(batch);
      changed.writeInt16BE((batch.readInt16BE(21) & ~7) | codec, 21);
      return changed;
    }),
  );
}

/** One message a line, in one batch or a few. */
async function produceByKcat(topic: string, codec: string, lines: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const args = ['-P', '-b', broker, '-t', topic, '-p', '0', '-z', codec, '-X', 'linger.ms=100'];
    const child = execFile('kcat', args, { timeout: 20_000 }, (error) =>
      error instanceof Error ? reject(error) : resolve(),
    );
    child.stdin?.end(lines.join('\n'));
  });
}
