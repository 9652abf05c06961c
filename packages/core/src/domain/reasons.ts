// Why a dispatch ended, and why an attempt was put off: closed lists, the same words in records, metrics and the CLI.

/** In the dead letter queue; an operator may replay it. */
export type DeadReason =
  | 'retries-exhausted'
  | 'gone'
  | 'endpoint-disabled'
  | 'endpoint-deleted'
  | 'expired'
  | 'blocked-address'
  | 'undecodable'
  | 'invalid-configuration';

/** Put off without an attempt; the record goes to a tier and comes back. */
export type DeferReason = 'breaker-open' | 'rate' | 'queue-full' | 'paused' | 'unknown-endpoint' | 'secret-unavailable';

/** Dropped without a trace of its own, since it changes nothing: counted, never recorded. */
export type DropReason =
  /** A copy of work whose record is in the log. */
  | 'settled'
  /** A copy of work that is queued or being sent. */
  | 'under-way'
  /** The partition was lost meanwhile: its new owner sends again. */
  | 'stale'
  /** Cut short by a drain: the next owner sends again. */
  | 'cancelled';

const parkFirstMs = 5_000;
const parkLongestMs = 30 * 60_000;

/** Wait of the k-th parking (0-based) in ms: 5 s, 10 s, 20 s … up to 30 min. */
export function parkDelayMs(park: number): number {
  return Math.min(parkFirstMs * 2 ** Math.min(park, 16), parkLongestMs);
}
