// Nothing acknowledged is lost, the long way: three brokers of which every one is killed with -9 twice under load,
// behind proxies that lose answers to produces, reset connections and hold others for good, by a seed that is printed.

import { join } from 'node:path';
import { startStack, type Stack } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AppendLedger } from '../support/kafka-ledger.ts';
import { startKafkaProxy, type KafkaProxy } from '../support/kafka-proxy.ts';
import { testKafkaVersion } from '../support/kafka-version.ts';
import { seededRandom } from '../support/seeded-random.ts';

const partitions = 12;
const kills = 6;
/** `POSTRIDER_TEST_SEED` repeats a run. */
const seed = Number(process.env['POSTRIDER_TEST_SEED'] ?? 20_261_122);
const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `leader-kills-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...env } = process.env;

let stack: Stack;
let proxy: KafkaProxy;
let direct: KafkaCluster;
let proxied: KafkaCluster;

beforeAll(async () => {
  stack = await startStack({
    dataDir,
    fresh: true,
    env,
    postgres: false,
    kafka: { brokers: 3, ...testKafkaVersion() },
  });
  proxy = await startKafkaProxy({ brokers: stack.kafka.brokers, seed });
  direct = openCluster({ brokers: stack.kafka.brokers, clientId: 'leader-kills' });
  proxied = openCluster({ brokers: proxy.brokers, clientId: 'leader-kills-proxied' });
});
afterAll(async () => {
  await Promise.all([proxied?.close(), direct?.close()]);
  await proxy?.stop();
  await stack?.stop();
});

const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 50 });

describe(`leaders die and answers are lost, seed ${seed}`, () => {
  test(
    'every acknowledged record stands at its offset, in order; a member and a table behind the same faults miss none',
    {
      timeout: 420_000,
    },
    async () => {
      const topic = 'kills';
      const random = seededRandom(seed);
      await direct.admin().applyTopics([{ name: topic, partitions, replicationFactor: 3, config: {} }]);
      const appender = proxied.openAppender({ recordsMax: 100 });
      const ledger = new AppendLedger(appender, topic, partitions);
      const seenByGroup = new Set<string>();
      const seenByTable = new Set<string>();
      const lost: object[] = [];
      const group = proxied.consumeGroup({
        groupId: topic,
        topics: [topic],
        sessionTimeoutMs: 6_000,
        onRecords: ({ records }) => records.forEach(({ value }) => seenByGroup.add(String(value))),
        onRangeLost: (range) => lost.push(range),
      });
      const table = proxied.readTable({ topic, onRecord: ({ value }) => void seenByTable.add(String(value)) });
      await soon(() => expect(group.state()).toBe('stable'));

      // One answer in fifty is lost with its connection, one in five hundred without a word (12 s until it is given up).
      const nth = (chance: number) => Array.from({ length: 20_000 }, (_, i) => i + 1).filter(() => random() < chance);
      const reset = proxy.add({ api: 'Produce', side: 'response', action: 'reset', nth: nth(0.02) });
      const dropped = proxy.add({ api: 'Produce', side: 'response', action: 'drop', nth: nth(0.002) });

      const loading = new AbortController();
      const load = (async () => {
        while (!loading.signal.aborted) {
          if (appender.depth() < 500) ledger.append(100);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      for (let kill = 0; kill < kills; kill += 1) {
        const nodeId = (kill % 3) + 1;
        const before = ledger.count();
        await soon(() => expect(ledger.count()).toBeGreaterThan(before + 1_000));
        await new Promise((resolve) => setTimeout(resolve, random() * 500)); // not always at the same point of a batch
        await stack.killKafka(nodeId);
        const atKill = ledger.count();
        await soon(() => expect(ledger.count()).toBeGreaterThan(atKill + 1_000));
        await stack.restartKafka(nodeId);
      }
      reset.release();
      dropped.release();
      loading.abort();
      await load;
      await ledger.settled();

      const verdict = await ledger.verify(direct);
      expect(verdict).toMatchObject({ acknowledged: ledger.count(), missing: [], disorder: [] });
      expect(reset.hits() + dropped.hits()).toBeGreaterThan(5);
      expect(verdict.duplicates).toBeLessThanOrEqual(appender.stats().resends * 100);
      await soon(() => expect(seenByGroup.size).toBe(verdict.acknowledged));
      await soon(() => expect(seenByTable.size).toBe(verdict.acknowledged));
      expect(lost).toEqual([]);
      const { acknowledged, duplicates } = verdict;
      process.stderr.write(
        `${JSON.stringify({ acknowledged, duplicates, ...appender.stats(), reset: reset.hits(), dropped: dropped.hits() })}\n`,
      );
      await Promise.all([group.stop(), table.stop()]);
    },
  );
});

describe('a leader hangs without dying', () => {
  test('a request without an answer is given up, and its records are sent again', { timeout: 120_000 }, async () => {
    const topic = 'hangs';
    await direct.admin().applyTopics([{ name: topic, partitions, replicationFactor: 3, config: {} }]);
    const appender = proxied.openAppender();
    const ledger = new AppendLedger(appender, topic, partitions);
    ledger.append(100);
    await ledger.settled();
    proxy.nodes[1]?.halfOpen();
    ledger.append(100);
    await new Promise((resolve) => setTimeout(resolve, 15_000)); // longer than REQUEST_TIMEOUT_MS
    expect(ledger.count()).toBeLessThan(200);
    proxy.nodes[1]?.heal();
    await ledger.settled();
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 200, missing: [], disorder: [] });
    await appender.close();
  });
});
