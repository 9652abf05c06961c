// When a record in a tier is given back, and in what form. Pure.
//
// Never early: by the broker's append time plus the delay that was asked for, or by the due time that was written, whichever
// is later. The first holds when the writer's clock was behind, the second when it was right.

import { dispatchHeaders, type RecordHeaders, type TopicNames } from '@postrider/core/contracts';
import { tierFor, type Dispatch, type Tiers } from '@postrider/core/domain';
import type { AppendRecord } from '@postrider/kafka';

export interface WaitingRecord {
  readonly dispatch: Dispatch;
  /** Broker time at which it came to the tier. */
  readonly appendedMs: number;
  /** The attempt may not start before, epoch ms. */
  readonly attemptDueMs: number;
  /** This tier gives it back at, epoch ms: the due time, or an earlier hop to a smaller tier. */
  readonly wakeMs: number;
}

/** @param delayMs what remained until due when the record was written, by its writer's clock */
export function waitingRecord(
  dispatch: Dispatch,
  times: { appendedMs: number; wakeMs: number | undefined; delayMs: number | undefined },
): WaitingRecord {
  const attemptDueMs = Math.max(dispatch.dueMs, times.appendedMs + (times.delayMs ?? 0));
  // A hop comes back at its wake time; clock skew moves it by as much as it moves the due time.
  const wakeMs =
    times.wakeMs === undefined ? attemptDueMs : Math.min(attemptDueMs, times.wakeMs + (attemptDueMs - dispatch.dueMs));
  return { dispatch, appendedMs: times.appendedMs, attemptDueMs, wakeMs };
}

/** The record that gives a dispatch back: to `dispatches` when it is due, else on to the largest tier that still fits. */
export function handBack(
  { dispatch, attemptDueMs }: Pick<WaitingRecord, 'dispatch' | 'attemptDueMs'>,
  partition: number,
  nowMs: number,
  { topics, tiers }: { topics: TopicNames; tiers: Tiers },
): Omit<AppendRecord, 'headers'> & { readonly headers: RecordHeaders } {
  const value = Buffer.from(dispatch.body.buffer, dispatch.body.byteOffset, dispatch.body.byteLength);
  if (nowMs >= attemptDueMs) {
    return { topic: topics.dispatches, partition, key: dispatch.endpointId, value, headers: dispatchHeaders(dispatch) };
  }
  const delayMs = attemptDueMs - nowMs;
  const { tier, stayMs } = tierFor(tiers, delayMs);
  const next = { ...dispatch, dueMs: attemptDueMs, hop: dispatch.hop + 1 };
  return {
    topic: topics.retry(tier),
    partition,
    key: dispatch.endpointId,
    value,
    headers: dispatchHeaders(next, { wakeMs: nowMs + stayMs, delayMs }),
  };
}
