// A dispatch as convergence makes it: round 0, first attempt, due at once.

import {
  dispatchHeaders,
  dispatchIdOf,
  originOf,
  partitionOf,
  type TopicNames,
  type UpstreamEvent,
} from '@postrider/core/contracts';
import type { Dispatch, EndpointId } from '@postrider/core/domain';
import type { AppendRecord, KafkaRecord } from '@postrider/kafka';

export interface DispatchFacts {
  readonly event: UpstreamEvent;
  readonly endpointId: EndpointId;
  readonly body: Uint8Array;
  /** Of a call: what its answer is keyed by. */
  readonly correlation: string | undefined;
  /** The upstream record. */
  readonly record: KafkaRecord;
  readonly environment: string;
  readonly createdMs: number;
}

/** The first attempt of an event for an endpoint, due at once. */
export function dispatchOf({
  event,
  endpointId,
  body,
  correlation,
  record,
  environment,
  createdMs,
}: DispatchFacts): Dispatch {
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
    appendedMs: record.timestamp,
    createdMs,
    roundStartedMs: createdMs,
    dueMs: createdMs,
    hop: 0,
    park: 0,
    origin: originOf(record),
    deadlineMs: correlation === undefined ? undefined : event.deadlineMs,
    correlation,
    mustEnd: undefined,
    replay: undefined,
    traceparent: event.traceparent,
    body,
  };
}

/** Its record: in the partition of its endpoint. */
export function dispatchRecord(dispatch: Dispatch, topics: TopicNames, partitions: number): AppendRecord {
  return {
    topic: topics.dispatches,
    partition: partitionOf(dispatch.endpointId, partitions),
    key: dispatch.endpointId,
    value: Buffer.from(dispatch.body.buffer, dispatch.body.byteOffset, dispatch.body.byteLength),
    headers: dispatchHeaders(dispatch),
  };
}
