/** From one partition's part of a fetch to the records a reader may see, and where it reads next. Pure. */
import type { DriverRecord } from './record.ts';

export interface FetchedRecords {
  highWatermark: string;
  lastStableOffset?: string | undefined;
  abortedTransactions?: readonly { producerId: string; firstOffset: string }[] | undefined;
  messages: readonly DriverRecord[];
}

export interface VisibleRecords {
  records: DriverRecord[];
  /** Where to read next; equal to `from` when the fetch brought nothing. */
  nextOffset: number;
}

const ABORT_MARKER = Buffer.from([0, 0, 0, 0]);

/**
 * Leaves out what lies before `from` (a batch is always sent whole), control records, and records of aborted transactions.
 * The next offset is the end of the last *batch*, not of the last record: compaction removes records and keeps the batch's range.
 */
export function visibleRecords(from: number, fetched: FetchedRecords): VisibleRecords {
  const last = fetched.messages.at(-1);
  if (last === undefined) return { records: [], nextOffset: from };
  const nextOffset = Math.max(from, Number(last.batchContext.firstOffset) + last.batchContext.lastOffsetDelta + 1);
  const starts = [...(fetched.abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const aborted = new Set<string>();
  const records: DriverRecord[] = [];
  for (const record of fetched.messages) {
    const offset = Number(record.offset);
    while (starts[0] !== undefined && offset >= Number(starts[0].firstOffset))
      aborted.add((starts.shift() as { producerId: string }).producerId);
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) {
      if (record.key?.equals(ABORT_MARKER) === true) aborted.delete(producerId);
    } else if (offset >= from && !(inTransaction && aborted.has(producerId))) {
      records.push(record);
    }
  }
  return { records, nextOffset };
}
