// Three brokers, of which one after the other is killed with -9 under load: nothing acknowledged is lost, order holds,
// and group members and tables go on by themselves. Many more kills, with a proxy that loses answers besides:
// kafka-leader-kills.test.ts.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AppendLedger } from '../support/kafka-ledger.ts';
import { coordinatorOf } from '../support/raw-kafka.ts';
import { testKafkaVersion } from '../support/kafka-version.ts';

const partitions = 6;
const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `hazard-cluster-${process.pid}`);
/** Brokers of our own: others must not be killed. */
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...env } = process.env;

let stack: Stack;
let cluster: KafkaCluster;

beforeAll(async () => {
  mkdirSync(dataDir, { recursive: true });
  stack = await startStack({
    dataDir,
    fresh: true,
    env,
    kafka: { brokers: 3, ...testKafkaVersion() },
    postgres: false,
  });
  cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'hazard-cluster' });
});
afterAll(async () => {
  await cluster?.close();
  await stack?.stop();
});

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 30_000, interval: 20 });

describe('leaders and the coordinator die with -9', () => {
  test('every acknowledged record stands at its offset; the member and the table miss none', async () => {
    const topic = 'kills';
    const groupId = 'kills';
    await cluster.admin().applyTopics([{ name: topic, partitions, replicationFactor: 3, config: {} }]);
    const appender = cluster.openAppender({ recordsMax: 60 });
    const ledger = new AppendLedger(appender, topic, partitions);
    const seenByGroup = new Set<string>();
    const seenByTable = new Set<string>();
    const lost: object[] = [];
    const group = cluster.consumeGroup({
      groupId,
      topics: [topic],
      sessionTimeoutMs: 6_000,
      onRecords: ({ records }) => records.forEach(({ value }) => seenByGroup.add(String(value))),
      onRangeLost: (range) => lost.push(range),
    });
    const table = cluster.readTable({ topic, onRecord: ({ value }) => void seenByTable.add(String(value)) });
    await soon(() => expect(group.state()).toBe('stable'));

    const loading = new AbortController();
    const load = (async () => {
      while (!loading.signal.aborted) {
        if (appender.depth() < 300) ledger.append(60);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const [first = ''] = stack.kafka.brokers;
    const coordinator = await coordinatorOf(first, groupId);
    // The coordinator of the group leads a third of the partitions as well; then one more of the others.
    for (const nodeId of [coordinator, (coordinator % 3) + 1]) {
      const before = ledger.count();
      await soon(() => expect(ledger.count()).toBeGreaterThan(before + 500));
      await stack.killKafka(nodeId);
      const atKill = ledger.count();
      await soon(() => expect(ledger.count()).toBeGreaterThan(atKill + 500)); // on two brokers
      await stack.restartKafka(nodeId);
    }
    loading.abort();
    await load;
    await ledger.settled();

    const verdict = await ledger.verify(cluster);
    expect(verdict).toMatchObject({ acknowledged: ledger.count(), missing: [], disorder: [] });
    // What stands twice was in a batch that was in doubt.
    expect(verdict.duplicates).toBeLessThanOrEqual(appender.stats().resends * 60);
    await soon(() => expect(seenByGroup.size).toBe(verdict.acknowledged));
    await soon(() => expect(seenByTable.size).toBe(verdict.acknowledged));
    expect(lost).toEqual([]);
    await group.commit([{ topic, partition: 0, offset: 1, metadata: 'after two kills' }]);
    await Promise.all([group.stop(), table.stop()]);
  });
});
