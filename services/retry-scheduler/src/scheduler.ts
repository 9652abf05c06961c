// Holds the heads of all tier partitions in one heap with one timer, and gives back what is due in batches; what is overdue, as
// dispatch gets on. Reading ahead is bounded by the consumer's window; a record is acknowledged when its successor is in Kafka.

import { decodeDispatch, tierPlace, tierPlaceHeader, type TopicNames } from '@postrider/core/contracts';
import { DueHeap, type Endpoint, type Tiers } from '@postrider/core/domain';
import {
  headerText,
  type Ack,
  type Appender,
  type AppendRecord,
  type KafkaRecord,
  type Lease,
  type OwnedPartition,
} from '@postrider/kafka';
import type { CancelTimer, Timers } from '@postrider/runtime';
import type { GivenBack } from './given-back.ts';
import { forwardBatch, overdueMs, sleepMsMax } from './limits.ts';
import type { OverduePace } from './overdue-pace.ts';
import type { Recall } from './recall.ts';
import { handBack, waitingRecord, type WaitingRecord } from './waiting-record.ts';

interface Held {
  readonly dueMs: number;
  readonly offset: number;
  readonly waiting: WaitingRecord;
  readonly partition: OwnedPartition;
  readonly ack: Ack;
}

/** Of a batch. */
interface Due {
  readonly held: Held;
  readonly record: AppendRecord;
  readonly isOverdue: boolean;
}

export interface SchedulerDeps {
  readonly appender: Pick<Appender, 'appendAll' | 'append'>;
  readonly topics: TopicNames;
  readonly tiers: Tiers;
  readonly now: () => number;
  readonly timers: Timers;
  /** What was given back by an earlier owner. */
  readonly givenBack: Pick<GivenBack, 'has' | 'giving' | 'given'>;
  /** What is called back before its time. */
  readonly recall: Recall;
  /** How fast what is overdue follows. */
  readonly pace: Pick<OverduePace, 'mayGive' | 'giving' | 'given'>;
  /** Whether the partitions are certainly still ours: what a process that stood still gives back has been given back by another. */
  readonly lease: Lease;
  readonly observer: SchedulerObserver;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

export interface SchedulerObserver {
  forwarded(tier: string, to: 'dispatches' | 'tier', latenessMs: number): void;
  unreadable(record: KafkaRecord, problem: string): void;
}

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #heap = new DueHeap<Held>();
  /** Overdue ones that had no room in their partition, by its number. */
  readonly #overdue = new Map<number, DueHeap<Held>>();
  readonly #idleWaiters: (() => void)[] = [];
  #cancelTimer: CancelTimer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #writing = 0;
  #accepting = true;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Records held in memory, by tier topic, and how far the most overdue of each is past its wake time in ms. */
  held(): Map<string, { readonly records: number; readonly overdueMs: number }> {
    const nowMs = this.#deps.now();
    const byTopic = new Map<string, { records: number; overdueMs: number }>();
    for (const { partition, dueMs } of this.#all()) {
      const row = byTopic.get(partition.topic) ?? { records: 0, overdueMs: 0 };
      byTopic.set(partition.topic, { records: row.records + 1, overdueMs: Math.max(row.overdueMs, nowMs - dueMs) });
    }
    return byTopic;
  }

  /** Takes one record of a tier. Never throws, never waits. */
  accept(record: KafkaRecord, ack: Ack, partition: OwnedPartition): void {
    const number = (name: string): number | undefined => {
      const value = Number(headerText(record.headers, name) ?? Number.NaN);
      return Number.isFinite(value) ? value : undefined;
    };
    const decoded = decodeDispatch((name) => headerText(record.headers, name), record.value);
    if (!decoded.ok) {
      // dispatch is the one writer of attempts and the dead letter queue: it gets the record as it is and ends it there.
      this.#deps.observer.unreadable(record, decoded.problem);
      const { topic: _topic, ...rest } = record;
      this.#track(this.#deps.appender.append({ ...rest, topic: this.#deps.topics.dispatches }).then(ack));
      return;
    }
    const waiting = waitingRecord(decoded.value, {
      appendedMs: record.timestamp,
      wakeMs: number('pr-wake'),
      delayMs: number('pr-delay'),
    });
    if (this.#deps.givenBack.has(record, waiting.dispatch)) {
      ack();
      return;
    }
    this.#hold({ offset: record.offset, waiting: this.#deps.recall.recalled(waiting), partition, ack });
  }

  /** An endpoint has a newer record, of this broker time: what was put off before it comes back soon. */
  endpointChanged(endpoint: Endpoint, atMs: number): void {
    if (!this.#deps.recall.changed(endpoint, atMs)) return;
    const parked: Held[] = [];
    this.#heap.removeWhere((held) => {
      const { endpointId, park } = held.waiting.dispatch;
      return park > 0 && endpointId === endpoint.endpointId && parked.push(held) > 0;
    });
    // In the order in which they were put off.
    for (const held of parked.toSorted((a, b) => a.waiting.appendedMs - b.waiting.appendedMs || a.offset - b.offset))
      this.#hold({ ...held, waiting: this.#deps.recall.recalled(held.waiting) });
    this.arm();
  }

  /** Sets the timer for the earliest head; called after each batch that was read, and when there is room for what is overdue. */
  arm(): void {
    const nextMs = this.#accepting ? this.#nextMs() : Number.POSITIVE_INFINITY;
    if (nextMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = nextMs;
    this.#cancelTimer = this.#deps.timers.setTimer(Math.min(sleepMsMax, Math.max(0, nextMs - this.#deps.now())), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.runOnce();
    });
  }

  /** Gives back what is due now, at most one batch; returns how many. */
  runOnce(): number {
    if (!this.#accepting) return 0;
    const { now, appender, topics, observer, lease, givenBack, pace } = this.#deps;
    if (!lease.holds()) {
      void lease.heard().then(() => this.arm());
      return 0;
    }
    const nowMs = now();
    const due = this.#takeDue(nowMs);
    if (due.length > 0) {
      this.#track(
        appender.appendAll(due.map(({ record }) => record)).then((appended) => {
          for (const [i, { held, record, isOverdue }] of due.entries()) {
            const done = record.topic === topics.dispatches;
            const { topic, partition } = held.partition;
            if (done) givenBack.given(partition, appended[i]!.offset);
            if (isOverdue) pace.given(partition, appended[i]!.offset);
            held.ack();
            observer.forwarded(topic, done ? 'dispatches' : 'tier', nowMs - held.dueMs);
          }
        }),
      );
    }
    this.arm();
    return due.length;
  }

  /** Stops giving back and resolves when everything that was given back is acknowledged. */
  quiesce(): Promise<void> {
    this.#accepting = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#writing === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Goes on after a rebalance, without what belongs to someone else now. */
  resume(): void {
    for (const heap of [this.#heap, ...this.#overdue.values()]) heap.removeWhere((held) => !held.partition.owned());
    this.#accepting = true;
    this.arm();
  }

  /** At most a batch of what is due: first what was overdue already and has room now. */
  #takeDue(nowMs: number): Due[] {
    const due: Due[] = [];
    for (const [partition, heap] of this.#overdue) {
      while (due.length < forwardBatch && heap.size > 0 && this.#deps.pace.mayGive(partition)) {
        const held = heap.popDue(nowMs);
        // The wall clock was set back since: it is not overdue any more.
        if (!held) break;
        this.#take(held, nowMs, due);
      }
      if (heap.size === 0) this.#overdue.delete(partition);
    }
    while (due.length < forwardBatch) {
      const held = this.#heap.popDue(nowMs);
      if (!held) break;
      this.#take(held, nowMs, due);
    }
    return due;
  }

  #take(held: Held, nowMs: number, due: Due[]): void {
    const { topics, tiers, givenBack, pace } = this.#deps;
    const { topic, partition } = held.partition;
    if (!held.partition.owned()) return;
    const isOverdue = nowMs - held.waiting.attemptDueMs > overdueMs;
    if (isOverdue && !pace.mayGive(partition)) {
      const waiting = this.#overdue.get(partition) ?? new DueHeap<Held>();
      this.#overdue.set(partition, waiting);
      waiting.push(held);
      return;
    }
    if (isOverdue) pace.giving(partition);
    givenBack.giving({ topic, partition, offset: held.offset });
    const record = handBack(held.waiting, partition, nowMs, { topics, tiers });
    const headers = { ...record.headers, [tierPlaceHeader]: tierPlace({ topic, offset: held.offset }) };
    due.push({ held, record: { ...record, headers }, isOverdue });
  }

  *#all(): Iterable<Held> {
    yield* this.#heap.values();
    for (const heap of this.#overdue.values()) yield* heap.values();
  }

  /** When there is something to do, epoch ms. */
  #nextMs(): number {
    let nextMs = this.#heap.peek()?.dueMs ?? Number.POSITIVE_INFINITY;
    for (const [partition, heap] of this.#overdue) {
      const head = heap.peek();
      if (head && head.dueMs < nextMs && this.#deps.pace.mayGive(partition)) nextMs = head.dueMs;
    }
    return nextMs;
  }

  #hold(held: Omit<Held, 'dueMs'>): void {
    this.#heap.push({ ...held, dueMs: held.waiting.wakeMs });
  }

  #track(effect: Promise<unknown>): void {
    this.#writing++;
    // What failed is not acknowledged; a stop must not wait for it all the same.
    void effect.catch(this.#deps.onFatal).finally(() => {
      this.#writing--;
      if (this.#writing === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
    });
  }
}
