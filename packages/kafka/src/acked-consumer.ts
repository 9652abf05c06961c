// A partition stream with an acknowledgement per record: records are handed out in order, finish in any order, and what is
// committed is the low-watermark. At-least-once by construction: an offset is committed only when it and everything below
// it was acknowledged. Memory is bounded by a window per partition: a full one is paused, by our own state.

import { OffsetTracker, type TrackedOffset } from '@postrider/core/domain';
import { ByteBudget, type BytesHeld } from './byte-budget.ts';
import type { KafkaCluster } from './cluster.ts';
import type { CommitOffset } from './group-membership.ts';
import { KafkaError } from './kafka-error.ts';
import { LOG_ENDS_LOOK_MS, METADATA_REFRESH_MS } from './limits.ts';
import type { AssignedPartition, Assignment, Generation, GroupConsumer, GroupOptions } from './group-options.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';
import { readLast, withLast, type LastFinished } from './regrown-logs.ts';

/** One partition in one assignment. It ends when the partition is lost; acknowledgements that come later change nothing. */
export interface OwnedPartition extends TopicPartition {
  /** False once the partition was lost: start nothing new for it. */
  owned(): boolean;
  /** Accepted and not acknowledged. */
  open(): number;
}

/** Marks a record finished; calling it twice is harmless. */
export type Ack = () => void;

/** What a partition may hold. */
interface Window {
  /** Records that may be unacknowledged at once. */
  readonly windowRecords: number;
  /** Bytes of unacknowledged records. */
  readonly windowBytes: number;
}

export interface AckedOptions
  extends
    Pick<
      GroupOptions,
      'groupId' | 'topics' | 'sessionTimeoutMs' | 'prepare' | 'onState' | 'onError' | 'onRangeLost' | 'onPartitionFault'
    >,
    Window {
  /** For topics whose partitions need another window. */
  readonly windowOf?: (topic: string) => Window;
  /** Records that may stand between its watermark and its newest accepted one, acknowledged or not; default: its window. */
  readonly spanRecords?: number;
  /** Bytes of all partitions' unacknowledged records, give or take one fetch of each; see ByteBudget. Default: no bound. */
  readonly totalBytes?: number;
  /** How often watermarks are committed. */
  readonly commitIntervalMs: number;
  readonly now: () => number;
  /** Ends of a topic's partitions. Without it, how far a partition lags that is read no more is not known. */
  readonly logEnds?: (topic: string) => Promise<ReadonlyMap<number, number>>;
  /** Called once a record, in offset order within a partition; must not wait. */
  onRecord(record: KafkaRecord, ack: Ack, partition: OwnedPartition): void;
  /** After the records of one fetch were handed out. */
  onBatchEnd?(): void;
  onAssigned?(assignment: Assignment, generation: Generation): void;
  /** These partitions are someone else's now; drop their queued work. */
  onLost?(partitions: TopicPartition[]): void;
  /**
   * A rebalance or a stop began: start nothing new and resolve when what is under way is acknowledged. The watermarks
   * are committed after it. Bounded by the consumer.
   */
  quiesce(reason: 'rebalance' | 'lost' | 'stopping'): Promise<void>;
  /** What goes into the commit beside the offset. `timestampMs` is the broker time of the record at the watermark, if it was read. */
  metadata?(partition: TopicPartition, watermark: number, timestampMs: number | undefined): string;
}

export interface PartitionProgress extends TopicPartition {
  /** Records between the watermark and the end of the partition. */
  readonly lagRecords: number;
  /** Age of the oldest unfinished record in ms, by its broker time; 0 when none is open. */
  readonly oldestOpenMs: number;
  /** For how long records have been there that are not read, with nothing else open, in ms: the partition stands still. */
  readonly unreadMs: number;
  readonly open: number;
  readonly windowLimit: number;
  readonly openBytes: number;
}

export interface AckedConsumer {
  readonly group: GroupConsumer;
  /** One row per owned partition. */
  progress(): PartitionProgress[];
  /** Commits what is finished now. */
  commit(): Promise<void>;
  /** Quiesces, commits, leaves. */
  stop(): Promise<void>;
}

/** A paused partition is read again when its window is this empty. */
const resumeBelow = 0.5;

class PartitionStream implements OwnedPartition, BytesHeld {
  readonly topic: string;
  readonly partition: number;
  tracker = new OffsetTracker();
  readonly assigned: AssignedPartition;
  /** Where it began anew, in a log that was cut. */
  restart: number | undefined;
  committed: number | undefined;
  committedAtMs = Number.NEGATIVE_INFINITY;
  metadata: string | undefined;
  #lastCommitted: LastFinished | undefined;
  /** Reading begins with this one, which is finished, to see whether it still stands there; undefined once that is known. */
  before: LastFinished | undefined;
  borrowedBytes = 0;
  highWatermark: number;
  next: number;
  /** Where it stood, with more to read, and since when. */
  #stood = { next: -1, sinceMs: 0 };
  paused = false;
  lost = false;
  readonly window: Window;

  constructor(assigned: AssignedPartition, window: Window) {
    this.window = window;
    this.topic = assigned.topic;
    this.partition = assigned.partition;
    this.committed = assigned.committed?.offset;
    this.metadata = assigned.committed?.metadata;
    this.#lastCommitted = readLast(assigned.committed);
    this.assigned = assigned;
    this.next = this.start;
    this.highWatermark = assigned.logEnd;
  }

  /** Where reading began; the log's start of a partition without a leader is learned late. */
  get start(): number {
    return this.restart ?? Math.max(this.assigned.committed?.offset ?? 0, this.assigned.logStart);
  }

  /**
   * Reading goes on before what was read: other records may stand at those offsets now, and what is still open of the old ones says
   * nothing about them. Their acknowledgements count no more.
   */
  readAgainFrom(offset: number): void {
    this.tracker = new OffsetTracker();
    this.#lastCommitted = undefined;
    this.before = undefined;
    this.restart = offset;
    this.next = offset;
  }

  /** The record before what is to be committed; of what was committed by an earlier owner, it says. */
  get last(): LastFinished | undefined {
    return this.tracker.last ?? this.#lastCommitted;
  }

  /** Where reading begins. The record before the commit is asked for only where it is in the log: what is gone says nothing. */
  readFrom(): number | undefined {
    const last = this.#lastCommitted;
    const isThere = last && last.offset >= this.assigned.logStart && last.offset < this.assigned.logEnd;
    this.before = isThere ? last : undefined;
    return this.before?.offset;
  }

  unreadMs(lagRecords: number, nowMs: number): number {
    const isStanding = lagRecords > 0 && this.tracker.openCount === 0;
    if (!isStanding || this.#stood.next !== this.next)
      this.#stood = { next: isStanding ? this.next : -1, sinceMs: nowMs };
    return Math.max(0, nowMs - this.#stood.sinceMs);
  }

  owned(): boolean {
    return !this.lost;
  }

  open(): number {
    return this.tracker.openCount;
  }
}

/** Joins the group in the background and hands out records; see AckedOptions. */
export function consumeAcked(cluster: KafkaCluster, options: AckedOptions): AckedConsumer {
  const streams = new Map<string, PartitionStream>();
  const keyOf = (p: TopicPartition): string => `${p.topic}/${p.partition}`;

  const budget = new ByteBudget(options.totalBytes);
  const spanOf = ({ window }: PartitionStream): number => options.spanRecords ?? window.windowRecords;
  const full = (stream: PartitionStream): boolean =>
    stream.tracker.openCount >= stream.window.windowRecords ||
    stream.tracker.span >= spanOf(stream) ||
    stream.tracker.openBytes >= stream.window.windowBytes ||
    budget.isUsedUp(stream);
  const roomy = (stream: PartitionStream): boolean =>
    stream.tracker.openCount <= stream.window.windowRecords * resumeBelow &&
    stream.tracker.span <= spanOf(stream) - stream.window.windowRecords * resumeBelow &&
    stream.tracker.openBytes <= stream.window.windowBytes * resumeBelow &&
    budget.hasRoom(stream, resumeBelow);

  const resumeIfRoomy = (stream: PartitionStream): void => {
    if (!stream.paused || !roomy(stream)) return;
    stream.paused = false;
    group.resume(stream.topic, [stream.partition]);
  };

  const acknowledge = (stream: PartitionStream, tracker: OffsetTracker, slot: TrackedOffset): void => {
    if (!tracker.finish(slot) || stream.lost || tracker !== stream.tracker) return;
    budget.moved(stream);
    resumeIfRoomy(stream);
  };

  let committing = false;
  const commitSome = async (): Promise<void> => {
    // A commit waits through an outage; the next one carries whatever this one missed.
    if (committing) return;
    committing = true;
    await commit().finally(() => (committing = false));
  };

  // One at a time: an older commit that is tried again must not overtake a newer one.
  let lastCommit: Promise<void> = Promise.resolve();
  const commit = (): Promise<void> => (lastCommit = lastCommit.then(commitNow, commitNow));

  /** What a partition has to commit now, if anything. */
  const commitOf = (stream: PartitionStream): CommitOffset | undefined => {
    const { topic, partition, tracker } = stream;
    // Before it is prepared, nobody knows what belongs beside the offset.
    if (group.position(topic, partition) === null) return undefined;
    const offset = tracker.watermark ?? stream.start;
    const moved = offset !== stream.committed;
    if (!options.metadata) return moved && tracker.watermark !== undefined ? { topic, partition, offset } : undefined;
    const refresh = options.now() - stream.committedAtMs >= METADATA_REFRESH_MS;
    if (!moved && !refresh) return undefined;
    const text = options.metadata({ topic, partition }, offset, tracker.oldestOpen?.timestampMs);
    const metadata = withLast(text, stream.last);
    return moved || metadata !== stream.metadata ? { topic, partition, offset, metadata } : undefined;
  };

  const commitNow = async (): Promise<void> => {
    const due = [...streams.values()].flatMap((stream) => {
      const commit = commitOf(stream);
      return commit ? [{ stream, commit }] : [];
    });
    if (due.length === 0) return;
    try {
      await group.commit(due.map((one) => one.commit));
      for (const { stream, commit } of due) {
        stream.committed = commit.offset;
        stream.committedAtMs = options.now();
        stream.metadata = commit.metadata;
      }
    } catch (error) {
      // The generation ended meanwhile: whoever owns the partition now reads these records again and drops the copies.
      if (!(error instanceof KafkaError)) throw error;
      options.onError?.(error, 1);
    }
  };

  function rangeLost({ topic, partition, from: position, to }: TopicPartition & { from: number; to: number }): void {
    const stream = streams.get(keyOf({ topic, partition }));
    // Read from the record before the commit on: that one is finished.
    const from = Math.max(position, (stream?.before?.offset ?? -1) + 1);
    if (from === to) return;
    if (stream !== undefined && to < stream.next) {
      stream.readAgainFrom(to);
      stream.highWatermark = to;
      budget.moved(stream);
      resumeIfRoomy(stream);
    }
    options.onRangeLost?.({ topic, partition, from, to });
  }

  /** Without the record before the commit, if it comes first; undefined when another one stands there: the log is read again from its start. */
  function beyondCommit(stream: PartitionStream, records: KafkaRecord[]): KafkaRecord[] | undefined {
    const { before, topic, partition, next: from } = stream;
    const [first] = records;
    stream.before = undefined;
    if (first === undefined || first.offset !== before?.offset) return records;
    if (first.timestamp === before.timestampMs) return records.slice(1);
    const to = stream.assigned.logStart;
    rangeLost({ topic, partition, from, to });
    group.seek(topic, partition, to);
    return undefined;
  }

  const group = cluster.consumeGroup({
    groupId: options.groupId,
    topics: options.topics,
    ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
    async prepare(partitions, signal) {
      const wished = (await options.prepare?.(partitions, signal)) ?? [];
      const starts = partitions.flatMap(({ topic, partition }) => {
        const offset = streams.get(keyOf({ topic, partition }))?.readFrom();
        return offset === undefined ? [] : [{ topic, partition, offset }];
      });
      return [...starts, ...wished];
    },
    ...(options.onState ? { onState: options.onState } : {}),
    ...(options.onError ? { onError: options.onError } : {}),
    onRangeLost: rangeLost,
    onPartitionFault(fault) {
      const stream = streams.get(keyOf(fault));
      if (stream?.before?.offset !== fault.offset) return options.onPartitionFault?.(fault);
      // It is finished; whether what follows can be decoded is another question.
      stream.before = undefined;
      group.seek(fault.topic, fault.partition, stream.next);
    },
    onAssigned(assignment, generation) {
      const { added, lost } = assignment;
      for (const partition of lost) {
        const stream = streams.get(keyOf(partition));
        if (stream) stream.lost = true;
        streams.delete(keyOf(partition));
      }
      if (lost.length > 0) options.onLost?.(lost);
      for (const partition of added)
        streams.set(keyOf(partition), new PartitionStream(partition, options.windowOf?.(partition.topic) ?? options));
      budget.share([...streams.values()]);
      for (const stream of streams.values()) resumeIfRoomy(stream);
      options.onAssigned?.(assignment, generation);
    },
    async onRevoked(reason) {
      await options.quiesce(reason);
      if (reason !== 'lost') await commit();
    },
    onRecords({ topic, partition, records, highWatermark }) {
      const stream = streams.get(`${topic}/${partition}`);
      if (!stream) return;
      const unfinished = beyondCommit(stream, records);
      if (unfinished === undefined) return;
      stream.highWatermark = highWatermark;
      const { tracker } = stream;
      for (const record of unfinished) {
        const slot = tracker.open(record.offset, record.timestamp, record.value?.length ?? 0);
        stream.next = record.offset + 1;
        options.onRecord(record, () => acknowledge(stream, tracker, slot), stream);
      }
      budget.moved(stream);
      if (!stream.paused && full(stream)) {
        stream.paused = true;
        group.pause(topic, [partition]);
      }
      options.onBatchEnd?.();
    },
  });

  /** Without an answer they stay as they were told last. */
  const lookAtEnds = async (): Promise<void> => {
    for (const topic of new Set([...streams.values()].map((stream) => stream.topic))) {
      const ends = await options.logEnds?.(topic).catch(() => undefined);
      for (const stream of streams.values())
        if (stream.topic === topic)
          stream.highWatermark = Math.max(stream.highWatermark, ends?.get(stream.partition) ?? 0);
    }
  };

  const timers = [
    setInterval(() => void commitSome(), options.commitIntervalMs),
    setInterval(() => void lookAtEnds(), LOG_ENDS_LOOK_MS),
  ];
  for (const timer of timers) timer.unref();

  return {
    group,
    commit,
    progress() {
      const now = options.now();
      return [...streams.values()].map((stream) => {
        const oldest = stream.tracker.oldestOpen;
        // With nothing open, everything below the position is done, markers and compacted records included.
        const done = oldest?.offset ?? Math.max(stream.next, group.position(stream.topic, stream.partition) ?? 0);
        const lagRecords = Math.max(0, stream.highWatermark - done);
        return {
          topic: stream.topic,
          partition: stream.partition,
          lagRecords,
          oldestOpenMs: oldest ? Math.max(0, now - oldest.timestampMs) : 0,
          unreadMs: stream.unreadMs(lagRecords, now),
          open: stream.tracker.openCount,
          windowLimit: stream.window.windowRecords,
          openBytes: stream.tracker.openBytes,
        };
      });
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await group.stop();
    },
  };
}
