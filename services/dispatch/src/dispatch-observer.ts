// What dispatch tells the outside of what it does: metrics and log lines are made of it.

import type { AttemptSettled } from '@postrider/core/contracts';
import type { DeadReason, DeferReason, DropReason, Endpoint } from '@postrider/core/domain';
import type { SecretProblem } from '@postrider/runtime';
import type { BreakerMove } from './endpoint-breakers.ts';
import type { AttemptResult } from './send-attempt.ts';
import type { Work } from './work.ts';

/** What the outside is told; nothing here decides anything. */
export interface DispatchObserver {
  attempted(work: Work, record: AttemptSettled, result: AttemptResult): void;
  /** The log said otherwise than this owner's own attempt, and was followed. */
  adopted(work: Work): void;
  /** The window was read back further. */
  extended(partition: number, records: number): void;
  deferred(work: Work, reason: DeferReason): void;
  breakerMoved(move: BreakerMove): void;
  /** An attempt needed a secret that is not to be had; it is put off. */
  secretMissing(endpoint: Endpoint, problem: SecretProblem): void;
  /** This version answered 410, the first time that this process heard it: nothing is sent to it any more. */
  disabled(endpoint: Endpoint): void;
  ended(reason: DeadReason): void;
  dropped(reason: DropReason): void;
}
