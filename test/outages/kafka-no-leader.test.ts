// A broker that is gone, and with it the only copy of some partitions: what the others hold goes on, for an appender, a member and one
// that joins meanwhile, and the rest follows in its order once the broker is back.

import { join } from 'node:path';
import { startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { testKafkaVersion } from '../support/kafka-version.ts';

const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `no-leader-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...env } = process.env;
const topic = 'single';
const partitions = 6;
const ofOneBroker = partitions / 3;

let stack: Stack;
let cluster: KafkaCluster;
const told: string[] = [];

beforeAll(async () => {
  stack = await startStack({
    dataDir,
    fresh: true,
    env,
    postgres: false,
    kafka: { brokers: 3, ...testKafkaVersion() },
  });
  cluster = openCluster({
    brokers: stack.kafka.brokers,
    clientId: 'no-leader',
    log: ({ message }) => void told.push(message),
  });
});
afterAll(async () => {
  await cluster?.close();
  await stack?.stop();
});

const soon = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 50 });

function member(groupId: string): string[] {
  const seen: string[] = [];
  cluster.consumeGroup({
    groupId,
    topics: [topic],
    onRecords: ({ partition, records }) =>
      void seen.push(...records.map(({ value }) => `${partition} ${String(value)}`)),
  });
  return seen;
}

test('partitions whose only broker is gone hold up no other one', { timeout: 240_000 }, async () => {
  await cluster.admin().applyTopics([{ name: topic, partitions, replicationFactor: 1, config: {} }]);
  const appender = cluster.openAppender();
  const acknowledged: string[] = [];
  const append = (value: string): void => {
    for (let partition = 0; partition < partitions; partition += 1)
      void appender
        .append({ topic, partition, key: null, value })
        .then(() => acknowledged.push(`${partition} ${value}`));
  };
  const early = member('early');
  append('a');
  await soon(() => expect(early).toHaveLength(partitions));

  await stack.killKafka(2);
  const led = partitions - ofOneBroker;
  append('b');
  await soon(() => expect(acknowledged).toHaveLength(partitions + led));
  append('c');
  await soon(() => expect(acknowledged).toHaveLength(partitions + 2 * led));
  expect(appender.depth()).toBe(2 * ofOneBroker);
  await soon(() => expect(early).toHaveLength(partitions + 2 * led));
  const late = member('late');
  await soon(() => expect(late).toHaveLength(3 * led));
  append('d');
  await soon(() => expect(late).toHaveLength(4 * led));
  expect(told.filter((message) => message.startsWith('a partition is refused'))).toHaveLength(ofOneBroker);

  await stack.restartKafka(2);
  await appender.flush();
  expect(appender.depth()).toBe(0);
  const order = (seen: readonly string[], partition: number) =>
    seen.filter((one) => one.startsWith(`${partition} `)).map((one) => one.slice(-1));
  for (const seen of [early, late]) {
    await soon(() => expect(new Set(seen).size).toBe(4 * partitions));
    // A record in doubt may stand twice; none stands before one that was appended earlier.
    for (let partition = 0; partition < partitions; partition += 1)
      expect([...new Set(order(seen, partition))]).toEqual(['a', 'b', 'c', 'd']);
  }
});
