// First attempts and everything that comes late (retries, what was parked, replays) share an endpoint's places, the places of
// young requests and an origin's. A storm of late work must not keep a first attempt waiting, and a stream of first attempts
// must not keep late work waiting for ever: late work never has all places, and of two that wait it has every fourth turn.

import type { Dispatch } from '@postrider/core/domain';

export type Turn = 'first' | 'late';

const lateTurnEvery = 4;

/** Which of the two a dispatch is. */
export function turnOf({ attempt, park, round }: Pick<Dispatch, 'attempt' | 'park' | 'round'>): Turn {
  return attempt === 1 && park === 0 && round === 0 ? 'first' : 'late';
}

/** Of `places`, those that late work may have at once: three quarters, and the one if there is one only. */
export function latePlaces(places: number): number {
  return Math.max(1, places - Math.ceil(places / 4));
}

/** Whose turn it is. */
export class Turns {
  #taken = 0;

  /** @param can what waits and may go now */
  next(can: Readonly<Record<Turn, boolean>>): Turn | undefined {
    if (!can.first) return can.late ? 'late' : undefined;
    return can.late && this.#taken % lateTurnEvery === lateTurnEvery - 1 ? 'late' : 'first';
  }

  /** A turn was taken while both waited. */
  took(): void {
    this.#taken++;
  }
}
