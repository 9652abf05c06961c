// What follows from one upstream record: who must be told, the body for each, and the one audit trace that every
// consumed offset leaves. Pure: the effects are performed by converge.ts.

import {
  originOf,
  timestamp,
  type EventAccepted,
  type EventRejected,
  type EventUnmatched,
  type UpstreamEvent,
} from '@postrider/core/contracts';
import type { Dispatch, EndpointIndex, EventId, ProjectId } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { buildBodies } from './build-bodies.ts';
import { answerTo, takersOf } from './calls.ts';
import { decodeEvent, type DecodeContext } from './decode-event.ts';
import { dispatchOf } from './first-dispatch.ts';

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
  const { endpoints, refusal } = takersOf(event, context.endpoints.match(event));
  const reply = refusal && answerTo(event, refusal);
  if (endpoints.length === 0) {
    const reason = refusal === 'ambiguous' ? refusal : 'no-endpoint';
    return { kind: 'unmatched', audit: { type: 'EventUnmatched', ...facts, reason, reply } };
  }

  const bodies = buildBodies(event, endpoints, record.timestamp);
  if (bodies.built.length === 0) {
    const { reason, endpoint, isCall } = bodies.refused[0]!;
    const audit: EventRejected = {
      ...facts,
      type: 'EventRejected',
      reason,
      detail: `endpoint ${endpoint} cannot be told`,
      reply: reply ?? (isCall ? answerTo(event, 'invalid', reason) : undefined),
    };
    return { kind: 'rejected', audit };
  }
  const { environment, nowMs: createdMs } = context;
  const dispatches = bodies.built.map(({ endpoint, body, correlation }) =>
    dispatchOf({ event, endpointId: endpoint.endpointId, body, correlation, record, environment, createdMs }),
  );
  return {
    kind: 'accepted',
    event,
    dispatches,
    audit: {
      type: 'EventAccepted',
      ...facts,
      reply,
      eventTime: event.timeMs === undefined ? undefined : timestamp(event.timeMs),
      dispatches: dispatches.map((dispatch, i) => ({
        endpoint: dispatch.endpointId,
        dispatch: dispatch.dispatchId,
        bodyDigest: bodies.built[i]!.digest,
        ...(dispatch.correlation === undefined ? {} : { correlation: dispatch.correlation }),
      })),
      ...(bodies.refused.length > 0
        ? { refused: bodies.refused.map(({ endpoint, reason }) => ({ endpoint, reason })) }
        : {}),
    },
  };
}
