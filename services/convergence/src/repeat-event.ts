// An event that was decided before: its trace stands in the log, whether its dispatches do nobody knows. The trace is the truth:
// the same endpoints, the same moment, the same bodies; nothing is matched anew, and nothing is traced again.

import { sha256Hex, type EventAccepted, type UpstreamEvent } from '@postrider/core/contracts';
import type { Dispatch, Endpoint } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { buildBodies } from './build-bodies.ts';
import { decodeEvent, mappedSource } from './decode-event.ts';
import { dispatchOf } from './first-dispatch.ts';
import type { PlanContext } from './plan-event.ts';
import type { EventTrace } from './traces.ts';

export interface RepeatedEvent {
  readonly dispatches: readonly Dispatch[];
  /** Endpoints whose body would be another one now: their dispatch ends as a dead letter, since an id stands for one body. */
  readonly changed: readonly Endpoint['endpointId'][];
}

/** How far the clocks of upstream and of whoever traced may be apart, both. */
const clocksApartMsMax = 60_000;

/**
 * False when the trace is of a record that stood at this place before: the topic was made anew, or its log was cut. An envelope says by
 * itself which event it is. What a mapping reads changes with the mapping, and what is no event names none, so there the times decide.
 */
export function isTraceOf(trace: EventTrace, record: KafkaRecord, context: PlanContext): boolean {
  const decision = decodeEvent(record, context);
  if (decision.ok && trace.type !== 'EventRejected') {
    if (isOf(trace, decision.event)) return true;
    if (decision.event.source !== mappedSource(record.topic)) return false;
  }
  return record.timestamp <= Date.parse(trace.at) + clocksApartMsMax;
}

/** The dispatches that a trace promises, from the record that it traces. */
export function repeatEvent(record: KafkaRecord, trace: EventAccepted, context: PlanContext): RepeatedEvent {
  const decision = decodeEvent(record, context);
  const read = decision.ok && isOf(trace, decision.event) ? decision.event : undefined;
  const event = read ?? eventOf(trace, record);
  const changed: Endpoint['endpointId'][] = [];
  const dispatches = trace.dispatches.map(({ endpoint: endpointId, bodyDigest, correlation }) => {
    const endpoint = context.endpoints.get(endpointId);
    const built = read && endpoint && buildBodies(read, [endpoint], record.timestamp).built[0];
    const facts = {
      event,
      endpointId,
      // Traces of before do not say it.
      correlation: correlation ?? built?.correlation,
      environment: context.environment,
      createdMs: Date.parse(trace.at),
      record,
    };
    if (built?.digest === bodyDigest) return dispatchOf({ ...facts, body: built.body });
    const data = dispatchOf({ ...facts, body: event.data });
    // Without its endpoint it cannot be sent now; dispatch says what becomes of it. But the endpoint may be made again.
    if (!endpoint)
      return sha256Hex(event.data) === bodyDigest ? data : { ...data, mustEnd: 'endpoint-deleted' as const };
    changed.push(endpointId);
    return { ...data, mustEnd: 'invalid-configuration' as const };
  });
  return { dispatches, changed };
}

const isOf = (
  { source, event }: Pick<EventAccepted, 'source' | 'event'>,
  { id, source: readSource }: UpstreamEvent,
): boolean => readSource === source && id === event;

/**
 * What the trace tells of an event whose record is read otherwise by now, or not at all: a mapping was changed while the process was
 * down. Its dispatches were promised under these ids, and end as dead letters with the record's value.
 */
function eventOf(
  { source, event, eventType, project, subject, eventTime }: EventAccepted,
  { value }: KafkaRecord,
): UpstreamEvent {
  return {
    id: event,
    source,
    type: eventType,
    projectId: project,
    subject,
    timeMs: eventTime === undefined ? undefined : Date.parse(eventTime),
    data: value ?? new Uint8Array(),
    traceparent: undefined,
    correlation: undefined,
    deadlineMs: undefined,
    hasCallbackUrl: false,
  };
}
