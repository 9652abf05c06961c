// One dispatch record that this process has accepted, from its reading to its acknowledgement.

import { attemptIdOf, SettledWindow, workIdOf, type Dispatch } from '@postrider/core/domain';
import type { Owner } from '@postrider/core/contracts';
import type { Ack, KafkaRecord } from '@postrider/kafka';
import { settledMax } from './limits.ts';

/** What the owner of a partition knows of it; made at assignment, dropped when the partition is lost. */
export class PartitionState {
  readonly partition: number;
  readonly window = new SettledWindow(settledMax);
  /** Changes with each join; work under way is kept across them. */
  owner: Owner;
  /** False once someone else owns the partition: results that come later are stale and write nothing. */
  owned = true;
  /** Offset that the next append to `attempts` must get if nobody else writes; undefined until known. */
  attemptsNext: number | undefined;

  constructor(partition: number, owner: Owner, attemptsNext: number | undefined) {
    this.partition = partition;
    this.owner = owner;
    this.attemptsNext = attemptsNext;
  }
}

/** A readable dispatch record in hand. */
export interface Work {
  readonly dispatch: Dispatch;
  readonly record: Pick<KafkaRecord, 'topic' | 'partition' | 'offset'>;
  readonly state: PartitionState;
  readonly ack: Ack;
  readonly workId: string;
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

export function workOf(dispatch: Dispatch, record: KafkaRecord, state: PartitionState, ack: Ack): Work {
  const { topic, partition, offset } = record;
  return { dispatch, record: { topic, partition, offset }, state, ack, workId: workIdOf(dispatch) };
}
