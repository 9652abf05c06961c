// A partition whose bytes cannot be decoded is tried again half a minute later, and goes on where it stood once they can.

import { join } from 'node:path';
import { startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { replaceRecordSets } from '../support/kafka-frames.ts';
import { startKafkaProxy } from '../support/kafka-proxy.ts';
import { testKafkaVersion } from '../support/kafka-version.ts';

const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `faulty-partition-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...env } = process.env;

let stack: Stack;
let direct: KafkaCluster;

beforeAll(async () => {
  stack = await startStack({ dataDir, fresh: true, env, postgres: false, kafka: testKafkaVersion() });
  direct = openCluster({ brokers: stack.kafka.brokers, clientId: 'faulty-partition' });
});
afterAll(async () => {
  await direct?.close();
  await stack?.stop();
});

test('a partition set aside is read again without a restart', { timeout: 90_000 }, async () => {
  const topic = 'healed';
  await direct.admin().applyTopics([{ name: topic, partitions: 2, replicationFactor: 1, config: {} }]);
  const appender = direct.openAppender();
  await appender.appendAll([0, 1].map((partition) => ({ topic, partition, key: null, value: 'x' })));
  const proxy = await startKafkaProxy({ brokers: stack.kafka.brokers });
  const spoiled = proxy.add({
    api: 'Fetch',
    side: 'response',
    action: (frame, head) =>
      replaceRecordSets(head, frame, ({ partition }, set) => {
        if (partition !== 1 || set.length === 0) return set;
        const changed = Buffer.from(set);
        changed.writeInt16BE(5, 21); // attributes of the first batch: a codec that nobody knows
        return changed;
      }),
  });
  const proxied = openCluster({ brokers: proxy.brokers, clientId: 'faulty-partition-proxied' });
  const seen: number[] = [];
  const faults: number[] = [];
  proxied.consumeGroup({
    groupId: topic,
    topics: [topic],
    onRecords: ({ partition }) => seen.push(partition),
    onPartitionFault: ({ partition }) => faults.push(partition),
  });
  await vi.waitFor(() => expect([seen, faults]).toEqual([[0], [1]]), { timeout: 15_000 });
  spoiled.release();
  await vi.waitFor(() => expect(seen).toEqual([0, 1]), { timeout: 40_000 });
  expect(faults).toEqual([1]);
  await proxied.close();
  await proxy.stop();
});
