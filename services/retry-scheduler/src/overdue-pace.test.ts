import { manualClock } from '@postrider/runtime/testing';
import { expect, it } from 'vitest';
import { overdueAskMs, overdueMs, overdueOutMax, overdueStallMs } from './limits.ts';
import { schedulerRig } from './scheduler-rig.ts';
import { OverduePace } from './overdue-pace.ts';

const outage = overdueMs + 60_000;

/** A scheduler that comes back after an outage, to so many overdue records of partition 0, one a millisecond. */
async function afterOutage(records: number) {
  const rig = schedulerRig();
  const partition = { partition: 0 };
  for (let n = 0; n < records; n++) rig.wait(n, partition);
  await rig.time.advanceAsync(outage);
  rig.scheduler.arm();
  await rig.time.advanceAsync(0);
  return { ...rig, partition, written: () => rig.batches.flat().length };
}

it('gives back what is overdue as dispatch gets on, and all of it in the end', async () => {
  const records = 3 * overdueOutMax + 7;
  const { time, finished, written, acks, given } = await afterOutage(records);
  expect(written()).toBe(overdueOutMax);
  for (let step = 1; written() < records; step++) {
    finished.set(0, step * 100);
    await time.advanceAsync(overdueAskMs);
    expect(written()).toBe(Math.min(records, overdueOutMax + step * 100));
  }
  expect(acks).toHaveLength(records);
  expect(given()).toEqual(Array.from({ length: records }, (_, n) => `dsp_${n}`));
  expect(time.pending()).toBe(0);
});

it('keeps nothing that is due now waiting behind it, nor another partition', async () => {
  const { time, scheduler, wait, batches } = await afterOutage(2 * overdueOutMax);
  const now = wait(0);
  const elsewhere = wait(0, { partition: 1 });
  scheduler.arm();
  await time.advanceAsync(0);
  const last = batches.at(-1)!.map(({ headers }) => (headers as Record<string, string>)['pr-dispatch']);
  expect(new Set(last)).toEqual(new Set([`dsp_${now}`, `dsp_${elsewhere}`]));
});

it('does not stop for a commit that stands still: a request may hang for a minute', async () => {
  const { time, written } = await afterOutage(3 * overdueOutMax);
  await time.advanceAsync(overdueStallMs - overdueAskMs);
  expect(written()).toBe(overdueOutMax);
  await time.advanceAsync(2 * overdueAskMs);
  expect(written()).toBe(2 * overdueOutMax);
});

it('counts what it holds back as held, and as overdue', async () => {
  const { scheduler } = await afterOutage(overdueOutMax + 20);
  const [held] = scheduler.held().values();
  expect(held).toEqual({ records: 20, overdueMs: outage - overdueOutMax });
});

it('gives nothing back of a partition that was lost meanwhile', async () => {
  const { time, scheduler, written, partitionAt, batches } = await afterOutage(2 * overdueOutMax);
  const [topic] = scheduler.held().keys();
  partitionAt(topic!, 0).lost = true;
  scheduler.resume();
  await time.advanceAsync(10 * overdueStallMs);
  expect([written(), scheduler.held().size, batches.length]).toEqual([overdueOutMax, 0, 1]);
});

it('goes on when nobody tells how far dispatch is, and asks nothing when nothing waits', async () => {
  const time = manualClock(0);
  let asked = 0;
  let rooms = 0;
  const told: string[] = [];
  const pace = new OverduePace({
    finished: () => Promise.reject(new Error(`away ${++asked}`)),
    monotonic: time.clock.monotonic,
    timers: time.timers,
    onRoom: () => rooms++,
    onUnanswered: (error) => told.push(String(error)),
  });
  for (let offset = 0; offset < overdueOutMax; offset++) {
    expect(pace.mayGive(0)).toBe(true);
    pace.giving(0);
    pace.given(0, offset);
  }
  await time.advanceAsync(overdueStallMs);
  expect([asked, rooms]).toEqual([0, 0]);
  expect(pace.mayGive(0)).toBe(false);
  await time.advanceAsync(overdueAskMs);
  expect([asked, rooms, pace.mayGive(0), told]).toEqual([1, 1, true, ['Error: away 1']]);
});

it('tells once that nobody answers', async () => {
  const time = manualClock(0);
  const told: unknown[] = [];
  const pace = new OverduePace({
    finished: () => Promise.reject(new Error('away')),
    monotonic: time.clock.monotonic,
    timers: time.timers,
    onRoom: () => undefined,
    onUnanswered: (error) => told.push(error),
  });
  for (let n = 0; n < overdueOutMax; n++) pace.giving(0);
  expect(pace.mayGive(0)).toBe(false);
  for (let n = 0; n < 4; n++) await time.advanceAsync(overdueAskMs);
  expect(told).toHaveLength(1);
  pace.stop();
});

it('keeps what is not overdue any more when the wall clock is set back, and gives it back in time', async () => {
  const records = overdueOutMax + 5;
  const { time, finished, scheduler, written } = await afterOutage(records);
  time.stepWallClock(-2 * outage);
  finished.set(0, overdueOutMax);
  await time.advanceAsync(overdueAskMs);
  expect([written(), scheduler.held().values().next().value?.records]).toEqual([overdueOutMax, 5]);
  await time.advanceAsync(2 * outage);
  expect(written()).toBe(records);
});

it('asks nothing after a stop, whoever looks again', async () => {
  const { time, scheduler, pace } = await afterOutage(2 * overdueOutMax);
  await scheduler.quiesce();
  pace.stop();
  scheduler.arm();
  expect(time.pending()).toBe(0);
});
