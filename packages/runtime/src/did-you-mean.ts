// A typing error is answered with the word that was meant: for configuration keys, commands, event types.

import { distance } from 'fastest-levenshtein';
import { suggestionDistanceShare } from './limits.ts';

/**
 * The candidate that `word` most likely stands for; undefined when none is near.
 * A word that is the last part of one dotted candidate (`windowRecords` for `dispatch.windowRecords`) is near.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  const allowed = Math.max(2, Math.floor(wanted.length * suggestionDistanceShare));
  let best: string | undefined;
  let bestDistance = allowed + 1;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const near = known.endsWith(`.${wanted}`) ? 0.5 : distance(wanted, known);
    if (near < bestDistance) {
      best = candidate;
      bestDistance = near;
    }
  }
  // A word of two letters is within two edits of every other one: at least half of it must stay.
  return best !== undefined && bestDistance <= Math.max(1, wanted.length / 2) ? best : undefined;
}
