// Which record of a tier a record of `dispatches` was given back from: by its place, since two records of one attempt may be alike in
// every word. An append of dispatch that is repeated after its answer was lost makes such two; what was given back of the first is
// dropped while dispatch still waits for that answer, and then the second is all there is.

import { attemptIdOf, type Dispatch } from '../domain/index.ts';
import type { HeaderReader } from './dispatch-record.ts';

/** On what is given back. */
export const tierPlaceHeader = 'pr-tier';

/** A place in a tier; the partition is that of the record in `dispatches`. */
export function tierPlace({ topic, offset }: { readonly topic: string; readonly offset: number }): string {
  return `${topic}/${offset}`;
}

/** A record at a place in a tier. Its words too: a tier that was made anew has other records at the same places. */
export function placed(place: string, dispatch: Dispatch): string {
  return `${place} ${unplaced(dispatch)}`;
}

/** Of a record in `dispatches`: what it was given back from; undefined when it did not come from a tier. */
export function givenBackFrom(header: HeaderReader, dispatch: Dispatch): string | undefined {
  const place = header(tierPlaceHeader);
  if (place !== undefined) return placed(place, dispatch);
  const { attempt, hop, park } = dispatch;
  // First attempts come from convergence, unless dispatch sent them round.
  return attempt === 1 && hop === 0 && park === 0 ? undefined : unplaced(dispatch);
}

/**
 * What a scheduler of before, which wrote no places, gave back: an attempt may pass a tier more than once, each time with another hop or
 * park, and when it was parked at another moment.
 */
export function unplaced(dispatch: Dispatch): string {
  return `${attemptIdOf(dispatch)}/${dispatch.hop}/${dispatch.park}/${dispatch.parkedMs ?? ''}`;
}
