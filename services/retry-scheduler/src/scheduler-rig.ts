// For tests only: a scheduler whose tiers, log and clock a test moves.

import { dispatchHeaders, topicNames } from '@postrider/core/contracts';
import type { Dispatch, Endpoint, Tiers } from '@postrider/core/domain';
import type { AppendRecord, KafkaRecord, OwnedPartition } from '@postrider/kafka';
import { manualClock } from '@postrider/runtime/testing';
import { Recall } from './recall.ts';
import { OverduePace } from './overdue-pace.ts';
import { Scheduler } from './scheduler.ts';

export const topics = topicNames('live');
export const tiers: Tiers = [
  { name: '5s', delayMs: 5_000 },
  { name: '20s', delayMs: 20_000 },
];

class RigPartition implements OwnedPartition {
  readonly topic: string;
  readonly partition: number;
  lost = false;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  owned(): boolean {
    return !this.lost;
  }

  open(): number {
    return 0;
  }
}

export function schedulerRig() {
  const time = manualClock(1_900_000_000_000);
  const batches: (readonly AppendRecord[])[] = [];
  const acks: number[] = [];
  const forwarded: string[] = [];
  const unreadable: string[] = [];
  const fatal: unknown[] = [];
  let held: { resolve(): void; reject(error: Error): void }[] | undefined;
  const append = (records: readonly AppendRecord[]): Promise<{ offset: number }[]> => {
    batches.push(records);
    const offsets = records.map(({ partition }) => {
      const offset = ends.get(partition) ?? 0;
      ends.set(partition, offset + 1);
      return { offset };
    });
    if (!held) return Promise.resolve(offsets);
    return new Promise((resolve, reject) => held!.push({ resolve: () => resolve(offsets), reject }));
  };
  /** Ends of the logs that are written to, by partition. */
  const ends = new Map<number, number>();
  const heard: (() => void)[] = [];
  const lease = {
    inDoubt: false,
    holds: () => !lease.inDoubt,
    heard: () => new Promise<void>((resolve) => heard.push(resolve)),
    settle() {
      lease.inDoubt = false;
      for (const wake of heard.splice(0)) wake();
    },
  };
  const finished = new Map<number, number>();
  const pace = new OverduePace({
    finished: () => Promise.resolve(finished),
    monotonic: time.clock.monotonic,
    timers: time.timers,
    onRoom: () => scheduler.arm(),
    onUnanswered: (error) => fatal.push(error),
  });
  const scheduler: Scheduler = new Scheduler({
    pace,
    recall: new Recall(time.clock.now),
    lease,
    givenBack: { has: () => false, giving: () => undefined, given: () => undefined },
    appender: { appendAll: append, append: (record) => append([record]).then(([at]) => at!) },
    topics,
    tiers,
    now: time.clock.now,
    timers: time.timers,
    observer: {
      forwarded: (topic, to, latenessMs) => forwarded.push(`${topic} ${to} ${latenessMs}`),
      unreadable: (_record, problem) => unreadable.push(problem),
    },
    onFatal: (error) => fatal.push(error),
  });
  const partitions = new Map<string, RigPartition>();
  const partitionAt = (topic: string, partition: number): RigPartition => {
    const key = `${topic}/${partition}`;
    const known = partitions.get(key) ?? new RigPartition(topic, partition);
    partitions.set(key, known);
    return known;
  };
  let offset = 0;
  return {
    time,
    scheduler,
    lease,
    batches,
    acks,
    forwarded,
    unreadable,
    fatal,
    /** What dispatch has committed, by partition. */
    finished,
    pace,
    partitionAt,
    now: time.clock.now,

    /** Writes a record to a tier now, as dispatch would, and hands it over; returns its number. */
    wait(
      delayMs: number,
      { tier = tiers[0], partition = 0, stayMs = delayMs, body = '{}', park = 0, endpointId = 'ep-1' } = {},
    ): number {
      const now = time.clock.now();
      const n = offset++;
      const dispatch = {
        dispatchId: `dsp_${n}`,
        round: 0,
        attempt: 2,
        endpointId,
        projectId: 'acme',
        eventId: `evt-${n}`,
        eventType: 't',
        createdMs: now,
        roundStartedMs: now,
        dueMs: now + delayMs,
        hop: 0,
        park,
        origin: 'live.events/0/1',
        body: Buffer.from(body),
      } as unknown as Dispatch;
      const headers = Object.entries(dispatchHeaders(dispatch, { wakeMs: now + stayMs, delayMs }));
      const topic = topics.retry(tier);
      const record: KafkaRecord = {
        topic,
        partition,
        offset: n,
        timestamp: now,
        key: Buffer.from('ep-1'),
        value: Buffer.from(body),
        headers: new Map(headers.map(([name, text]) => [name, [Buffer.from(text)]])),
      };
      scheduler.accept(record, () => acks.push(n), partitionAt(topic, partition));
      return n;
    },
    /** A newer record of an endpoint, now by the broker's time. */
    change(
      endpointId: string,
      kind: Endpoint['status']['kind'],
      { atMs = time.clock.now(), concurrency = 10 } = {},
    ): void {
      scheduler.endpointChanged({ endpointId, status: { kind }, concurrency } as Endpoint, atMs);
    },
    acceptRaw(record: KafkaRecord, n: number): void {
      scheduler.accept(record, () => acks.push(n), partitionAt(record.topic, record.partition));
    },
    /** Appends wait from now on. */
    hold(): void {
      held = [];
    },
    async release(): Promise<void> {
      for (const one of held?.splice(0) ?? []) one.resolve();
      await time.advanceAsync(0);
    },
    async fail(): Promise<void> {
      for (const one of held?.splice(0) ?? []) one.reject(new Error('never'));
      await time.advanceAsync(0);
    },
    given(): string[] {
      return batches.flat().map((record) => (record.headers as Record<string, string>)['pr-dispatch'] ?? 'raw');
    },
  };
}
