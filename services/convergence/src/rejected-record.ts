// A record that is no event keeps its place: the original stands on `<env>.rejected` with the reason.

import type { TopicNames } from '@postrider/core/contracts';
import { KafkaError, type Appender, type KafkaRecord } from '@postrider/kafka';

interface RejectedDeps {
  readonly appender: Pick<Appender, 'append'>;
  readonly topics: TopicNames;
  readonly partitions: number;
}

/** The original record on `rejected`; one that is too large for the topic keeps its place without its value and headers. */
export async function appendRejected(
  record: KafkaRecord,
  origin: string,
  reason: string,
  { appender, topics, partitions }: RejectedDeps,
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
