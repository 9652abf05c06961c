/** How queued records form batches, and how a refused batch is taken apart. Pure. */
import type { EncodableRecord } from './record-size.ts';

export interface BatchEntry {
  topic: string;
  partition: number;
  record: EncodableRecord;
  bytes: number;
}

export interface BatchLimits {
  recordsMax: number;
  partitionBytesMax: number;
  bytesMax: number;
}

export const partitionKey = (at: { topic: string; partition: number }): string => `${at.partition}/${at.topic}`;

/** How many entries from `start` form the next batch: at least one, in order, within every limit. */
export function batchLength(queue: readonly BatchEntry[], start: number, limits: BatchLimits): number {
  const partitionBytes = new Map<string, number>();
  let bytes = 0;
  let length = 0;
  for (let i = start; i < queue.length && length < limits.recordsMax; i += 1) {
    const entry = queue[i] as BatchEntry;
    const key = partitionKey(entry);
    const ofPartition = (partitionBytes.get(key) ?? 0) + entry.bytes;
    bytes += entry.bytes;
    if (length > 0 && (ofPartition > limits.partitionBytesMax || bytes > limits.bytesMax)) break;
    partitionBytes.set(key, ofPartition);
    length += 1;
  }
  return length;
}

/** Entries by partition, each in their order. Their offsets are base, base + 1, … in this order. */
export function byPartition<E extends { topic: string; partition: number }>(entries: readonly E[]): Map<string, E[]> {
  const groups = new Map<string, E[]>();
  for (const entry of entries) {
    const key = partitionKey(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

/**
 * Parts to send one after the other, to find the record that made a batch fail. By partition first: a broker writes or refuses
 * one partition's part as a whole, so after that step halving writes nothing twice. A single record gives no parts.
 */
export function takeApart<E extends { topic: string; partition: number }>(entries: readonly E[]): E[][] {
  if (entries.length < 2) return [];
  const groups = [...byPartition(entries).values()];
  if (groups.length > 1) return groups;
  const half = Math.ceil(entries.length / 2);
  return [entries.slice(0, half), entries.slice(half)];
}
