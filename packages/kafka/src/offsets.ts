/** Start and end offsets of partitions, asked from their leaders. */
import { EARLIEST, LATEST } from './driver.ts';
import type { DriverCluster } from './driver.ts';
import { leaderOf, whyUnled } from './leaders.ts';
import { safeInteger } from './record.ts';
import type { TopicPartition } from './record.ts';

/** Offsets at `timestamp` (EARLIEST, LATEST, or epoch ms; -1 when nothing is that late), by `partition/topic`. Rejects when one has no leader. */
export async function listOffsets(
  cluster: DriverCluster,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<Map<string, number>> {
  if (partitions.length === 0) return new Map();
  const unled = partitions.find((at) => leaderOf(cluster, at) === null);
  if (unled !== undefined) throw whyUnled(cluster, unled);
  const byTopic = new Map<string, { partition: number }[]>();
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic);
    if (list === undefined) byTopic.set(topic, [{ partition }]);
    else list.push({ partition });
  }
  const answers = await cluster.fetchTopicsOffset(
    [...byTopic].map(([topic, list]) => ({ topic, partitions: list, fromTimestamp: timestamp })),
  );
  const offsets = new Map<string, number>();
  for (const { topic, partitions: list } of answers) {
    for (const { partition, offset } of list) offsets.set(`${partition}/${topic}`, safeInteger(offset, 'offset'));
  }
  return offsets;
}

/** Log start and readable log end of each partition, by `partition/topic`. Partitions without an answer are absent. */
export async function logRanges(
  cluster: DriverCluster,
  partitions: readonly TopicPartition[],
): Promise<Map<string, { start: number; end: number }>> {
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, partitions, EARLIEST),
    listOffsets(cluster, partitions, LATEST),
  ]);
  const ranges = new Map<string, { start: number; end: number }>();
  for (const [key, start] of starts) {
    const end = ends.get(key);
    if (end !== undefined) ranges.set(key, { start, end });
  }
  return ranges;
}
