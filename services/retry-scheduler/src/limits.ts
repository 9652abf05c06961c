// Every limit of the retry scheduler, with its reason.

/** Records of one tier partition held in memory: enough to hand back a burst in full batches. */
const windowRecords = 2_000;
/** Bytes of one tier partition held in memory; all of them together: `retry.windowBytes`. */
const windowBytes = 4 * 1024 * 1024;
/**
 * The smallest tier also holds what has less to wait than its delay, in any order: a second behind five. It is read ahead as far as
 * two thousand retries a second of one partition fill it in five seconds; beyond that, short delays are late.
 */
const smallestWindowRecords = 10_000;
const smallestWindowBytes = 16 * 1024 * 1024;

/** What is held in memory of one partition of a tier. */
export function tierWindow(isSmallest: boolean): { readonly windowRecords: number; readonly windowBytes: number } {
  return isSmallest
    ? { windowRecords: smallestWindowRecords, windowBytes: smallestWindowBytes }
    : { windowRecords, windowBytes };
}
/** Given-back records that are remembered of one partition until all that was inherited is read: about 12 MB. */
export const givenBackMax = 100_000;
export const commitIntervalMs = 200;
/** How often it is looked where `dispatches` ends: what a restart reads back of an idle tier's partition at most. */
export const endsLookMs = 60_000;
/** The longest sleep before the heads are looked at again: a wall clock that was set forward must not delay them. */
export const sleepMsMax = 1_000;
/** Records handed back in one turn of the loop, so that a heap of a hundred thousand overdue records does not block it. */
export const forwardBatch = 500;
/** The longest rest between two batches that are given back: a fifth of the lateness that is allowed. */
export const appendRestMsMax = 20;
/** Between an endpoint's new record and the first that it calls back: dispatch must have read it too, or it puts all off again. */
export const recallAfterMs = 2_000;
/** What was put off this soon after the record is called back as well: dispatch had not read it, or the broker's clocks differ. */
export const recallMarginMs = 10_000;
/** Later than this a record is overdue: it shares a partition with what is new, instead of going before it. */
export const overdueMs = 1_000;
/**
 * Overdue records of one partition that are given back and not finished: half a second's work of a busy partition, and half of what
 * dispatch lets late work hold of its window.
 */
export const overdueOutMax = 500;
/** How often dispatch's commits are looked at while overdue records wait for it: about as often as it commits. */
export const overdueAskMs = 200;
/** A partition whose commit stands still, held by one request, is given as many overdue records again after this. */
export const overdueStallMs = 1_000;
