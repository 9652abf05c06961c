// Batches of one or more Kafka partitions with the offsets behind them, in one statement and so in one transaction. The
// offset row is both the lock and the proof: who cannot move it from where it expects it to be writes nothing. What is read
// before may be read outside of that: nobody else moves these deliveries without moving the same offset rows. What an append
// moves that is not answered yet is taken from what that one comes to.
//
//   prepared (prepared-batch.ts) ─▶ progress of what earlier appends may have made ─▶ fold ─▶ append
//                                        ▲                                                   │ something taken for new is known
//                                        └── what is known, and the progress of everything ◀─┘ (once)

import { readKnown, readProgress } from './batch-reads.ts';
import type { Session } from './database.ts';
import { deliveryKey, foldBatch, type FoldedBatch } from './fold-batch.ts';
import type { Progress } from './fold-delivery.ts';
import { PostgresError } from './postgres-error.ts';
import type { Folded, Identity, Prepared } from './prepared-batch.ts';
import type { UnderWay } from './under-way.ts';
import { callAppend, encodeFolded, encodeIdentities, type Taken } from './write-statements.ts';

const elsewhere = 'PR001';
const standsAlready = 'PR002';
const nothing: Taken = { forNew: () => false, forUntouched: () => false };

/**
 * @param prepared of batches of one environment, each of another partition; of deliveries that two of them speak of, what makes
 *   them first stands before what moves them
 * @param underWay told of each try, and asked what it stands upon
 * @returns rows of all batches, one after the other; undefined when one of them is fenced: nothing was written
 */
export async function writeBatch(
  session: Session,
  prepared: Prepared,
  underWay: UnderWay,
): Promise<FoldedBatch | undefined> {
  try {
    const folded = prepared.folded ?? (await foldedFresh(session, prepared, underWay.standsUpon));
    return await append(session, prepared, prepared.identities, folded, underWay);
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    if (error.sqlState === elsewhere) return undefined;
    if (error.sqlState !== standsAlready) throw error;
  }
  // Copies are rare, and so is a delivery that was moved before its event: only now it is asked which are. The server has said
  // so with the offset rows in its hand: whatever this was sent behind stands.
  await underWay.again();
  const before = await readKnown(
    session,
    prepared.identities.map(({ key }) => key),
  );
  const { toRead, fresh, untouched } = prepared.moved;
  const progress = await readProgress(session, prepared.environment, [
    ...toRead,
    ...fresh.values(),
    ...untouched.values(),
  ]);
  const entered = prepared.identities.filter(({ key }) => !before.has(key));
  try {
    return await append(session, prepared, entered, fold(prepared, entered, progress, nothing), underWay);
  } catch (error) {
    if (error instanceof PostgresError && error.sqlState === elsewhere) return undefined;
    throw error;
  }
}

async function append(
  session: Session,
  { environment, identities, encoded }: Prepared,
  entered: readonly Identity[],
  folded: Folded,
  underWay: UnderWay,
): Promise<FoldedBatch> {
  const known = entered === identities ? encoded.identities : encodeIdentities(entered);
  const name = underWay.sent(folded.batch);
  const parameters = {
    environment,
    lanes: underWay.moves,
    records: encoded.records,
    identities: known,
    folded: folded.encoded,
    name,
  };
  await callAppend(session, parameters);
  return folded.batch;
}

async function foldedFresh(session: Session, prepared: Prepared, upon: FoldedBatch | undefined): Promise<Folded> {
  const { environment, identities, moved } = prepared;
  const coming = new Map<string, Progress>();
  for (const each of upon?.deliveries ?? [])
    if (each.progress !== undefined) coming.set(deliveryKey(each), each.progress);
  const toRead = moved.toRead.filter((key) => !coming.has(deliveryKey(key)));
  const progress = new Map([...(await readProgress(session, environment, toRead)), ...coming]);
  return fold(prepared, identities, progress, prepared.taken);
}

function fold(
  { rows }: Prepared,
  entered: readonly Identity[],
  progress: ReadonlyMap<string, Progress>,
  taken: Taken,
): Folded {
  const batch = foldBatch(rows, new Set(entered.map(({ identity }) => identity)), progress);
  return { batch, encoded: encodeFolded(batch, taken) };
}
