/**
 * One try to append one batch: one request to each leader, all of them awaited, every partition's answer required.
 *
 * A broker answers a request in whole or with an error; an error leaves it open what was written, so all of that leader's
 * entries are in doubt. A partition missing from an answer is in doubt too.
 */
import { byPartition } from './append-batch.ts';
import type { BatchEntry } from './append-batch.ts';
import { COMPRESSIONS } from './codecs.ts';
import type { Compression } from './codecs.ts';
import type { DriverCluster } from './driver.ts';
import { encodeBatch } from './encode-batch.ts';
import { leaderOf, whyUnled } from './leaders.ts';
import { PRODUCE_TIMEOUT_MS } from './limits.ts';
import type { TopicPartition } from './record.ts';

export interface ProduceResult<E> {
  /** Entries with their offsets. */
  appended: { entry: E; offset: number }[];
  /** Entries of requests that failed, with the error; `isAlone` when it can only be of their one partition. */
  failed: { entries: E[]; error: unknown; isAlone: boolean; isUnled: boolean }[];
  /** Entries whose partition a successful answer did not name. */
  uncovered: E[];
  /** Entries whose partition the metadata does not know. */
  unknownPartition: E[];
}

/**
 * Sends `entries`, whose topics the cluster's metadata knows already; the partitions in `alone` in requests of their own. Rejects
 * only when the metadata itself cannot be used.
 */
export async function produceOnce<E extends BatchEntry>(
  cluster: DriverCluster,
  entries: readonly E[],
  compression: Compression,
  alone: ReadonlySet<string>,
): Promise<ProduceResult<E>> {
  const result: ProduceResult<E> = { appended: [], failed: [], uncovered: [], unknownPartition: [] };
  await cluster.refreshMetadataIfNecessary();
  const requests = new Map<string, { nodeId: string; groups: E[][] }>();
  for (const [key, group] of byPartition(entries)) {
    const { topic, partition } = group[0] as E;
    const leader = leaderOf(cluster, { topic, partition });
    if (leader === undefined) {
      result.unknownPartition.push(...group);
      continue;
    }
    if (leader === null) {
      const error = whyUnled(cluster, { topic, partition });
      result.failed.push({ entries: group, error, isAlone: true, isUnled: true });
      continue;
    }
    const requestKey = alone.has(key) ? `${leader} ${key}` : leader;
    const request = requests.get(requestKey);
    if (request === undefined) requests.set(requestKey, { nodeId: leader, groups: [group] });
    else request.groups.push(group);
  }
  await Promise.all(
    [...requests.values()].map(async ({ nodeId, groups }) => {
      try {
        const broker = await cluster.findBroker({ nodeId });
        const answer = await broker.produce({
          acks: -1,
          timeout: PRODUCE_TIMEOUT_MS,
          topicData: topicData(groups, compression),
        });
        readAnswer(answer, groups, result);
      } catch (error) {
        result.failed.push({ entries: groups.flat(), error, isAlone: groups.length === 1, isUnled: false });
      }
    }),
  );
  return result;
}

function topicData<E extends BatchEntry>(groups: E[][], compression: Compression) {
  const topics = new Map<string, { partition: number; batch: (nowMs: number) => Promise<Buffer> }[]>();
  for (const group of groups) {
    const { topic, partition } = group[0] as E;
    const records = group.map((entry) => entry.record);
    const part = { partition, batch: (nowMs: number) => encodeBatch(records, nowMs, COMPRESSIONS[compression]) };
    const parts = topics.get(topic);
    if (parts === undefined) topics.set(topic, [part]);
    else parts.push(part);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Gives every entry base offset + index when, and only when, the answer names its partition with a usable offset. */
export function readAnswer<E extends TopicPartition>(
  answer: { topics: { topicName: string; partitions: { partition: number; baseOffset: string }[] }[] },
  groups: readonly E[][],
  result: Pick<ProduceResult<E>, 'appended' | 'uncovered'>,
): void {
  for (const group of groups) {
    const { topic, partition } = group[0] as E;
    const named = answer.topics.find((t) => t.topicName === topic)?.partitions.find((p) => p.partition === partition);
    const base = named === undefined ? -1 : Number(named.baseOffset);
    if (!Number.isSafeInteger(base) || base < 0) result.uncovered.push(...group);
    else group.forEach((entry, index) => result.appended.push({ entry, offset: base + index }));
  }
}
