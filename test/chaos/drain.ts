// After load and faults: everything must come to its end by itself. Looks from outside until the log says that nothing is under
// way and the tables have followed, or the time is over; what is still missing then is for the checker to name.

import type { KafkaAdmin } from '@postrider/kafka';
import { decodeAttempts, decodeTrace } from './checker/decode.ts';
import type { PublishedEvent } from './checker/evidence.ts';
import { partitionCount, pollMs } from './limits.ts';
import { pause } from './service-slot.ts';
import type { World } from './world.ts';

export interface Drained {
  /** How long it took, ms. */
  readonly tookMs: number;
  /** Consumed topics whose committed offset is not the end; empty when all went well. */
  readonly leftBehind: readonly string[];
}

/** Follows one topic from where it was read last. */
class Follower {
  readonly #next = new Map<number, number>();

  constructor(partitions: number) {
    for (let partition = 0; partition < partitions; partition += 1) this.#next.set(partition, 0);
  }

  async read(world: World, topic: string, onValue: (record: Parameters<typeof decodeTrace>[0]) => void): Promise<void> {
    const { ends } = await world.ground.cluster.scan({
      topic,
      from: this.#next,
      timeoutMs: 30_000,
      onRecord: ({ partition, offset, value, timestamp }) =>
        onValue({ topic, partition, offset, value, timeMs: timestamp, headers: {} }),
    });
    for (const [partition, end] of ends) this.#next.set(partition, end);
  }
}

export async function drain(world: World, published: readonly PublishedEvent[], timeoutMs: number): Promise<Drained> {
  const startedMs = performance.now();
  const until = startedMs + timeoutMs;
  const audit = new Follower(partitionCount);
  const attempts = new Follower(partitionCount);
  const traced = new Set<string>();
  const open = new Set<string>();
  const closed = new Set<string>();
  const admin = world.ground.cluster.admin();
  let leftBehind: readonly string[] = [];

  const look = async (): Promise<boolean> => {
    await audit.read(world, world.topics.audit, (record) => {
      const trace = decodeTrace(record);
      if (!trace || traced.has(trace.origin)) return;
      traced.add(trace.origin);
      for (const { dispatch } of trace.dispatches ?? []) if (!closed.has(dispatch)) open.add(dispatch);
    });
    await attempts.read(world, world.topics.attempts, (record) => {
      const entry = decodeAttempts(record);
      if ((entry.type !== 'AttemptSettled' && entry.type !== 'DispatchEnded') || entry.disposition.kind === 'retry')
        return;
      closed.add(entry.dispatch);
      open.delete(entry.dispatch);
    });
    const missing = published.some(
      ({ partition, offset }) => !traced.has(`${world.eventsTopic}/${partition}/${offset}`),
    );
    if (missing || open.size > 0) return false;
    leftBehind = [...(await uncommitted(world, admin)), ...(await unprojected(world, admin))];
    return leftBehind.length === 0;
  };

  let done = false;
  while (!done && performance.now() < until) {
    done = await look().catch(() => false);
    if (!done) await pause(pollMs);
  }
  await admin.close();
  if (!done && leftBehind.length === 0) leftBehind = [`${open.size} dispatches are open after ${timeoutMs / 1_000} s`];
  return { tookMs: Math.round(performance.now() - startedMs), leftBehind: done ? [] : leftBehind };
}

/** Partitions that a group has not finished: left paused, or stuck. */
async function uncommitted({ environment, topics, eventsTopic }: World, admin: KafkaAdmin): Promise<string[]> {
  const groups: readonly (readonly [string, readonly string[]])[] = [
    ['convergence', [eventsTopic]],
    ['dispatch', [topics.dispatches]],
    ['retry-scheduler', ['500ms', '2s'].map((name) => topics.retry({ name }))],
  ];
  const behind: string[] = [];
  for (const [group, names] of groups) {
    const committed = await admin.committed(`${environment}.${group}`, names);
    for (const topic of names) {
      for (const [partition, end] of await admin.endOffsets(topic)) {
        const at = committed.find((one) => one.topic === topic && one.partition === partition)?.offset ?? 0;
        if (at !== end) behind.push(`${group}: ${topic}/${partition} is committed to ${at} of ${end}`);
      }
    }
  }
  return behind;
}

async function unprojected({ database, environment, topics }: World, admin: KafkaAdmin): Promise<string[]> {
  const rows = await database.query<{ topic: string; partition: number; next: number }>(
    `SELECT topic, partition, next FROM projection_offset WHERE environment = $1`,
    [environment],
  );
  const behind: string[] = [];
  for (const topic of [topics.attempts, topics.audit]) {
    for (const [partition, end] of await admin.endOffsets(topic)) {
      const next = rows.find((row) => row.topic === topic && row.partition === partition)?.next ?? 0;
      if (next !== end) behind.push(`audit-projector: ${topic}/${partition} is projected to ${next} of ${end}`);
    }
  }
  return behind;
}
