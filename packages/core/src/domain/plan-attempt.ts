// First of the two decisions worth arguing about: may this dispatch be sent now, and if not, what instead?
//
//   new ──▶ wait            due is still ahead (the scheduler gave it back early, or the clocks differ)
//       ──▶ defer(reason)   the endpoint cannot take it now; comes back through a tier, no attempt counted
//       ──▶ end(reason)     it can never be sent as things stand: dead letter, an operator may replay it
//       ──▶ answer          a call that cannot be made now is answered at once; it is never parked and never a dead letter
//       ──▶ send

import type { Dispatch } from './dispatch.ts';
import type { Endpoint } from './endpoint.ts';
import { parkDelayMs, type DeadReason, type DeferReason } from './reasons.ts';

/** What is known of the dispatch's endpoint: its record, that its tombstone was read, or nothing at all. */
export type EndpointView =
  | { readonly kind: 'known'; readonly endpoint: Endpoint; readonly disabledSince: 'this-version' | undefined }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'unknown' };

export interface PutOff {
  readonly reason: Extract<DeferReason, 'breaker-open' | 'rate' | 'queue-full'>;
  /** When it comes back, epoch ms. */
  readonly dueMs: number;
}

export interface PlanInput {
  readonly dispatch: Dispatch;
  readonly endpoint: EndpointView;
  /** What keeps the endpoint from taking it now, though it may be sent to: its breaker, its rate, or its queue. */
  readonly putOff: PutOff | undefined;
  readonly nowMs: number;
}

export type AttemptPlan =
  | { readonly kind: 'send'; readonly endpoint: Endpoint }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'defer'; readonly reason: DeferReason; readonly dueMs: number }
  | { readonly kind: 'end'; readonly reason: DeadReason }
  | { readonly kind: 'answer'; readonly outcome: 'unavailable' | 'cancelled'; readonly reason: string };

/** Decides what to do with a dispatch that is neither under way nor settled. Pure: equal inputs, equal plans. */
export function planAttempt(input: PlanInput): AttemptPlan {
  const { dispatch, nowMs } = input;
  const plan = planSending(input);
  if (dispatch.correlation === undefined) return plan;
  // A call: somebody waits for the answer, so anything but sending it now is the answer.
  if (dispatch.deadlineMs !== undefined && dispatch.deadlineMs <= nowMs)
    return { kind: 'answer', outcome: 'cancelled', reason: 'deadline' };
  return plan.kind === 'defer' || plan.kind === 'end'
    ? { kind: 'answer', outcome: 'unavailable', reason: plan.reason }
    : plan;
}

function planSending(input: PlanInput): AttemptPlan {
  const { dispatch, nowMs } = input;
  if (dispatch.mustEnd) return { kind: 'end', reason: dispatch.mustEnd };
  if (input.endpoint.kind === 'deleted') return { kind: 'end', reason: 'endpoint-deleted' };
  if (input.endpoint.kind === 'unknown') return defer(input, 'unknown-endpoint');

  const { endpoint, disabledSince } = input.endpoint;
  if (endpoint.status.kind === 'disabled' || disabledSince) return { kind: 'end', reason: 'endpoint-disabled' };
  if (nowMs - dispatch.roundStartedMs > endpoint.maxAgeMs) return { kind: 'end', reason: 'expired' };
  if (dispatch.dueMs > nowMs) return { kind: 'wait', untilMs: dispatch.dueMs };
  if (endpoint.status.kind === 'paused') return defer(input, 'paused');
  if (input.putOff) return { kind: 'defer', ...input.putOff };
  return { kind: 'send', endpoint };
}

function defer({ dispatch, nowMs }: PlanInput, reason: DeferReason): AttemptPlan {
  return { kind: 'defer', reason, dueMs: nowMs + parkDelayMs(dispatch.park) };
}
