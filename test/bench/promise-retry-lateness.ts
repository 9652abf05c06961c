// Promise 4: a retry of a healthy system starts at most 100 ms after it is due. Every event fails once; what counts stands in
// the log: when the first attempt said that the next one is due, and when that one started.

import { decodeAudit, type AttemptSettled } from '@postrider/core/contracts';
import { percentile } from './measured.ts';
import { onStage, sleepMs, type PromiseRun } from './promise-stage.ts';
import type { Promised } from './promises.ts';

const endpoints = 100;
const perSecond = 100;
const delayMs = 5_000;
const targetMs = 100;

export async function retryLateness(run: PromiseRun): Promise<Promised> {
  const { publisher, receiver, progress, ground } = run;
  const endpoint = () => ({ breaker: { kind: 'off' }, retry: { kind: 'delays', delaysMs: [delayMs] } }) as const;
  return onStage(run, { endpoints, endpoint }, async ({ world, start }) => {
    await receiver.begin({ latency: false, reply: false, failFirst: true });
    await start();
    const warmUp = perSecond * 5;
    const count = perSecond * run.seconds;
    progress('retry-lateness: publishing');
    await publisher.ask('clockwork', { from: 0, count: warmUp + count, perSecond });
    await receiver.arrival(warmUp + count);
    await sleepMs(delayMs + 3_000);
    const due = new Map<string, number>();
    const lateMs: number[] = [];
    let early = 0;
    await ground.cluster.scan({
      topic: world.topics.attempts,
      from: 'earliest',
      onRecord({ value }) {
        const record = decodeAudit(value);
        if (!record.ok || record.value.type !== 'AttemptSettled') return;
        const { dispatch, attempt, startedAt, disposition, event }: AttemptSettled = record.value;
        if (disposition.kind === 'retry') due.set(`${dispatch}.${disposition.attempt}`, disposition.dueMs);
        const dueMs = due.get(`${dispatch}.${attempt}`);
        if (dueMs === undefined || Number(event.slice('evt-'.length)) < warmUp) return;
        if (Date.parse(startedAt) < dueMs) early++;
        lateMs.push(Date.parse(startedAt) - dueMs);
      },
    });
    if (lateMs.length < count || early > 0)
      throw new Error(`retry-lateness: ${count - lateMs.length} retries are missing, ${early} were early`);
    lateMs.sort((a, b) => a - b);
    const p99 = percentile(lateMs, 0.99);
    return {
      name: 'retry-lateness',
      figure: p99,
      target: targetMs,
      unit: 'ms',
      kept: p99 <= targetMs,
      text: `p50 ${percentile(lateMs, 0.5)} ms, p99 ${p99} ms, latest ${lateMs.at(-1)} ms over ${lateMs.length} retries (p99 at most ${targetMs} ms)`,
    };
  });
}
