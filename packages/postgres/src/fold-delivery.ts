// Where a delivery stands after the records of it that were read (rule R4: the first settlement of an attempt counts, the
// first terminal record closes the round). Pure.
//
//            accepted            settled(retry)          deferred
//   (none) ───────────▶ pending ───────────────▶ retrying ◀──────▶ deferred
//                          │                         │                 │
//                          └────────┬────────────────┴─────────────────┘
//                                   ├─ settled(delivered) ─▶ delivered
//                                   ├─ settled(dead) · ended(dead) ─▶ dead
//                                   └─ settled(suppressed) · ended(suppressed) ─▶ suppressed
//
// Two logs feed it: `audit` says that it exists, `attempts` moves it, and neither waits for the other. So the two sides
// touch different parts: `audit` only the facts, which are those of the earliest statement (a minimum: any order gives the
// same), `attempts` the rest, in the order of its one partition.

import type { DeliveryEffect, DeliveryFacts } from './audit-row.ts';

export type DeliveryState = 'pending' | 'retrying' | 'deferred' | 'delivered' | 'dead' | 'suppressed';

/** The part that the log of attempts moves. Times are epoch ms. */
export interface Progress {
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** Attempts that were made and settled in this round. */
  readonly attempts: number;
  /** Of which attempts is known what became of them, settled or ended, counted or late: bit n-1 for attempt n, up to `attemptsMarkedMax`. */
  readonly settledAttempts: number;
  readonly lastHttpStatus: number | null;
  readonly lastOutcome: string | null;
  readonly lastAttemptMs: number | null;
  readonly nextDueMs: number | null;
  /** Broker time of the record that closed the round; null while it is open. */
  readonly settledMs: number | null;
}

export const untouched: Progress = {
  state: 'pending',
  reason: null,
  attempts: 0,
  settledAttempts: 0,
  lastHttpStatus: null,
  lastOutcome: null,
  lastAttemptMs: null,
  nextDueMs: null,
  settledMs: null,
};

/** A number holds so many bits exactly. Later attempts are told from their copies by identity. */
export const attemptsMarkedMax = 52;

export function isMarked(settledAttempts: number, attempt: number): boolean {
  return attempt <= attemptsMarkedMax && Math.floor(settledAttempts / 2 ** (attempt - 1)) % 2 === 1;
}

export function marked(settledAttempts: number, attempt: number): number {
  if (attempt > attemptsMarkedMax || isMarked(settledAttempts, attempt)) return settledAttempts;
  return settledAttempts + 2 ** (attempt - 1);
}

type MovingEffect = Exclude<DeliveryEffect, { kind: 'accepted' }>;

/** The progress after one more record of the round; undefined when the round was closed before: it changes nothing. */
export function advance(progress: Progress, effect: MovingEffect, recordedMs: number): Progress | undefined {
  if (progress.settledMs !== null) return undefined;
  switch (effect.kind) {
    case 'deferred':
      return { ...progress, state: 'deferred', reason: effect.reason, nextDueMs: effect.dueMs };
    case 'ended':
      return {
        ...progress,
        settledAttempts: marked(progress.settledAttempts, effect.attempt),
        state: effect.state,
        reason: effect.reason,
        nextDueMs: null,
        settledMs: recordedMs,
      };
    case 'settled': {
      const made = {
        ...progress,
        attempts: progress.attempts + 1,
        settledAttempts: marked(progress.settledAttempts, effect.attempt),
        lastHttpStatus: effect.httpStatus,
        lastOutcome: effect.outcome,
        lastAttemptMs: effect.startedMs,
      };
      switch (effect.next.kind) {
        case 'delivered':
          return { ...made, state: 'delivered', reason: null, nextDueMs: null, settledMs: recordedMs };
        case 'dead':
        case 'suppressed':
          return {
            ...made,
            state: effect.next.kind,
            reason: effect.next.reason,
            nextDueMs: null,
            settledMs: recordedMs,
          };
        case 'retry':
          return { ...made, state: 'retrying', reason: null, nextDueMs: effect.next.dueMs };
      }
    }
  }
}

/** Of two statements about one delivery the earlier one; of two at one time the one of the lower origin, by code units. */
export function earlier(a: DeliveryFacts, b: DeliveryFacts): DeliveryFacts {
  if (a.seenMs !== b.seenMs) return a.seenMs < b.seenMs ? a : b;
  return b.origin < a.origin ? b : a;
}
