/**
 * Who leads a partition, and what is wrong with a topic. By our patch a metadata answer comes through with its error codes: the driver
 * throws for the first it finds, and one partition without a leader or one topic that is gone would take all the others with it.
 */
import type { DriverCluster } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaErrorCode } from './kafka-error.ts';
import type { TopicPartition } from './record.ts';

const TOPIC_ERRORS: Readonly<Record<number, { brokerError: string; code: KafkaErrorCode }>> = {
  3: { brokerError: 'UNKNOWN_TOPIC_OR_PARTITION', code: 'unknown-topic' },
  5: { brokerError: 'LEADER_NOT_AVAILABLE', code: 'unavailable' },
  17: { brokerError: 'INVALID_TOPIC_EXCEPTION', code: 'unknown-topic' },
  29: { brokerError: 'TOPIC_AUTHORIZATION_FAILED', code: 'not-authorized' },
};

/** Makes the metadata include these topics; rejects with KafkaError (or the driver's) when one of them cannot be used. */
export async function knowTopics(cluster: DriverCluster, topics: readonly string[]): Promise<void> {
  await cluster.addMultipleTargetTopics([...topics]);
  const errors = topics.flatMap((topic) => topicError(cluster, topic) ?? []);
  if (errors[0] === undefined) return;
  // The driver reads metadata for topics that are new to it: the next time, it asks again.
  for (const topic of topics) if (topicError(cluster, topic) !== null) cluster.targetTopics.delete(topic);
  throw errors[0];
}

/** What the newest metadata says against a topic; null when nothing. */
export function topicError(cluster: DriverCluster, topic: string): KafkaError | null {
  const code = cluster.brokerPool.metadata?.topicMetadata.find((known) => known.topic === topic)?.topicErrorCode ?? 0;
  if (code === 0) return null;
  const { brokerError, code: ours } = TOPIC_ERRORS[code] ?? { brokerError: `error ${code}`, code: 'protocol' as const };
  return new KafkaError(ours, `${topic}: ${brokerError}`, { brokerError });
}

/** The node that leads a partition; null when none does, undefined when the metadata does not know the partition. */
export function leaderOf(cluster: DriverCluster, { topic, partition }: TopicPartition): string | null | undefined {
  const known = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
  if (known === undefined) return undefined;
  return known.leader < 0 ? null : String(known.leader);
}

/** Why `leaderOf` names no node. */
export function whyUnled(cluster: DriverCluster, at: TopicPartition): KafkaError {
  const error = topicError(cluster, at.topic);
  if (error !== null) return error;
  const name = `${at.topic}/${at.partition}`;
  if (leaderOf(cluster, at) === undefined) return new KafkaError('unknown-partition', `${name} is not known`);
  return new KafkaError('unavailable', `${name} has no leader`, { brokerError: 'LEADER_NOT_AVAILABLE' });
}
