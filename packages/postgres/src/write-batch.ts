// Batches of one or more Kafka partitions with the offsets behind them, in one statement and so in one transaction. The
// offset row is both the lock and the proof: who cannot move it from where it expects it to be writes nothing. What is read
// before may be read outside of that: nobody else moves these deliveries without moving the same offset rows.
//
//   progress of the moved deliveries ─▶ fold ─▶ link ─▶ append

import { chainStep } from '@postrider/core/contracts';
import type { AuditRow } from './audit-row.ts';
import { readKnown, readProgress } from './batch-reads.ts';
import type { Session } from './database.ts';
import { foldBatch, identitiesOf, movedKeys, type FoldedBatch } from './fold-batch.ts';
import { identityKey } from './identity-key.ts';
import { PostgresError } from './postgres-error.ts';
import { callAppend, type LaneMove, type LinkedRow } from './write-statements.ts';

export interface AppendBatch {
  readonly environment: string;
  /** Full name, e.g. `live.attempts`. */
  readonly topic: string;
  readonly partition: number;
  /** Where the offset row must stand. */
  readonly expectedNext: number;
  /** Where it stands afterwards: above the last row's offset. */
  readonly next: number;
  /** In partition order. May be empty: then only the offset moves. */
  readonly rows: readonly AuditRow[];
}

/** A batch, and the hash that its offset row must hold. */
export type HeadedBatch = AppendBatch & { readonly expectedHead: string };

export interface Written {
  /** Rows of all batches, one after the other. */
  readonly folded: FoldedBatch;
  /** The hash after each batch. */
  readonly heads: readonly string[];
}

const elsewhere = 'PR001';
const known = 'PR002';

/**
 * @param batches of one environment, each of another partition; of deliveries that two of them speak of, what makes them
 *   first stands before what moves them
 * @returns undefined when one of them is fenced: nothing was written
 */
export async function writeBatch(session: Session, batches: readonly HeadedBatch[]): Promise<Written | undefined> {
  const environment = batches[0]!.environment;
  const rows = batches.flatMap((batch) => batch.rows);
  const progress = await readProgress(session, environment, movedKeys(rows));
  const identities = identitiesOf(rows)
    .map(({ identity, recordedMs }) => ({ identity, recordedMs, key: identityKey(environment, identity) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const links = batches.map(linksOf);
  const lanes = batches.map((batch, index): LaneMove => ({
    topic: batch.topic,
    partition: batch.partition,
    expectedNext: batch.expectedNext,
    expectedHead: batch.expectedHead,
    next: batch.next,
    head: links[index]!.at(-1) ?? batch.expectedHead,
    rows: batch.rows.length,
  }));
  const laneOf = batches.flatMap((batch, index) => batch.rows.map(() => index + 1));
  const allLinks = links.flat();

  const attempt = async (entered: typeof identities): Promise<FoldedBatch> => {
    const folded = foldBatch(rows, new Set(entered.map(({ identity }) => identity)), progress);
    const linked = folded.rows.map(({ row, duplicate, late }, index): LinkedRow => ({
      row,
      duplicate,
      late,
      lane: laneOf[index]!,
      link: allLinks[index]!,
    }));
    const { deliveries, counts } = folded;
    await callAppend(session, { environment, lanes, rows: linked, identities: entered, deliveries, counts });
    return folded;
  };
  const heads = lanes.map(({ head }) => head);
  try {
    return { folded: await attempt(identities), heads };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    if (error.sqlState === elsewhere) return undefined;
    if (error.sqlState !== known) throw error;
  }
  // Copies are rare: only now it is asked which are.
  const before = await readKnown(
    session,
    identities.map(({ key }) => key),
  );
  try {
    return { folded: await attempt(identities.filter(({ key }) => !before.has(key))), heads };
  } catch (error) {
    if (error instanceof PostgresError && error.sqlState === elsewhere) return undefined;
    throw error;
  }
}

/** The hash after each row. */
function linksOf(batch: HeadedBatch): string[] {
  const next = chainStep(batch);
  let previous = batch.expectedHead;
  return batch.rows.map((row) => (previous = next(previous, row)));
}
