import { createMetrics } from '@postrider/runtime';
import { memoryLogger } from '@postrider/runtime/testing';
import { expect, test } from 'vitest';
import type { DispatchObserver } from './dispatch-observer.ts';
import { createObserver } from './observe.ts';

const hourMs = 60 * 60_000;
const nowMs = 100 * hourMs;

/** What the two latencies say, in seconds, of a first attempt that is made now and succeeds. */
async function latencies(times: { createdMs: number; appendedMs?: number; eventTimeMs?: number }) {
  const metrics = createMetrics({ version: '1', processMetrics: false });
  const observer = createObserver({ logger: memoryLogger().logger, metrics, now: () => nowMs });
  const dispatch = { attempt: 1, round: 0, park: 0, dueMs: nowMs, ...times };
  const record = { outcome: 'success', httpStatus: 200, disposition: { kind: 'delivered' }, durationMs: 1 };
  observer.attempted(
    ...([{ dispatch }, record, { startedAtMs: nowMs }] as unknown as Parameters<DispatchObserver['attempted']>),
  );
  const { text } = await metrics.scrape();
  return ['first_attempt', 'delivered'].map((word) =>
    Number(new RegExp(`^postrider_event_to_${word}_seconds_sum (.*)$`, 'm').exec(text)?.[1]),
  );
}

test('latency begins with the append upstream, not when convergence came to it', async () => {
  expect(await latencies({ createdMs: nowMs - 5, appendedMs: nowMs - hourMs })).toEqual([3_600, 3_600]);
});

test('an event that happened long before it was published is not late', async () => {
  const times = { createdMs: nowMs - 5, appendedMs: nowMs - 10, eventTimeMs: nowMs - 20 * hourMs };
  expect(await latencies(times)).toEqual([0.01, 0.01]);
});

test.each([nowMs + hourMs, nowMs - 8 * 24 * hourMs])(
  'a time that cannot be, %s, is not believed',
  async (appendedMs) => {
    expect(await latencies({ createdMs: nowMs - 5, appendedMs })).toEqual([0.005, 0.005]);
  },
);
