/**
 * From fetched slices to the owner of a group member: only what is owned, prepared, not paused, at the right position, and within
 * the time for which the coordinator has promised the partition to us.
 */
import type { DriverCluster } from './driver.ts';
import type { FetchOwner } from './fetch-loop.ts';
import type { FetchedSlice } from './fetch.ts';
import type { AssignedPartition, GroupOptions, GroupStats } from './group-options.ts';
import { KafkaError } from './kafka-error.ts';
import { logRanges } from './offsets.ts';
import { keyOf } from './partition-cursors.ts';
import type { Cursor, PartitionCursors } from './partition-cursors.ts';
import type { TopicPartition } from './record.ts';
import type { KafkaSettings } from './settings.ts';

/** Tells the log and the owner of something that is being retried. */
export type Report = (error: KafkaError, attempt: number, message: string) => void;

export interface DeliveryParts {
  settings: KafkaSettings;
  options: GroupOptions;
  cursors: PartitionCursors;
  stats: GroupStats;
  report: Report;
  /** False from a revoke until the next assignment. */
  delivering(): boolean;
  /** False when the coordinator may have given our partitions away: then a heartbeat is asked for, and nothing delivered. */
  leaseHolds(): boolean;
}

export interface GroupDelivery extends FetchOwner {
  /** Opens a prepared partition at `wished`, else at its commit, else at the log's start. */
  start(at: AssignedPartition, wished: number | undefined): void;
}

export function createDelivery(parts: DeliveryParts): GroupDelivery {
  const { settings, options, cursors, stats, report } = parts;

  function rangeLost(cursor: Cursor, to: number): void {
    const { topic, partition, position: from } = cursor;
    cursor.position = to;
    settings.log?.({
      level: 'error',
      message: `group ${options.groupId}: offset outside the log`,
      fields: { topic, partition, from, to },
    });
    options.onRangeLost?.({ topic, partition, from, to });
  }

  function deliver(slice: FetchedSlice): void {
    const cursor = cursors.get(slice);
    if (!parts.delivering() || cursor === undefined || cursor.paused || !cursor.ready) return;
    if (cursor.position !== slice.offset || !parts.leaseHolds()) return;
    const { topic, partition, records, highWatermark, nextOffset } = slice;
    cursor.position = nextOffset;
    if (records.length === 0) {
      if (nextOffset > slice.offset) options.onPassed?.({ topic, partition, nextOffset, highWatermark });
      return;
    }
    try {
      options.onRecords({ topic, partition, records, highWatermark, nextOffset });
      stats.records += records.length;
    } catch (error) {
      cursor.position = slice.offset; // an owner that throws has not taken them
      throw new KafkaError('misuse', `onRecords threw for ${topic}/${partition}: ${String(error)}`, { cause: error });
    }
  }

  async function onOutOfRange({ topic, partition }: TopicPartition, cluster: DriverCluster): Promise<void> {
    const cursor = cursors.get({ topic, partition });
    const range = (await logRanges(cluster, [{ topic, partition }])).get(keyOf({ topic, partition }));
    if (cursor === undefined || range === undefined) return;
    if (cursor.position >= range.start && cursor.position <= range.end) return; // the leader was behind for a moment
    rangeLost(cursor, range.start);
  }

  return {
    wanted: () => (parts.delivering() ? cursors.readable() : []),
    onSlice: deliver,
    onOutOfRange,
    onFault({ topic, partition, offset }, error) {
      report(error, 1, `${topic}/${partition} cannot be decoded at ${offset}`);
      options.onPartitionFault?.({ topic, partition, offset, error });
    },
    onError: (error, attempt) => report(error, attempt, 'fetching failed'),
    start(at, wished) {
      const cursor = cursors.get(at);
      if (cursor === undefined) return;
      cursor.position = wished ?? at.committed?.offset ?? at.logStart;
      // Only what lies before the start is known to be gone; beyond the end the broker's own answer decides (onOutOfRange).
      if (cursor.position < at.logStart) rangeLost(cursor, at.logStart);
      cursor.ready = true;
    },
  };
}
