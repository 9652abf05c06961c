// The rows of one partition against everything that they can be held against: the chain, what was signed, and the columns
// beside the bytes.

import type { ChainPlace } from '@postrider/core/contracts';
import { streamRecords, type FollowingLink, type OffsetRange, type Snapshot } from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';
import { ChainCheck, type ChainBase, type OffsetRow, type SignedHead } from './chain-check.ts';
import { columnProblem } from './column-problem.ts';
import { progressRows } from './limits.ts';

export interface PlaceWork {
  readonly place: ChainPlace;
  /** Where the rows begin; undefined: at the beginning of the log. */
  readonly base: ChainBase | undefined;
  /** False: the base is a row in the middle, whose number in the log is not known. */
  readonly whole: boolean;
  readonly range: OffsetRange;
  /** Undefined: the range ends before the rows do. */
  readonly offsetRow: OffsetRow | undefined;
  /** What stands behind such a range, and says what its last row comes to. */
  readonly behind: FollowingLink | undefined;
  readonly signed: readonly SignedHead[];
  /** The tables were made from a checkpoint on. */
  readonly beginsAtSigned: boolean;
  /** Of some records a stub is left. */
  readonly withStubs: boolean;
}

export interface PlaceVerdict {
  readonly place: ChainPlace;
  readonly rows: number;
  /** Records that only a stub is left of, not among the rows. */
  readonly stubs: number;
  /** Rows that PostgreSQL would not take as they are: their columns cannot be held against their bytes. */
  readonly bare: number;
  readonly problems: readonly AuditProblem[];
}

/** @param onRows told now and then how many rows more were read */
export async function verifyPlace(
  snapshot: Snapshot,
  work: PlaceWork,
  onRows: (rows: number) => void,
): Promise<PlaceVerdict> {
  const { place, base, signed, whole, range, offsetRow, behind, withStubs } = work;
  const chain = new ChainCheck(place, { base, signed, whole, beginsAtSigned: work.beginsAtSigned });
  const problems: AuditProblem[] = [];
  let rows = 0;
  let stubs = 0;
  let bare = 0;
  for await (const next of streamRecords(snapshot, place, range, { withStubs })) {
    for (let record = next(); record !== undefined; record = next()) {
      if (withStubs && record.isStub) {
        chain.pass(record);
        stubs += 1;
        if (stubs % progressRows === 0) onRows(progressRows);
        continue;
      }
      const { offset, recordedMs, key, value } = record;
      const linked = { offset, recordedMs, key, value, chain: record.chain };
      // A row whose bytes are not those that were hashed is a problem already; its columns prove nothing.
      if (chain.take(linked)) {
        const what = columnProblem(record);
        if (what === 'refused') bare += 1;
        else if (what !== undefined) problems.push({ ...what, topic: place.topic, partition: place.partition, offset });
      }
      rows += 1;
      if (rows % progressRows === 0) onRows(progressRows);
    }
  }
  onRows((rows % progressRows) + (stubs % progressRows));
  if (behind?.isStub === true) chain.pass(behind);
  else if (behind !== undefined) chain.take(behind);
  problems.push(...chain.finish(offsetRow));
  problems.sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
  return { place, rows, stubs, bare, problems };
}
