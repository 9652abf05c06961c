/** What a service says to consume as a member of a group, and what it gets back. */
import type { PartitionAssigner } from './assigner.ts';
import type { CommitOffset } from './group-membership.ts';
import type { Lease } from './lease.ts';
import type { KafkaError } from './kafka-error.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';

export interface Generation {
  id: number;
  memberId: string;
}

/**
 * A newly assigned partition: what the group committed (null: never), and the log's range when it was assigned. While it has no leader
 * the range is the committed offset alone; the true one is put in before the partition is prepared.
 */
export interface AssignedPartition extends TopicPartition {
  committed: { offset: number; metadata: string } | null;
  logStart: number;
  /** The readable end: open transactions are not counted. */
  logEnd: number;
}

/**
 * `kept` partitions never left this member: positions, pauses and work in flight stay valid. `lost` ones were owned before and are
 * not any more; a partition in both `lost` and `added` may have been another member's in between.
 */
export interface Assignment {
  assignment: TopicPartition[];
  added: AssignedPartition[];
  kept: TopicPartition[];
  lost: TopicPartition[];
}

export interface RecordBatch extends TopicPartition {
  /** At least one, in offset order. */
  records: KafkaRecord[];
  /** The log's end: the offset after the last replicated record. */
  highWatermark: number;
  /** Where reading goes on; beyond the last record when compaction or transactions left gaps. */
  nextOffset: number;
}

export type RevokeReason = 'rebalance' | 'lost' | 'stopping';
export type GroupState = 'connecting' | 'joining' | 'stable' | 'stopped';

export interface GroupOptions {
  groupId: string;
  topics: readonly string[];
  /** Default SESSION_TIMEOUT_MS; a heartbeat goes out every quarter of it. */
  sessionTimeoutMs?: number;
  rebalanceTimeoutMs?: number;
  /** Long poll of a fetch, default FETCH_WAIT_MS. */
  maxWaitMs?: number;
  /** Rest after a fetch that brought something: a broker answers each of them at a cost. Default: none. */
  fetchRestMs?: number;
  maxBytes?: number;
  maxBytesPerPartition?: number;
  /** How long a promise of `onRevoked` is waited for; at most half the session timeout. */
  revokeWaitMs?: number;
  /** Most wanted first; default: the sticky one, then the one of the release before. */
  assigners?: readonly PartitionAssigner[];
  /**
   * Asked at every join for the newly assigned partitions. Nothing of them reaches `onRecords` before it resolves; an offset in
   * the answer is where reading starts (else the committed one, else the log's start). `signal` aborts when a rebalance makes the
   * answer void. A rejection is reported and asked again, for ever.
   */
  prepare?(
    partitions: AssignedPartition[],
    signal: AbortSignal,
  ): Promise<readonly (TopicPartition & { offset: number })[] | void>;
  /** Synchronous; at every join, before any record of it. */
  onAssigned?(assignment: Assignment, generation: Generation): void;
  /**
   * A rebalance or a loss began: start nothing new. No record comes until the next `onAssigned`. A returned promise is waited for
   * (bounded) before this member joins again or leaves; commits still count meanwhile, except after `lost`.
   */
  onRevoked?(reason: RevokeReason): void | Promise<void>;
  /** Synchronous: take the records and return; pause the partition when there is no room for more. */
  onRecords(batch: RecordBatch): void;
  /** Reading went past offsets that hold no record (markers of transactions, compaction); what comes next is at or after `nextOffset`. */
  onPassed?(passed: TopicPartition & { nextOffset: number; highWatermark: number }): void;
  /** The position was outside the log: records `from`..`to` are gone, or (to < from) the log was cut and is read again from its start. */
  onRangeLost?(lost: TopicPartition & { from: number; to: number }): void;
  /** The partition cannot be decoded at `offset`: it stands still, loudly, and is tried again every FAULTY_PARTITION_RETRY_MS. The others go on. */
  onPartitionFault?(fault: TopicPartition & { offset: number; error: KafkaError }): void;
  onState?(state: GroupState): void;
  /** Everything that is being retried. `attempt` counts from 1 since the last success. */
  onError?(error: KafkaError, attempt: number): void;
}

export interface GroupStats {
  joins: number;
  /** Generations that ended by a rebalance or a loss. */
  rebalances: number;
  errors: number;
  records: number;
}

export interface GroupConsumer {
  /** Kept until `resume`, through rebalances as long as the partition is kept. Partitions not owned are ignored. */
  pause(topic: string, partitions: readonly number[]): void;
  resume(topic: string, partitions: readonly number[]): void;
  /** The next record delivered is the first one at or after `offset`. Ignored when not owned or not prepared: `prepare` says where to start. */
  seek(topic: string, partition: number, offset: number): void;
  /** The next offset to be delivered; null when not owned or not prepared yet. */
  position(topic: string, partition: number): number | null;
  /**
   * Resolves when the coordinator has them; partitions not owned are left out. Waits through outages while the generation lives.
   * Rejects with KafkaError `generation-over` (wait for the next `onAssigned`), `not-authorized` or `protocol`.
   */
  commit(offsets: readonly CommitOffset[]): Promise<void>;
  /** Whether what is owned is certainly still owned. */
  readonly lease: Lease;
  assignment(): TopicPartition[];
  /** Null while not a member. */
  generation(): Generation | null;
  state(): GroupState;
  stats(): GroupStats;
  /** Waits for `onRevoked('stopping')`, leaves the group, closes the connections. Bounded, never rejects. */
  stop(): Promise<void>;
}
