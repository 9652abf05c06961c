/** The consumer group protocol, one function a step: join and sync, read what is committed, commit, leave. Nothing here retries. */
import kafkajs from 'kafkajs';
import type { HeldPartitions, PartitionAssigner } from './assigner.ts';
import type { DriverBroker, DriverCluster } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import { knowTopics } from './leaders.ts';
import { safeInteger } from './record.ts';
import type { TopicPartition } from './record.ts';

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

export interface MembershipOptions {
  groupId: string;
  topics: readonly string[];
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  assigners: readonly PartitionAssigner[];
}

export interface Membership {
  coordinator: DriverBroker;
  memberId: string;
  generationId: number;
  assignment: TopicPartition[];
  /** Partition counts that the leader assigned by; null for the other members. */
  leaderCounts: ReadonlyMap<string, number> | null;
  /** `performance.now()` before the last request of the join: the coordinator counts our session from a later moment. */
  syncedAt: number;
}

/** Joins as `memberId` ('' for a new member) and waits until the whole group has. Rejects with the driver's error. */
export async function joinGroup(
  cluster: DriverCluster,
  options: MembershipOptions,
  { memberId, held }: { memberId: string; held: HeldPartitions },
): Promise<Membership> {
  const { groupId, topics } = options;
  const coordinator = await cluster.findGroupCoordinator({ groupId });
  const joined = await coordinator.joinGroup({
    groupId,
    memberId,
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    groupProtocols: options.assigners.map((assigner) => ({
      name: assigner.name,
      metadata: MemberMetadata.encode({
        version: 1,
        topics: [...topics],
        userData: assigner.userData?.(held) ?? Buffer.alloc(0),
      }),
    })),
  });
  let leaderCounts: Map<string, number> | null = null;
  let groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
  if (joined.memberId === joined.leaderId) {
    const assigner = options.assigners.find((one) => one.name === joined.groupProtocol);
    if (assigner === undefined)
      throw new KafkaError('protocol', `the group chose the assigner ${joined.groupProtocol}, which is not ours`);
    const members = joined.members.map((member) => {
      const metadata = MemberMetadata.decode(member.memberMetadata);
      return {
        memberId: member.memberId,
        topics: metadata?.topics ?? [],
        userData: metadata?.userData ?? Buffer.alloc(0),
      };
    });
    const partitions = await partitionsOf(
      cluster,
      new Set(members.flatMap((member) => member.topics)),
      new Set(topics),
    );
    leaderCounts = new Map([...partitions].map(([topic, numbers]) => [topic, numbers.length]));
    const assigned = assigner.assign({ members, partitions });
    groupAssignment = members.map((member) => ({
      memberId: member.memberId,
      memberAssignment: MemberAssignment.encode({
        version: 1,
        assignment: toAssignment(assigned.get(member.memberId) ?? []),
        userData: Buffer.alloc(0),
      }),
    }));
  }
  const syncedAt = performance.now();
  const synced = await coordinator.syncGroup({
    groupId,
    generationId: joined.generationId,
    memberId: joined.memberId,
    groupAssignment,
  });
  const assignment = fromAssignment(synced.memberAssignment).filter(({ topic }) => topics.includes(topic));
  return {
    coordinator,
    memberId: joined.memberId,
    generationId: joined.generationId,
    assignment,
    leaderCounts,
    syncedAt,
  };
}

/** Fresh partition numbers of every topic that any member subscribed to. A topic that only others know may be absent. */
async function partitionsOf(
  cluster: DriverCluster,
  all: Set<string>,
  own: Set<string>,
): Promise<Map<string, number[]>> {
  for (const topic of all) {
    if (own.has(topic)) continue;
    await knowTopics(cluster, [topic]).catch(() => undefined);
  }
  await cluster.refreshMetadata();
  const partitions = new Map<string, number[]>();
  for (const topic of all) {
    const numbers = cluster.findTopicPartitionMetadata(topic).map((p) => p.partitionId);
    if (numbers.length > 0)
      partitions.set(
        topic,
        numbers.sort((a, b) => a - b),
      );
  }
  return partitions;
}

function toAssignment(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const assignment: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) (assignment[topic] ??= []).push(partition);
  return assignment;
}

function fromAssignment(bytes: Buffer): TopicPartition[] {
  const decoded = bytes.length === 0 ? null : MemberAssignment.decode(bytes);
  if (decoded === null) return [];
  return Object.entries(decoded.assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

/** Committed offsets with their metadata, by `partition/topic`; partitions without a commit are absent. */
export async function fetchCommitted(
  coordinator: DriverBroker,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, { offset: number; metadata: string }>> {
  const committed = new Map<string, { offset: number; metadata: string }>();
  if (partitions.length === 0) return committed;
  const { responses } = await coordinator.offsetFetch({
    groupId,
    topics: perTopic(partitions, ({ partition }) => ({ partition })),
  });
  for (const { topic, partitions: list } of responses) {
    for (const { partition, offset, metadata } of list) {
      const value = safeInteger(offset, 'committed offset');
      if (value >= 0) committed.set(`${partition}/${topic}`, { offset: value, metadata: metadata ?? '' });
    }
  }
  return committed;
}

export interface CommitOffset extends TopicPartition {
  /** The next offset to process after a restart. */
  offset: number;
  /** Kept beside the offset by the broker; at most 4,096 bytes there by default. */
  metadata?: string;
}

export async function commitOffsets(
  membership: Membership,
  groupId: string,
  offsets: readonly CommitOffset[],
): Promise<void> {
  const { coordinator, memberId, generationId } = membership;
  await coordinator.offsetCommit({
    groupId,
    memberId,
    groupGenerationId: generationId,
    topics: perTopic(offsets, ({ partition, offset, metadata }) => ({
      partition,
      offset: String(offset),
      metadata: metadata ?? '',
    })),
  });
}

function perTopic<I extends TopicPartition, O>(
  items: readonly I[],
  convert: (item: I) => O,
): { topic: string; partitions: O[] }[] {
  const topics = new Map<string, O[]>();
  for (const item of items) {
    const list = topics.get(item.topic);
    if (list === undefined) topics.set(item.topic, [convert(item)]);
    else list.push(convert(item));
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
