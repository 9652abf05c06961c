// The oldest Kafka that is supported, in short: everything that a service asks of a broker, once. The whole suite runs
// on it with `npm run test:matrix`.

import { join } from 'node:path';
import { kafkaVersions, startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

const oldest = kafkaVersions.at(-1) as (typeof kafkaVersions)[number];
const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `kafka-oldest-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...env } = process.env;

let stack: Stack;
let cluster: KafkaCluster;

beforeAll(async () => {
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  stack = await startStack({ dataDir, fresh: true, env, postgres: false, kafka: { version: oldest }, progress });
  cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'oldest' });
}, 600_000); // on a machine that has never seen this version, its jars are downloaded first
afterAll(async () => {
  await cluster?.close();
  await stack?.stop();
});

test(`Kafka ${oldest}: topics, appends, tables, groups, commits and scans`, async () => {
  const admin = cluster.admin();
  const specs = [
    { name: 'events', partitions: 2, replicationFactor: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
    { name: 'table', partitions: 1, replicationFactor: 1, config: { 'cleanup.policy': 'compact' } },
  ];
  await admin.applyTopics(specs);
  expect((await admin.planTopics(specs)).map(({ kind }) => kind)).toEqual(['unchanged', 'unchanged']);

  const appender = cluster.openAppender({ compression: 'zstd' });
  const at = await appender.appendAll(
    Array.from({ length: 1_000 }, (_, i) => ({
      topic: 'events',
      partition: i % 2,
      key: `k${i}`,
      value: `v${i}`,
      headers: { n: String(i) },
    })),
  );
  expect(at.map(({ offset }) => offset)).toEqual(Array.from({ length: 1_000 }, (_, i) => Math.floor(i / 2)));

  const seen = new Set<string>();
  const group = cluster.consumeGroup({
    groupId: 'oldest',
    topics: ['events'],
    onRecords: ({ records }) => records.forEach(({ value }) => seen.add(String(value))),
  });
  await vi.waitFor(() => expect(seen.size).toBe(1_000), { timeout: 15_000 });
  await group.commit([{ topic: 'events', partition: 1, offset: 500, metadata: 'm' }]);
  await vi.waitFor(async () =>
    expect(await admin.committed('oldest', ['events'])).toEqual([
      { topic: 'events', partition: 1, offset: 500, metadata: 'm' },
    ]),
  );
  await group.stop();
  expect(await admin.describeGroup('oldest')).toEqual({ state: 'Empty', members: [] });
  await admin.deleteGroup('oldest');

  await appender.append({ topic: 'table', partition: 0, key: 'endpoint', value: null });
  const keys: string[] = [];
  const table = cluster.readTable({ topic: 'table', onRecord: ({ key }) => void keys.push(String(key)) });
  await table.ready;
  expect(keys).toEqual(['endpoint']);
  await table.stop();

  const scanned = await cluster.scan({
    topic: 'events',
    from: 'earliest',
    timeoutMs: 10_000,
    onRecord: () => undefined,
  });
  expect(scanned).toEqual({
    records: 1_000,
    ends: new Map([
      [0, 500],
      [1, 500],
    ]),
  });
  expect(await admin.offsetsAt('events', 0)).toEqual(
    new Map([
      [0, 0],
      [1, 0],
    ]),
  );
});
