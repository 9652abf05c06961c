// What became of a dead letter since: told by later letters of the same dispatch and, when it can be asked, by PostgreSQL.

import type { AuditReads, RoundState } from '@postrider/postgres';
import type { Letter } from './dead-letters.ts';

/** `dead`: nothing since, as far as is known. */
export interface LetterFate {
  readonly state: 'dead' | 'replayed' | 'delivered';
  /** Round that the state comes from. */
  readonly round: number;
  /** For a person, e.g. `round 1 pending`. */
  readonly text: string;
}

/** Without `reads` only letters can tell. */
export async function letterFates(
  letters: readonly Letter[],
  lastRounds: ReadonlyMap<string, number>,
  reads: Pick<AuditReads, 'rounds'> | undefined,
): Promise<ReadonlyMap<Letter, LetterFate>> {
  const rounds = await reads?.rounds(letters.flatMap(({ dispatchId }) => dispatchId ?? []));
  return new Map(letters.map((letter) => [letter, fateOf(letter, lastRounds, rounds?.get(letter.dispatchId ?? ''))]));
}

function fateOf(
  letter: Letter,
  lastRounds: ReadonlyMap<string, number>,
  rounds: readonly RoundState[] = [],
): LetterFate {
  const { dispatchId, round } = letter;
  if (dispatchId === undefined) return { state: 'dead', round, text: '' };
  const delivered = rounds.find((delivery) => delivery.state === 'delivered');
  if (delivered) return { state: 'delivered', round: delivered.round, text: `delivered in round ${delivered.round}` };
  const latest = rounds.at(-1);
  if (latest && latest.round > round)
    return { state: 'replayed', round: latest.round, text: `replayed: round ${latest.round} ${latest.state}` };
  const lastLetter = lastRounds.get(dispatchId) ?? round;
  if (lastLetter > round) return { state: 'replayed', round: lastLetter, text: `replayed: round ${lastLetter} dead` };
  return { state: 'dead', round, text: '' };
}
