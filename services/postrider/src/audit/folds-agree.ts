// Whether the folded tables are what the rows come to, without sorting any: see fold-facts.ts.

import { eventFlagsHold, flagDifferences, settlementFlagsHold, streamFolded, type Snapshot } from '@postrider/postgres';
import { FoldTables, type FoldParts } from './fold-facts.ts';
import type { SumKey } from './keyed-sum.ts';
import { foldSuspectsMax, roundMsMax } from './limits.ts';

/** The tables' side, which can be read beside the rows. @throws PostgresError */
export async function readFolded(snapshot: Snapshot, environment: string, key: SumKey): Promise<FoldTables> {
  const tables = new FoldTables(key);
  for await (const rows of streamFolded(snapshot, environment, 'delivery')) {
    while (rows.next()) tables.takeDelivery(rows);
  }
  tables.begin();
  for await (const rows of streamFolded(snapshot, environment, 'delivery_open')) {
    while (rows.next()) tables.takeOpen(rows);
  }
  tables.begin();
  for await (const rows of streamFolded(snapshot, environment, 'daily_count')) {
    while (rows.next()) tables.takeCount(rows);
  }
  return tables;
}

/**
 * True: counting anew would find no difference. False: it is to be asked.
 * @param parts of every partition. @throws PostgresError
 */
export async function foldsAgree(
  snapshot: Snapshot,
  environment: string,
  { tables, parts }: { readonly tables: FoldTables; readonly parts: readonly (FoldParts | undefined)[] },
): Promise<boolean> {
  const suspects = new Set<string>();
  const copies = new Set<string>();
  let others = false;
  for (const part of parts) {
    if (part === undefined || !part.sure) return false;
    tables.addRows(part);
    for (const suspect of part.suspects) suspects.add(suspect);
    for (const origin of part.copies) copies.add(origin);
    others ||= part.others;
  }
  if (!tables.agree() || suspects.size > foldSuspectsMax || copies.size > foldSuspectsMax) return false;
  if (suspects.size > 0 && !(await settlementFlagsHold(snapshot, environment, [...suspects]))) return false;
  if (copies.size > 0 && !(await eventFlagsHold(snapshot, environment, [...copies]))) return false;
  return (
    !others || (await flagDifferences(snapshot, environment, { unmarked: true, roundMsMax, limit: 1 })).length === 0
  );
}
