// For tests only: a consumer on a group that does what the test says.

import {
  consumeAcked,
  type Ack,
  type AckedConsumer,
  type AckedOptions,
  type OwnedPartition,
} from './acked-consumer.ts';
import type { KafkaCluster } from './cluster.ts';
import type { CommitOffset } from './group-membership.ts';
import type { AssignedPartition, GroupConsumer, GroupOptions, RevokeReason } from './group-options.ts';
import type { KafkaError } from './kafka-error.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';

export const topic = 'live.dispatches';
export const now = 1_900_000_000_000;

/** A group that does what the test says, in place of the one port of the cluster that is used here. */
class FakeGroup {
  options!: GroupOptions;
  readonly commits: CommitOffset[][] = [];
  readonly calls: string[] = [];
  readonly positions = new Map<string, number>();
  generation = 0;
  stopped = false;
  /** Answers a commit; replaced by a test that wants it to wait or fail. */
  onCommit: (offsets: readonly CommitOffset[]) => Promise<void> = () => Promise.resolve();

  readonly cluster = {
    consumeGroup: (options: GroupOptions): GroupConsumer => {
      this.options = options;
      return {
        pause: (topic: string, partitions: readonly number[]) =>
          void this.calls.push(`pause ${topic}/${partitions.join()}`),
        resume: (topic: string, partitions: readonly number[]) =>
          void this.calls.push(`resume ${topic}/${partitions.join()}`),
        seek: (topic: string, partition: number, offset: number) => {
          this.calls.push(`seek ${topic}/${partition} ${offset}`);
          this.positions.set(`${topic}/${partition}`, offset);
        },
        position: (topic: string, partition: number) => this.positions.get(`${topic}/${partition}`) ?? null,
        commit: async (offsets: readonly CommitOffset[]) => {
          this.commits.push([...offsets]);
          await this.onCommit(offsets);
        },
        stop: async () => {
          await this.revoke('stopping');
          this.stopped = true;
        },
      } as unknown as GroupConsumer;
    },
  } as unknown as KafkaCluster;

  assign(
    assignment: readonly number[],
    change: { added?: readonly AssignedPartition[]; lost?: readonly number[] } = {},
  ): void {
    const at = (partition: number): TopicPartition => ({ topic, partition });
    const added = change.added ?? assignment.map((partition) => assigned(partition));
    const kept = assignment.filter((partition) => !added.some((one) => one.partition === partition));
    this.options.onAssigned?.(
      { assignment: assignment.map(at), added: [...added], kept: kept.map(at), lost: (change.lost ?? []).map(at) },
      { id: ++this.generation, memberId: 'm-1' },
    );
  }

  revoke(reason: RevokeReason): Promise<void> {
    return Promise.resolve(this.options.onRevoked?.(reason));
  }

  /** Delivers records with these offsets. */
  deliver(partition: number, offsets: readonly number[], { bytes = 1, highWatermark = 1_000 } = {}): void {
    const records = offsets.map((offset) => recordAt(partition, offset, bytes));
    const nextOffset = (offsets.at(-1) ?? 0) + 1;
    this.positions.set(`${topic}/${partition}`, nextOffset);
    this.options.onRecords({ topic, partition, records, highWatermark, nextOffset });
  }

  /** What was committed, as partition → offsets in order. */
  committed(partition = 0): number[] {
    return this.commits
      .flat()
      .filter((one) => one.partition === partition)
      .map((one) => one.offset);
  }
}

export function assigned(partition: number, over: Partial<AssignedPartition> = {}): AssignedPartition {
  return { topic, partition, committed: null, logStart: 0, logEnd: 0, ...over };
}

function recordAt(partition: number, offset: number, bytes: number): KafkaRecord {
  return {
    topic,
    partition,
    offset,
    timestamp: now - 1_000 + offset,
    key: null,
    value: Buffer.alloc(bytes),
    headers: new Map(),
  };
}

export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Rig {
  readonly group: FakeGroup;
  readonly consumer: AckedConsumer;
  /** Acknowledgements by `partition/offset`; a record that came twice has its last one here. */
  readonly acks: Map<string, Ack>;
  readonly owned: Map<string, OwnedPartition>;
  readonly events: string[];
  readonly errors: KafkaError[];
  ack(offset: number, partition?: number): void;
}

export function rig(over: Partial<AckedOptions> = {}): Rig {
  const group = new FakeGroup();
  const acks = new Map<string, Ack>();
  const owned = new Map<string, OwnedPartition>();
  const events: string[] = [];
  const errors: KafkaError[] = [];
  const consumer = consumeAcked(group.cluster, {
    groupId: 'g',
    topics: [topic],
    windowRecords: 10,
    windowBytes: 1_000,
    commitIntervalMs: 200,
    now: () => now,
    onRecord: (record, ack, partition) => {
      acks.set(`${record.partition}/${record.offset}`, ack);
      owned.set(`${record.partition}/${record.offset}`, partition);
    },
    onBatchEnd: () => events.push('batch end'),
    onAssigned: ({ assignment }, generation) =>
      events.push(`assigned ${assignment.map((one) => one.partition).join()} in ${generation.id}`),
    onLost: (lost) => events.push(`lost ${lost.map((one) => one.partition).join()}`),
    quiesce: () => Promise.resolve(),
    onError: (error) => errors.push(error),
    ...over,
  });
  return {
    group,
    consumer,
    acks,
    owned,
    events,
    errors,
    ack(offset, partition = 0) {
      const ack = acks.get(`${partition}/${offset}`);
      if (!ack) throw new Error(`no record ${partition}/${offset}`);
      ack();
    },
  };
}
