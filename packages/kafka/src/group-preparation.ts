/** Before the first record of a new partition: what was committed and where its log stands, then the owner's preparation. */
import { backoffMs, pause } from './backoff.ts';
import { toKafkaError } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import type { Report } from './group-delivery.ts';
import { fetchCommitted } from './group-membership.ts';
import type { Membership } from './group-membership.ts';
import type { AssignedPartition, GroupOptions } from './group-options.ts';
import { KafkaError } from './kafka-error.ts';
import { logRanges } from './offsets.ts';
import { keyOf } from './partition-cursors.ts';
import type { TopicPartition } from './record.ts';

/** Rejects when one of them has no offsets yet: the member then joins again. */
export async function describeAdded(
  cluster: DriverCluster,
  joined: Membership,
  groupId: string,
  added: readonly TopicPartition[],
): Promise<AssignedPartition[]> {
  const [committed, ranges] = await Promise.all([
    fetchCommitted(joined.coordinator, groupId, added),
    logRanges(cluster, added),
  ]);
  return added.map(({ topic, partition }) => {
    const range = ranges.get(keyOf({ topic, partition }));
    if (range === undefined) throw new KafkaError('unavailable', `no offsets for ${topic}/${partition}`);
    return {
      topic,
      partition,
      committed: committed.get(keyOf({ topic, partition })) ?? null,
      logStart: range.start,
      logEnd: range.end,
    };
  });
}

export interface PreparationParts {
  prepare: GroupOptions['prepare'];
  report: Report;
  start(at: AssignedPartition, wished: number | undefined): void;
}

/** Asks until it is answered, then starts every partition; true when it did. An abort makes the answer void. */
export async function preparePartitions(
  parts: PreparationParts,
  added: AssignedPartition[],
  signal: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; added.length > 0 && !signal.aborted; attempt += 1) {
    try {
      const answer = (await parts.prepare?.(added, signal)) ?? [];
      if (signal.aborted) return false;
      const starts = new Map(answer.map((at) => [keyOf(at), at.offset]));
      for (const at of added) parts.start(at, starts.get(keyOf(at)));
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      parts.report(toKafkaError(error, 'preparing'), attempt, 'partitions cannot be prepared, trying again');
      await pause(backoffMs(attempt), signal);
    }
  }
  return false;
}
