// The records that the owner of a partition writes to `attempts`, built from what is known. Pure.

import {
  timestamp,
  type AttemptSettled,
  type AttemptStarted,
  type DispatchDeferred,
  type DispatchEnded,
  type EndpointDisabled,
} from '@postrider/core/contracts';
import type { DeferReason, Dispatch, Endpoint, Settlement } from '@postrider/core/domain';
import type { AttemptResult } from './send-attempt.ts';
import { factsOf, type Work } from './work.ts';

export function settledRecord(
  { dispatch, state }: Work,
  { endpoint, url }: { readonly endpoint: Endpoint; readonly url: string },
  result: AttemptResult,
  { status, disposition }: Settlement,
): AttemptSettled {
  return {
    type: 'AttemptSettled',
    ...factsOf(dispatch),
    park: dispatch.park,
    endpointVersion: endpoint.version,
    url,
    startedAt: timestamp(result.startedAtMs),
    durationMs: Math.round(result.durationMs * 1000) / 1000,
    phases: result.phases,
    outcome: result.outcome.kind,
    httpStatus: result.outcome.httpStatus,
    detail: result.outcome.detail,
    status,
    response: result.response,
    disposition,
    keyIds: result.keyIds,
    bodyDigest: result.bodyDigest,
    bodyBytes: result.bodyBytes,
    owner: state.owner,
  };
}

export function endedRecord(
  { dispatch, state }: Work,
  disposition: DispatchEnded['disposition'],
  nowMs: number,
): DispatchEnded {
  return {
    type: 'DispatchEnded',
    ...factsOf(dispatch),
    at: timestamp(nowMs),
    disposition,
    owner: state.owner,
  };
}

export function startedRecord({ dispatch, state }: Work, nowMs: number): AttemptStarted {
  return {
    type: 'AttemptStarted',
    ...factsOf(dispatch),
    at: timestamp(nowMs),
    deadline: dispatch.deadlineMs === undefined ? undefined : timestamp(dispatch.deadlineMs),
    owner: state.owner,
  };
}

export function deferredRecord(
  { dispatch, state }: Work,
  { reason, dueMs }: { readonly reason: DeferReason; readonly dueMs: Dispatch['dueMs'] },
  nowMs: number,
): DispatchDeferred {
  return {
    type: 'DispatchDeferred',
    ...factsOf(dispatch),
    park: dispatch.park,
    at: timestamp(nowMs),
    reason,
    due: timestamp(dueMs),
    owner: state.owner,
  };
}

export function disabledRecord({ state, attemptId }: Work, endpoint: Endpoint, nowMs: number): EndpointDisabled {
  return {
    type: 'EndpointDisabled',
    endpoint: endpoint.endpointId,
    endpointVersion: endpoint.version,
    project: endpoint.projectId,
    at: timestamp(nowMs),
    reason: 'gone',
    attemptId,
    owner: state.owner,
  };
}
