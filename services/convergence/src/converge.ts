// The handler: one upstream record becomes one audit trace, then the dispatches that the trace promises (or a copy on
// `rejected`). The offset is acknowledged when all of that is in Kafka.
//
//   record ─▶ traced before? ─┬▶ no ──▶ planEvent ─▶ trace acknowledged ─▶ dispatches acknowledged ─▶ ack
//                             └▶ yes ─▶ repeatEvent ─────────────────────▶ dispatches acknowledged ─▶ ack
//
// The trace comes first: what it promises is carried out even if this process dies right after it.

import { encodeReply, replyPlace, type TopicNames } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import type { Ack, Appender, KafkaRecord, OwnedPartition } from '@postrider/kafka';
import { appendTrace } from './append-trace.ts';
import { dispatchRecord } from './first-dispatch.ts';
import { planEvent, type EventPlan, type PlanContext } from './plan-event.ts';
import { appendRejected } from './rejected-record.ts';
import { isTraceOf, repeatEvent } from './repeat-event.ts';
import type { EventTrace, Traces } from './traces.ts';

export interface ConvergeDeps {
  readonly appender: Pick<Appender, 'append' | 'appendAll'>;
  readonly topics: TopicNames;
  /** N of the co-partitioned topics and of `audit`. */
  readonly partitions: number;
  /** Everything that planning needs, as of now. */
  readonly context: () => PlanContext;
  /** What was traced before this process owned the partition. */
  readonly traces: Pick<Traces, 'take' | 'tracing' | 'traced' | 'partitionOf'>;
  /** False when the record is somebody else's by now; waits when only the coordinator knows. */
  readonly isOurs: (place: OwnedPartition) => boolean | Promise<boolean>;
  /** Told, before anything is written, how many dispatches an event leads to. */
  readonly onPlanned?: (dispatches: number) => void;
  /** Told of each plan once it stands in Kafka. */
  readonly onDone: (plan: EventPlan) => void;
  /** Told of a trace that was carried out again, with the endpoints whose body had changed. */
  readonly onRepeated: (trace: EventTrace, changed: readonly string[]) => void;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Handles one upstream record; `ack` is called when its effects are in Kafka. Never waits; the promise, which never rejects,
 * resolves after the acknowledgement (or when the effects failed).
 */
export function converge(record: KafkaRecord, ack: Ack, place: OwnedPartition, deps: ConvergeDeps): Promise<void> {
  const earlier = deps.traces.take(record).find((trace) => isTraceOf(trace, record, deps.context()));
  if (earlier) return repeat(record, earlier, deps).then(ack, deps.onFatal);
  const plan = planEvent(record, deps.context());
  if (plan.kind === 'accepted') deps.onPlanned?.(plan.dispatches.length);
  return perform(record, plan, place, deps).then((done) => {
    if (!done) return;
    ack();
    deps.onDone(done);
  }, deps.onFatal);
}

/** What stands in Kafka now; undefined when somebody else has the record: the log's first trace is theirs to follow, and may not be this one. */
async function perform(
  record: KafkaRecord,
  planned: EventPlan,
  place: OwnedPartition,
  deps: ConvergeDeps,
): Promise<EventPlan | undefined> {
  deps.traces.tracing(record);
  const { plan, offset } = await appendTrace(record, planned, deps);
  deps.traces.traced(record.partition, offset);
  const ours = deps.isOurs(place);
  if (ours !== true && !(await ours)) return undefined;
  await follow(record, plan.audit, plan.kind === 'accepted' ? plan.dispatches : [], deps);
  return plan;
}

async function repeat(record: KafkaRecord, trace: EventTrace, deps: ConvergeDeps): Promise<void> {
  const repeated = trace.type === 'EventAccepted' ? repeatEvent(record, trace, deps.context()) : undefined;
  deps.onPlanned?.(repeated?.dispatches.length ?? 0);
  deps.onRepeated(trace, repeated?.changed ?? []);
  await follow(record, trace, repeated?.dispatches ?? [], deps);
}

/** Writes what a trace leads to. */
async function follow(
  record: KafkaRecord,
  trace: EventTrace,
  dispatches: readonly Dispatch[],
  deps: ConvergeDeps,
): Promise<void> {
  const refused =
    trace.type === 'EventRejected'
      ? trace.reason
      : trace.type === 'EventAccepted'
        ? trace.refused?.[0]?.reason
        : undefined;
  const reply = trace.reply && {
    ...replyPlace(trace.reply.correlationId, deps.topics, deps.partitions),
    value: encodeReply(trace.reply),
  };
  await Promise.all([
    ...(reply ? [deps.appender.append(reply)] : []),
    deps.appender.appendAll(dispatches.map((dispatch) => dispatchRecord(dispatch, deps.topics, deps.partitions))),
    ...(refused === undefined ? [] : [appendRejected(record, trace.origin, refused, deps)]),
  ]);
}
