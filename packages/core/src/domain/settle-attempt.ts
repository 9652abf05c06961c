// Second of the two decisions worth arguing about: the attempt came to an outcome; what is now true?

import type { Dispatch } from './dispatch.ts';
import type { Endpoint } from './endpoint.ts';
import { outcomeRules, type AttemptStatus, type Outcome } from './outcome.ts';
import type { DeadReason } from './reasons.ts';
import { delayAfter, retryAfterMsMax } from './retry-policy.ts';

/** What a settled attempt leads to; copied into its record, so that it is never computed twice. */
export type Disposition =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly dueMs: number; readonly attempt: number }
  | { readonly kind: 'dead'; readonly reason: DeadReason }
  /** Ended for good, nobody may replay it: a call that was answered otherwise than by its receiver. */
  | { readonly kind: 'suppressed'; readonly reason: string };

export interface Settlement {
  readonly status: AttemptStatus;
  readonly disposition: Disposition;
  /** The endpoint said 410: nothing more is sent to this version of it. */
  readonly disablesEndpoint: boolean;
}

export interface SettleInput {
  readonly dispatch: Pick<Dispatch, 'attempt' | 'roundStartedMs'>;
  readonly endpoint: Pick<Endpoint, 'retry' | 'maxAgeMs'>;
  readonly outcome: Outcome;
  readonly nowMs: number;
  /** In [0, 1): spreads the next due time where the policy asks for it. */
  readonly random: number;
}

/** A wrong DNS answer can be repaired; after this many retries it is a configuration, not a mishap. */
const blockedRetriesMax = 3;

/** Decides what a finished attempt means. Pure: equal inputs, equal settlements. */
export function settleAttempt(input: SettleInput): Settlement {
  const { outcome } = input;
  const { status, next } = outcomeRules[outcome.kind];
  if (outcome.httpStatus === 410 && outcome.kind === 'http-status') {
    return { status, disposition: { kind: 'dead', reason: 'gone' }, disablesEndpoint: true };
  }
  return { status, disposition: dispositionFor(next, input), disablesEndpoint: false };
}

/** What a finished call means: it is answered once, whatever it came to, and never tried again. `refusal`: undefined = replied. */
export function settleCall(outcome: Outcome, refusal: string | undefined): Settlement {
  return {
    status: outcomeRules[outcome.kind].status,
    disposition: refusal === undefined ? { kind: 'delivered' } : { kind: 'suppressed', reason: refusal },
    disablesEndpoint: false,
  };
}

function dispositionFor(next: (typeof outcomeRules)[Outcome['kind']]['next'], input: SettleInput): Disposition {
  switch (next) {
    case 'deliver':
      return { kind: 'delivered' };
    case 'end':
      return { kind: 'dead', reason: 'invalid-configuration' };
    case 'retry-three-times':
      return input.dispatch.attempt > blockedRetriesMax ? { kind: 'dead', reason: 'blocked-address' } : retry(input);
    case 'retry':
      return retry(input);
    case 'not-counted':
      throw new Error('an attempt cancelled by a drain is not settled; it is sent again');
  }
}

function retry({ dispatch, endpoint, outcome, nowMs, random }: SettleInput): Disposition {
  const delayMs = delayAfter(endpoint.retry, dispatch.attempt, random);
  if (delayMs === undefined) return { kind: 'dead', reason: 'retries-exhausted' };
  // Retry-After lengthens, never shortens.
  const askedMs = Math.min(outcome.retryAfterMs ?? 0, retryAfterMsMax);
  const dueMs = nowMs + Math.max(delayMs, askedMs);
  if (dueMs - dispatch.roundStartedMs > endpoint.maxAgeMs) return { kind: 'dead', reason: 'expired' };
  return { kind: 'retry', dueMs, attempt: dispatch.attempt + 1 };
}
