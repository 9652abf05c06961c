// The rows of one partition at the pace of an audit that nobody touched: from bytes to bytes, with nothing made of a row. Where a
// row does not follow the one before it, or a signed head is not met, it gives up, and `verifyPlace` says what is wrong where.

import { columnsAreSame } from '@postrider/audit-projector/same-columns';
import { chainRun, chainStart, chainStep, type StoredLink } from '@postrider/core/contracts';
import { recordField as f, streamRecords, type Snapshot, type StoredRecord } from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';
import { columnProblem } from './column-problem.ts';
import { FoldRows, type FoldParts } from './fold-facts.ts';
import type { SumKey } from './keyed-sum.ts';
import { progressRows } from './limits.ts';
import { verifyPlace, type PlaceVerdict, type PlaceWork } from './verify-rows.ts';

export interface PlaceScan {
  readonly verdict: PlaceVerdict;
  /** Undefined: something is wrong with the rows, and what follows from them is counted anew by the server. */
  readonly fold: FoldParts | undefined;
}

/** @param onRows told now and then how many rows more were read. @throws PostgresError */
export async function scanPlace(
  snapshot: Snapshot,
  work: PlaceWork,
  { key, onRows }: { readonly key: SumKey; readonly onRows: (rows: number) => void },
): Promise<PlaceScan> {
  let told = 0;
  const scan = await scanRows(snapshot, work, {
    key,
    onRows: (rows) => {
      told += rows;
      onRows(rows);
    },
  });
  if (scan !== undefined) return scan;
  // Rows that were told already are not told again.
  const verdict = await verifyPlace(snapshot, work, (rows) => {
    const again = Math.min(told, rows);
    told -= again;
    if (rows > again) onRows(rows - again);
  });
  return { verdict, fold: undefined };
}

async function scanRows(
  snapshot: Snapshot,
  { place, base, signed, whole, range, offsetRow, behind, beginsAtSigned, withStubs }: PlaceWork,
  { key, onRows }: { readonly key: SumKey; readonly onRows: (rows: number) => void },
): Promise<PlaceScan | undefined> {
  // The first row may follow any checkpoint, and the chain goes on from stubs: for whoever looks row by row.
  if (beginsAtSigned || withStubs) return undefined;
  const from = base ?? { offset: 0, rows: 0, head: chainStart(place) };
  const run = chainRun(place, from.head);
  const fold = new FoldRows(key);
  const problems: AuditProblem[] = [];
  const heads = signed.filter(({ offset }) => offset >= from.offset);
  let nextHead = 0;
  let rows = 0;
  let bare = 0;
  let end = from.offset;
  const met = (): boolean => {
    const head = heads[nextHead++]!;
    return head.head === run.head() && (!whole || head.rows === from.rows + rows);
  };
  const link: StoredLink = { offsetAt: 0, recordedMs: 0, keyAt: 0, endAt: 0, chainAt: 0 };
  const follows = ({ bytes: { starts, lengths, buffer }, offset, recordedMs }: StoredRecord): boolean => {
    while (nextHead < heads.length && heads[nextHead]!.offset <= offset) if (!met()) return false;
    link.offsetAt = starts[f.record_offset]!;
    link.recordedMs = recordedMs;
    link.keyAt = starts[f.key]! - 4;
    link.endAt = starts[f.value]! + Math.max(0, lengths[f.value]!);
    link.chainAt = starts[f.chain]!;
    return Number.isInteger(recordedMs) && lengths[f.chain] === 32 && run.follow(buffer, link);
  };

  let sure = true;
  for await (const next of streamRecords(snapshot, place, range)) {
    for (let record = sure ? next() : undefined; record !== undefined; record = next()) {
      sure = follows(record);
      // The rest is passed over, so that the connection can be asked again.
      if (!sure) break;
      const { bytes, offset } = record;
      if (!columnsAreSame(bytes)) {
        const what = columnProblem(record);
        if (what === 'refused') bare += 1;
        else if (what !== undefined) problems.push({ ...what, topic: place.topic, partition: place.partition, offset });
      }
      fold.take(bytes);
      end = offset + 1;
      rows += 1;
      if (rows % progressRows === 0) onRows(progressRows);
    }
  }
  if (!sure) return undefined;
  onRows(rows % progressRows);
  const reached = Math.max(end, offsetRow?.offset ?? end);
  while (nextHead < heads.length && heads[nextHead]!.offset <= reached) if (!met()) return undefined;
  if (offsetRow !== undefined) {
    const { offset, head } = offsetRow;
    if (nextHead < heads.length || end > offset || head !== run.head()) return undefined;
    if (whole && offsetRow.rows !== from.rows + rows) return undefined;
  }
  if (behind !== undefined && chainStep(place)(run.head(), behind) !== behind.chain) return undefined;
  return {
    verdict: { place, rows, stubs: 0, bare, problems },
    fold: problems.length === 0 ? fold.finish() : undefined,
  };
}
