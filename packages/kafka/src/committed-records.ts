/** From one partition's part of a fetch to the records a reader may see, and where it reads next. Pure. */
import type { FetchedBatch } from './read-batches.ts';
import type { KafkaRecord } from './record.ts';

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

export interface VisibleRecords {
  records: KafkaRecord[];
  /** Where to read next; equal to `from` when the fetch brought nothing. */
  nextOffset: number;
}

const ABORT_MARKER = Buffer.from([0, 0, 0, 0]);

/**
 * Leaves out what lies before `from` (a batch is always sent whole), control records, and records of aborted transactions.
 * The next offset is the end of the last *batch*, not of the last record: compaction removes records and keeps the batch's range.
 */
export function visibleRecords(
  from: number,
  batches: readonly FetchedBatch[],
  abortedTransactions: readonly AbortedTransaction[] = [],
): VisibleRecords {
  const last = batches.at(-1);
  if (last === undefined) return { records: [], nextOffset: from };
  const starts = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId: BigInt(producerId), firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset);
  const aborted = new Set<bigint>();
  const records: KafkaRecord[] = [];
  for (const { lastOffset, producerId, inTransaction, isControl, records: all } of batches) {
    while (starts[0] !== undefined && starts[0].firstOffset <= lastOffset)
      aborted.add((starts.shift() as { producerId: bigint }).producerId);
    if (isControl) {
      if (all[0]?.key?.equals(ABORT_MARKER) === true) aborted.delete(producerId);
    } else if (!(inTransaction && aborted.has(producerId))) {
      for (const record of all) if (record.offset >= from) records.push(record);
    }
  }
  return { records, nextOffset: Math.max(from, last.lastOffset + 1) };
}
