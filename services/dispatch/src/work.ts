// One dispatch record that this process has accepted, from its reading to its acknowledgement.

import { attemptIdOf, type AttemptId, type Dispatch } from '@postrider/core/domain';
import type { Ack, KafkaRecord } from '@postrider/kafka';
import type { PartitionState } from './partition-state.ts';
import { turnOf, type Turn } from './turns.ts';

/** A readable dispatch record in hand. */
export interface Work {
  readonly dispatch: Dispatch;
  readonly record: Pick<KafkaRecord, 'topic' | 'partition' | 'offset' | 'timestamp'>;
  readonly state: PartitionState;
  readonly ack: Ack;
  readonly attemptId: AttemptId;
  readonly turn: Turn;
  /** When it was taken from Kafka, epoch ms. */
  readonly acceptedMs: number;
}

/** Facts of a dispatch that every record about it carries. */
export function factsOf(d: Dispatch) {
  return {
    dispatch: d.dispatchId,
    round: d.round,
    attempt: d.attempt,
    attemptId: attemptIdOf(d),
    endpoint: d.endpointId,
    project: d.projectId,
    event: d.eventId,
    eventType: d.eventType,
    subject: d.subject,
    origin: d.origin,
  };
}

export function workOf(
  dispatch: Dispatch,
  record: KafkaRecord,
  state: PartitionState,
  ack: Ack,
  acceptedMs: number,
): Work {
  const { topic, partition, offset, timestamp } = record;
  const turn = turnOf(dispatch);
  if (turn === 'late') state.lateOpen++;
  return {
    dispatch,
    record: { topic, partition, offset, timestamp },
    state,
    ack: turn === 'late' ? () => (state.lateOpen--, ack()) : ack,
    attemptId: attemptIdOf(dispatch),
    turn,
    acceptedMs,
  };
}

/**
 * What time it is for this record: no earlier than the broker's time of it. With a clock that is behind, a record that was given
 * back on time would seem to be due in the future, and would go round through the tiers for as long as the clock is wrong.
 */
export function nowFor({ record }: Pick<Work, 'record'>, nowMs: number): number {
  return Math.max(nowMs, record.timestamp);
}
