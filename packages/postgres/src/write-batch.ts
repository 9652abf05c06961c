// Batches of one or more Kafka partitions with the offsets behind them, in one statement and so in one transaction. The
// offset row is both the lock and the proof: who cannot move it from where it expects it to be writes nothing. What is read
// before may be read outside of that: nobody else moves these deliveries without moving the same offset rows.
//
//   prepared (prepared-batch.ts) ─▶ progress of the moved deliveries ─▶ fold ─▶ append

import { readKnown, readProgress } from './batch-reads.ts';
import type { Session } from './database.ts';
import { foldBatch, type FoldedBatch } from './fold-batch.ts';
import { PostgresError } from './postgres-error.ts';
import type { Identity, Prepared } from './prepared-batch.ts';
import { callAppend, encodeFolded, encodeIdentities } from './write-statements.ts';

const elsewhere = 'PR001';
const known = 'PR002';

/**
 * @param prepared of batches of one environment, each of another partition; of deliveries that two of them speak of, what makes
 *   them first stands before what moves them
 * @returns rows of all batches, one after the other; undefined when one of them is fenced: nothing was written
 */
export async function writeBatch(session: Session, prepared: Prepared): Promise<FoldedBatch | undefined> {
  const { environment, lanes, rows, identities, moved, encoded } = prepared;
  const progress = await readProgress(session, environment, moved);
  const attempt = async (entered: readonly Identity[]): Promise<FoldedBatch> => {
    const folded = foldBatch(rows, new Set(entered.map(({ identity }) => identity)), progress);
    await callAppend(session, {
      environment,
      lanes,
      records: encoded.records,
      identities: entered === identities ? encoded.identities : encodeIdentities(entered),
      folded: encodeFolded(folded),
    });
    return folded;
  };
  try {
    return await attempt(identities);
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
    return await attempt(identities.filter(({ key }) => !before.has(key)));
  } catch (error) {
    if (error instanceof PostgresError && error.sqlState === elsewhere) return undefined;
    throw error;
  }
}
