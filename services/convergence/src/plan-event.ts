// What follows from one upstream record: who must be told, the body for each, and the one audit trace that every
// consumed offset leaves. Pure: the effects are performed by converge.ts.

import {
  dispatchIdOf,
  originOf,
  timestamp,
  type EventAccepted,
  type EventRejected,
  type EventUnmatched,
  type UpstreamEvent,
} from '@postrider/core/contracts';
import type { Dispatch, EndpointId, EndpointIndex, EventId, Origin, ProjectId } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { buildBodies } from './build-bodies.ts';
import { decodeEvent, type DecodeContext } from './decode-event.ts';

export interface PlanContext extends DecodeContext {
  readonly endpoints: EndpointIndex;
  readonly nowMs: number;
}

export type EventPlan =
  | {
      readonly kind: 'accepted';
      readonly audit: EventAccepted;
      readonly dispatches: readonly Dispatch[];
      readonly event: UpstreamEvent;
    }
  | { readonly kind: 'unmatched'; readonly audit: EventUnmatched }
  | { readonly kind: 'rejected'; readonly audit: EventRejected };

export interface DispatchFacts {
  readonly event: UpstreamEvent;
  readonly endpointId: EndpointId;
  readonly body: Uint8Array;
  readonly origin: Origin;
  readonly environment: string;
  readonly createdMs: number;
}

/** Decides what one upstream record leads to. */
export function planEvent(record: KafkaRecord, context: PlanContext): EventPlan {
  const origin = originOf(record);
  const at = timestamp(context.nowMs);
  const decision = decodeEvent(record, context);
  if (!decision.ok) {
    const { reason, detail, seen } = decision.rejection;
    const audit: EventRejected = {
      type: 'EventRejected',
      origin,
      at,
      reason,
      detail,
      event: seen.id as EventId | undefined,
      eventType: seen.type,
      project: seen.project as ProjectId | undefined,
    };
    return { kind: 'rejected', audit };
  }
  const { event } = decision;
  const facts = {
    origin,
    at,
    source: event.source,
    event: event.id,
    eventType: event.type,
    project: event.projectId,
    subject: event.subject,
  };
  if (event.hasCallbackUrl)
    return { kind: 'unmatched', audit: { type: 'EventUnmatched', ...facts, reason: 'callback-url' } };
  const endpoints = context.endpoints.match(event);
  if (endpoints.length === 0)
    return { kind: 'unmatched', audit: { type: 'EventUnmatched', ...facts, reason: 'no-endpoint' } };

  const bodies = buildBodies(event, endpoints, record.timestamp);
  if (bodies.built.length === 0) {
    const refusal = bodies.refused[0]!;
    const audit: EventRejected = {
      ...facts,
      type: 'EventRejected',
      reason: refusal.reason,
      detail: `endpoint ${refusal.endpoint} cannot be told`,
    };
    return { kind: 'rejected', audit };
  }
  const { environment, nowMs: createdMs } = context;
  const dispatches = bodies.built.map(({ endpoint: { endpointId }, body }) =>
    dispatchOf({ event, endpointId, body, origin, environment, createdMs }),
  );
  return {
    kind: 'accepted',
    event,
    dispatches,
    audit: {
      type: 'EventAccepted',
      ...facts,
      eventTime: event.timeMs === undefined ? undefined : timestamp(event.timeMs),
      dispatches: dispatches.map((dispatch, i) => ({
        endpoint: dispatch.endpointId,
        dispatch: dispatch.dispatchId,
        bodyDigest: bodies.built[i]!.digest,
      })),
      ...(bodies.refused.length > 0 ? { refused: bodies.refused } : {}),
    },
  };
}

/** The first attempt of an event for an endpoint, due at once. */
export function dispatchOf({ event, endpointId, body, origin, environment, createdMs }: DispatchFacts): Dispatch {
  return {
    dispatchId: dispatchIdOf({ environment, source: event.source, eventId: event.id, endpointId }),
    round: 0,
    attempt: 1,
    endpointId,
    projectId: event.projectId,
    eventId: event.id,
    eventType: event.type,
    eventTimeMs: event.timeMs,
    subject: event.subject,
    createdMs,
    roundStartedMs: createdMs,
    dueMs: createdMs,
    hop: 0,
    park: 0,
    origin,
    deadlineMs: event.deadlineMs,
    correlation: event.correlation,
    mustEnd: undefined,
    replay: undefined,
    traceparent: event.traceparent,
    body,
  };
}
