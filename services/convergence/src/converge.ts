// The handler: one upstream record becomes dispatches and one audit trace, or a rejected record and its trace. The offset
// is acknowledged when all of that is in Kafka.
//
// Dispatches and trace travel in one batch. A crash between the two leaves dispatches without a trace or the reverse; the
// record is then read again, makes the same dispatch ids, and copies are dropped by identity.

import { dispatchHeaders, encodeAudit, partitionOf, type TopicNames } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import { KafkaError, type Ack, type Appender, type AppendRecord, type KafkaRecord } from '@postrider/kafka';
import { keyBytesMax } from './limits.ts';
import { planEvent, type EventPlan, type PlanContext } from './plan-event.ts';

export interface ConvergeDeps {
  readonly appender: Pick<Appender, 'append' | 'appendAll'>;
  readonly topics: TopicNames;
  /** N of the co-partitioned topics and of `audit`. */
  readonly partitions: number;
  /** Everything that planning needs, as of now. */
  readonly context: () => PlanContext;
  /** Told of each plan once it stands in Kafka. */
  readonly onDone: (plan: EventPlan) => void;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Handles one upstream record; `ack` is called when its effects are in Kafka. Never waits; the promise, which never rejects,
 * resolves after the acknowledgement (or when the effects failed).
 */
export function converge(record: KafkaRecord, ack: Ack, deps: ConvergeDeps): Promise<void> {
  const plan = planEvent(record, deps.context());
  return perform(record, plan, deps).then(() => {
    ack();
    deps.onDone(plan);
  }, deps.onFatal);
}

async function perform(record: KafkaRecord, plan: EventPlan, deps: ConvergeDeps): Promise<void> {
  const trace: AppendRecord = {
    topic: deps.topics.audit,
    partition: record.partition % deps.partitions,
    key: record.key !== null && record.key.length > keyBytesMax ? null : record.key,
    value: encodeAudit(plan.audit),
  };
  const effects: AppendRecord[] =
    plan.kind === 'accepted' ? plan.dispatches.map((dispatch) => dispatchRecord(dispatch, deps)) : [];
  const refused =
    plan.kind === 'rejected'
      ? plan.audit.reason
      : plan.kind === 'accepted'
        ? plan.audit.refused?.[0]?.reason
        : undefined;
  const rejected = refused === undefined ? [] : [appendRejected(record, plan.audit.origin, refused, deps)];
  await Promise.all([deps.appender.appendAll([...effects, trace]), ...rejected]);
}

function dispatchRecord(dispatch: Dispatch, { topics, partitions }: ConvergeDeps): AppendRecord {
  return {
    topic: topics.dispatches,
    partition: partitionOf(dispatch.endpointId, partitions),
    key: dispatch.endpointId,
    value: Buffer.from(dispatch.body.buffer, dispatch.body.byteOffset, dispatch.body.byteLength),
    headers: dispatchHeaders(dispatch),
  };
}

/** The original record on `rejected`; one that is too large for the topic keeps its place without its value and headers. */
async function appendRejected(
  record: KafkaRecord,
  origin: string,
  reason: string,
  { appender, topics, partitions }: ConvergeDeps,
): Promise<void> {
  const marks = { 'pr-reason': reason, 'pr-origin': origin };
  const place = { topic: topics.rejected, partition: record.partition % partitions, key: record.key };
  try {
    await appender.append({
      ...place,
      value: record.value,
      headers: { ...Object.fromEntries(record.headers), ...marks },
    });
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'record-too-large') throw error;
    await appender.append({ ...place, key: null, value: null, headers: { ...marks, 'pr-truncated': 'true' } });
  }
}
