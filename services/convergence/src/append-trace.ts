// The audit trace of a plan in the log. It names every endpoint, so an event for very many of them has one that is larger than a
// record may be; that event is rejected, because its record would stop all others behind it for ever.

import { encodeAudit, type TopicNames } from '@postrider/core/contracts';
import { KafkaError, type Appender, type KafkaRecord } from '@postrider/kafka';
import { answerTo } from './calls.ts';
import { keyBytesMax } from './limits.ts';
import type { EventPlan } from './plan-event.ts';
import type { Traces } from './traces.ts';

interface TraceDeps {
  readonly appender: Pick<Appender, 'append'>;
  readonly topics: TopicNames;
  readonly traces: Pick<Traces, 'partitionOf'>;
}

/** Writes the trace of `planned`; `plan` is what it came to. */
export async function appendTrace(
  record: KafkaRecord,
  planned: EventPlan,
  { appender, topics, traces }: TraceDeps,
): Promise<{ readonly plan: EventPlan; readonly offset: number }> {
  const write = async (plan: EventPlan): Promise<{ readonly plan: EventPlan; readonly offset: number }> => {
    const { offset } = await appender.append({
      topic: topics.audit,
      partition: traces.partitionOf(record.partition),
      key: record.key !== null && record.key.length > keyBytesMax ? null : record.key,
      value: encodeAudit(plan.audit),
    });
    return { plan, offset };
  };
  try {
    return await write(planned);
  } catch (error) {
    // Too large is certain: nothing was written.
    const isTooLarge = error instanceof KafkaError && error.code === 'record-too-large';
    if (planned.kind !== 'accepted' || !isTooLarge) throw error;
    return write(tooManyEndpoints(planned));
  }
}

function tooManyEndpoints({ audit, dispatches, event }: Extract<EventPlan, { kind: 'accepted' }>): EventPlan {
  const { origin, at, eventType, project } = audit;
  const reason = 'too-many-endpoints';
  const isCall = dispatches.some(({ correlation }) => correlation !== undefined);
  const reply = audit.reply ?? (isCall ? answerTo(event, 'invalid', reason) : undefined);
  const detail = `${dispatches.length} endpoints`;
  return {
    kind: 'rejected',
    audit: { type: 'EventRejected', origin, at, reason, detail, event: audit.event, eventType, project, reply },
  };
}
