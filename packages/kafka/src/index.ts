/** The public surface of the Kafka adapter. Nothing of the driver is in it, so another client can take its place. */
export { openCluster } from './cluster.ts';
export type { KafkaCluster } from './cluster.ts';
export type { KafkaLog, KafkaLogEntry, KafkaSasl, KafkaSettings, KafkaTls } from './settings.ts';
export { KafkaError } from './kafka-error.ts';
export type { KafkaErrorCode } from './kafka-error.ts';
export { headerText } from './record.ts';
export type { AppendHeaderValue, AppendRecord, KafkaRecord, RecordHeaders, TopicPartition } from './record.ts';
export type { Appender, AppenderHooks, AppenderOptions, AppenderStats } from './appender-options.ts';
export type { Compression } from './codecs.ts';
export type {
  AssignedPartition,
  Assignment,
  Generation,
  GroupConsumer,
  GroupOptions,
  GroupState,
  GroupStats,
  RecordBatch,
  RevokeReason,
} from './group-options.ts';
export type { Lease } from './lease.ts';
export type { CommitOffset } from './group-membership.ts';
export { coPartitionAssigner } from './assigner.ts';
export type { AssignableMember, PartitionAssigner } from './assigner.ts';
export type { TableOptions, TableReader } from './table-reader.ts';
export type { ScanOptions, ScanResult } from './scan.ts';
export type { ClusterInfo, CommittedOffset, GroupDescription, KafkaAdmin } from './admin.ts';
export type { ConfigChange, TopicChange, TopicDescription, TopicSpec } from './topic-plan.ts';
export {
  consumeAcked,
  type Ack,
  type AckedConsumer,
  type AckedOptions,
  type OwnedPartition,
  type PartitionProgress,
} from './acked-consumer.ts';
export { waitForTopics, type WaitOptions } from './wait-for-topics.ts';
