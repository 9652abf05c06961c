// Where the time of `latency` goes: the way of each event by the times that stand in the logs. Whole milliseconds of the
// brokers and services, all of one machine.

import { decodeAudit, decodeDispatch } from '@postrider/core/contracts';
import type { KafkaRecord } from '@postrider/kafka';
import { percentile } from './measured.ts';
import type { Ground, World } from './world.ts';

const way = ['trace in the log', 'dispatch in the log', 'request begins', 'answered', 'settlement in the log'] as const;
type Stop = (typeof way)[number];

/** From the stop before, or from the scheduled time, to this one, ms. */
export interface Hop {
  readonly to: Stop;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

const scanMs = 60_000;

/** @param from number of the first event that is measured */
export async function hopsOf({ cluster }: Ground, { topics }: World, from: number): Promise<Hop[]> {
  const wallLessMonotonicMs = performance.timeOrigin + performance.now() - Number(process.hrtime.bigint()) / 1e6;
  /** By dispatch, epoch ms. */
  const scheduled = new Map<string, number>();
  const reached: Record<Stop, Map<string, number>> = {
    'trace in the log': new Map(),
    'dispatch in the log': new Map(),
    'request begins': new Map(),
    answered: new Map(),
    'settlement in the log': new Map(),
  };
  const scan = async (topic: string, onRecord: (record: KafkaRecord) => void): Promise<void> => {
    await cluster.scan({ topic, from: 'earliest', timeoutMs: scanMs, onRecord });
  };
  await scan(topics.dispatches, ({ headers, value, timestamp }) => {
    const decoded = decodeDispatch((name) => headers.get(name)?.at(-1)?.toString('utf8'), value);
    if (!decoded.ok) return;
    const { dispatchId: id, body } = decoded.value;
    const head = Buffer.from(body).toString('latin1', 0, 200);
    const atNs = /"scheduledNs":"(\d+)"/.exec(head)?.[1];
    if (atNs === undefined || Number(/"number":(\d+)/.exec(head)?.[1] ?? -1) < from) return;
    scheduled.set(id, Number(atNs) / 1e6 + wallLessMonotonicMs);
    reached['dispatch in the log'].set(id, timestamp);
  });
  await scan(topics.audit, ({ value, timestamp }) => {
    const decoded = decodeAudit(value);
    if (!decoded.ok || decoded.value.type !== 'EventAccepted') return;
    for (const { dispatch } of decoded.value.dispatches) reached['trace in the log'].set(dispatch, timestamp);
  });
  await scan(topics.attempts, ({ value, timestamp }) => {
    const decoded = decodeAudit(value);
    if (!decoded.ok || decoded.value.type !== 'AttemptSettled') return;
    const { dispatch, startedAt, durationMs } = decoded.value;
    reached['request begins'].set(dispatch, Date.parse(startedAt));
    reached.answered.set(dispatch, Date.parse(startedAt) + durationMs);
    reached['settlement in the log'].set(dispatch, timestamp);
  });
  return way.map((to, index) => {
    const before = index === 0 ? scheduled : reached[way[index - 1]!];
    const times = [...scheduled.keys()]
      .map((id) => (reached[to].get(id) ?? Number.NaN) - (before.get(id) ?? Number.NaN))
      .filter((ms) => !Number.isNaN(ms))
      .sort((a, b) => a - b);
    return { to, p50Ms: percentile(times, 0.5), p90Ms: percentile(times, 0.9), p99Ms: percentile(times, 0.99) };
  });
}

export function hopsLine(hops: readonly Hop[]): string {
  const each = hops.map(
    ({ to, p50Ms, p90Ms, p99Ms }) => `${to} +${p50Ms.toFixed(1)} / ${p90Ms.toFixed(1)} / ${p99Ms.toFixed(1)}`,
  );
  return `the way, p50 / p90 / p99 ms: ${each.join(', ')}`;
}
