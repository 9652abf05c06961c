// What became of a dead letter since: told by later letters of the same dispatch and, when it can be asked, by PostgreSQL.

import type { AuditReads } from '@postrider/postgres';
import type { Letter } from './dead-letters.ts';

/** `dead`: nothing since, as far as is known. */
export interface LetterFate {
  readonly state: 'dead' | 'replayed' | 'delivered';
  /** Round that the state comes from. */
  readonly round: number;
  /** For a person, e.g. `round 1 pending`. */
  readonly text: string;
}

/** Asks for each letter; without `reads` only letters can tell. */
export async function letterFates(
  letters: readonly Letter[],
  lastRounds: ReadonlyMap<string, number>,
  reads: Pick<AuditReads, 'findDeliveries'> | undefined,
): Promise<ReadonlyMap<Letter, LetterFate>> {
  const fates = await Promise.all(
    letters.map(async (letter) => [letter, await fateOf(letter, lastRounds, reads)] as const),
  );
  return new Map(fates);
}

async function fateOf(
  letter: Letter,
  lastRounds: ReadonlyMap<string, number>,
  reads: Pick<AuditReads, 'findDeliveries'> | undefined,
): Promise<LetterFate> {
  const { dispatchId, round } = letter;
  if (dispatchId === undefined) return { state: 'dead', round, text: '' };
  const rounds = reads
    ? (await reads.findDeliveries({ id: dispatchId })).deliveries.filter((delivery) => delivery.dispatch === dispatchId)
    : [];
  const delivered = rounds.find((delivery) => delivery.state === 'delivered');
  if (delivered) return { state: 'delivered', round: delivered.round, text: `delivered in round ${delivered.round}` };
  const latest = rounds.toSorted((a, b) => b.round - a.round)[0];
  if (latest && latest.round > round)
    return { state: 'replayed', round: latest.round, text: `replayed: round ${latest.round} ${latest.state}` };
  const lastLetter = lastRounds.get(dispatchId) ?? round;
  if (lastLetter > round) return { state: 'replayed', round: lastLetter, text: `replayed: round ${lastLetter} dead` };
  return { state: 'dead', round, text: '' };
}
