/** Before the first record of a new partition: what was committed and where its log stands, then the owner's preparation. */
import { backoffMs, pause } from './backoff.ts';
import type { Connections } from './connections.ts';
import { toKafkaError } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import type { Report } from './group-delivery.ts';
import { fetchCommitted } from './group-membership.ts';
import type { Membership } from './group-membership.ts';
import type { AssignedPartition, GroupOptions } from './group-options.ts';
import { KafkaError } from './kafka-error.ts';
import { leaderOf } from './leaders.ts';
import { UNLED_RETRY_MS } from './limits.ts';
import { logRanges } from './offsets.ts';
import { keyOf } from './partition-cursors.ts';
import type { TopicPartition } from './record.ts';

/**
 * Rejects when one of them has no offsets yet: the member then joins again. Nobody can be asked about a partition that has no leader: it
 * is described by its commit, named in `unled`, and left out until `whenLed`.
 */
export async function describeAdded(
  cluster: DriverCluster,
  joined: Membership,
  groupId: string,
  added: readonly TopicPartition[],
): Promise<{ added: AssignedPartition[]; unled: AssignedPartition[] }> {
  const isLed = (at: TopicPartition): boolean => (leaderOf(cluster, at) ?? null) !== null;
  if (!added.every(isLed)) await cluster.refreshMetadata();
  const led = added.filter(isLed);
  const [committed, ranges] = await Promise.all([
    fetchCommitted(joined.coordinator, groupId, added),
    logRanges(cluster, led),
  ]);
  const described = added.map(({ topic, partition }): AssignedPartition => {
    const at = committed.get(keyOf({ topic, partition })) ?? null;
    const assumed = at?.offset ?? 0;
    return { topic, partition, committed: at, logStart: assumed, logEnd: assumed };
  });
  const ledKeys = new Set(led.map(keyOf));
  const unled = described.filter((at) => !ledKeys.has(keyOf(at)));
  for (const at of described) if (ledKeys.has(keyOf(at))) setRange(at, ranges);
  return { added: described, unled };
}

function setRange(at: AssignedPartition, ranges: ReadonlyMap<string, { start: number; end: number }>): void {
  const range = ranges.get(keyOf(at));
  if (range === undefined) throw new KafkaError('unavailable', `no offsets for ${at.topic}/${at.partition}`);
  at.logStart = range.start;
  at.logEnd = range.end;
}

/** Waits until it has a leader and puts its range in; false after an abort. */
export async function whenLed(
  { connections, report }: { connections: Connections; report: Report },
  at: AssignedPartition,
  signal: AbortSignal,
): Promise<boolean> {
  const { topic, partition } = at;
  report(new KafkaError('unavailable', `${topic}/${partition} has no leader`), 1, 'a partition waits for its leader');
  while (!signal.aborted) {
    await pause(UNLED_RETRY_MS, signal);
    try {
      const cluster = await connections.get();
      // Connections that were opened meanwhile, or that joined before its topic was there, do not ask for it by themselves.
      await cluster.addMultipleTargetTopics([topic]);
      await cluster.refreshMetadata();
      if ((leaderOf(cluster, at) ?? null) === null) continue;
      setRange(at, await logRanges(cluster, [{ topic, partition }]));
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) await connections.heal(error);
    }
  }
  return false;
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
