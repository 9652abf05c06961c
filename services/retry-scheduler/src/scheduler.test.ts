import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forwardBatch } from './limits.ts';
import { schedulerRig as rig, tiers, topics } from './scheduler-rig.ts';

/** Whether a promise has resolved by now. */
async function isResolved(promise: Promise<unknown>): Promise<boolean> {
  let resolved = false;
  void promise.then(() => (resolved = true));
  await new Promise((resolve) => setImmediate(resolve));
  return resolved;
}

describe('Scheduler', () => {
  it('gives a record back at its time, never before, and acknowledges it when its successor is written', async () => {
    const { scheduler, time, ...r } = rig();
    r.hold();
    r.wait(5_000);
    scheduler.arm();
    await time.advanceAsync(4_999);
    expect(r.batches).toEqual([]);
    await time.advanceAsync(1);
    expect(r.batches.flat()).toMatchObject([
      { topic: topics.dispatches, partition: 0, key: 'ep-1', value: Buffer.from('{}') },
    ]);
    expect(r.acks).toEqual([]);
    await r.release();
    expect(r.acks).toEqual([0]);
    expect(r.forwarded).toEqual([`${topics.retry(tiers[0])} dispatches 0`]);
  });

  it('gives records of all tiers and partitions back in the order of their times', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(300, { partition: 1 });
    r.wait(100, { partition: 2 });
    r.wait(200, { tier: tiers[1]! });
    scheduler.arm();
    await time.advanceAsync(1_000);
    expect(r.given()).toEqual(['dsp_1', 'dsp_2', 'dsp_0']);
    expect(r.batches.flat().map((record) => record.partition)).toEqual([2, 0, 1]);
  });

  it('takes an earlier record before the one that its timer was set for', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(5_000);
    scheduler.arm();
    r.wait(10);
    scheduler.arm();
    await time.advanceAsync(10);
    expect(r.given()).toEqual(['dsp_1']);
    await time.advanceAsync(4_990);
    expect(r.given()).toEqual(['dsp_1', 'dsp_0']);
  });

  it('has one timer at most, and none when it holds nothing', async () => {
    const { scheduler, time, ...r } = rig();
    for (let i = 0; i < 50; i++) {
      r.wait(5_000 - i * 10);
      scheduler.arm();
    }
    expect(time.pending()).toBe(1);
    await time.advanceAsync(5_000);
    expect([r.acks.length, time.pending()]).toEqual([50, 0]);
  });

  it('gives a burst back in full batches, one a turn', () => {
    const { scheduler, ...r } = rig();
    for (let i = 0; i < forwardBatch + 3; i++) r.wait(0);
    expect(scheduler.runOnce()).toBe(forwardBatch);
    expect(scheduler.runOnce()).toBe(3);
    expect(scheduler.runOnce()).toBe(0);
    expect(r.batches.map((batch) => batch.length)).toEqual([forwardBatch, 3]);
  });

  it('goes on by itself until a burst is given back', async () => {
    const { scheduler, time, ...r } = rig();
    for (let i = 0; i < 3 * forwardBatch; i++) r.wait(0);
    scheduler.arm();
    await time.advanceAsync(0);
    expect(r.acks).toHaveLength(3 * forwardBatch);
  });

  it('hops a record that is not due yet to the tier that fits, in its partition', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(25_000, { tier: tiers[1]!, stayMs: 20_000, partition: 3 });
    scheduler.arm();
    await time.advanceAsync(20_000);
    expect(r.batches.flat()).toMatchObject([
      { topic: topics.retry(tiers[0]), partition: 3, headers: { 'pr-hop': '1', 'pr-delay': '5000' } },
    ]);
    expect(r.forwarded).toEqual([`${topics.retry(tiers[1]!)} tier 0`]);
  });

  it('gives everything overdue back at once after a stop, straight to dispatches', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(25_000, { tier: tiers[1]!, stayMs: 20_000 });
    r.wait(5_000);
    time.advance(3_600_000);
    scheduler.arm();
    await time.advanceAsync(0);
    expect(r.batches.flat().map((record) => record.topic)).toEqual([topics.dispatches, topics.dispatches]);
    expect(r.forwarded[1]).toBe(`${topics.retry(tiers[1]!)} dispatches 3580000`);
  });

  it('drops the records of a partition that was lost: its new owner gives them back', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(100, { partition: 0 });
    r.wait(100, { partition: 1 });
    scheduler.arm();
    r.partitionAt(topics.retry(tiers[0]), 0).lost = true;
    await time.advanceAsync(100);
    expect(r.given()).toEqual(['dsp_1']);
    expect(scheduler.held().size).toBe(0);
  });

  it('forgets them on resume, so that memory is not held for somebody else', async () => {
    const { scheduler, ...r } = rig();
    r.wait(100, { partition: 0 });
    r.wait(100, { partition: 1 });
    await scheduler.quiesce();
    r.partitionAt(topics.retry(tiers[0]), 0).lost = true;
    scheduler.resume();
    expect(scheduler.held().get(topics.retry(tiers[0]))?.records).toBe(1);
  });

  it('starts nothing while quiet, waits for what is being written, and goes on after resume', async () => {
    const { scheduler, time, ...r } = rig();
    r.hold();
    r.wait(10);
    r.wait(50);
    scheduler.arm();
    await time.advanceAsync(10);
    const quiet = scheduler.quiesce();
    expect(await isResolved(quiet)).toBe(false);
    await time.advanceAsync(1_000);
    expect(r.given()).toEqual(['dsp_0']);
    expect(scheduler.runOnce()).toBe(0);
    let acksThen: number[] = [];
    void quiet.then(() => (acksThen = [...r.acks]));
    await r.release();
    expect(acksThen).toEqual([0]);
    scheduler.resume();
    await time.advanceAsync(0);
    await r.release();
    expect([r.given(), r.acks]).toEqual([
      ['dsp_0', 'dsp_1'],
      [0, 1],
    ]);
  });

  it('does not set a timer while it is quiet', async () => {
    const { scheduler, time, ...r } = rig();
    await scheduler.quiesce();
    r.wait(10);
    scheduler.arm();
    expect(time.pending()).toBe(0);
    scheduler.resume();
    expect(time.pending()).toBe(1);
  });

  it('acknowledges nothing when an append fails for good, and lets quiesce end all the same', async () => {
    const { scheduler, time, ...r } = rig();
    r.hold();
    r.wait(0);
    scheduler.arm();
    await time.advanceAsync(0);
    const quiet = scheduler.quiesce();
    await r.fail();
    expect([r.acks, r.fatal.length]).toEqual([[], 1]);
    expect(await isResolved(quiet)).toBe(true);
  });

  it('passes what is no dispatch on as it is, to be dead-lettered by the owner of its partition', async () => {
    const { scheduler, time, ...r } = rig();
    const headers = new Map([['x', [Buffer.from('1'), null]]]);
    r.hold();
    r.acceptRaw(
      { topic: topics.retry(tiers[1]!), partition: 3, offset: 9, timestamp: 1, key: null, value: null, headers },
      9,
    );
    await time.advanceAsync(0);
    expect(r.batches.flat()).toMatchObject([
      { topic: topics.dispatches, partition: 3, key: null, value: null, headers },
    ]);
    expect(r.unreadable).toEqual(['no value']);
    const quiet = scheduler.quiesce();
    expect([await isResolved(quiet), r.acks]).toEqual([false, []]);
    await r.release();
    expect([await isResolved(quiet), r.acks]).toEqual([true, [9]]);
  });

  it('gives nothing back while it may be somebody else\u2019s, and goes on with what is left to it', async () => {
    const { scheduler, time, lease, ...r } = rig();
    r.wait(100);
    r.wait(100, { partition: 1 });
    scheduler.arm();
    lease.inDoubt = true;
    await time.advanceAsync(500);
    expect(r.given()).toEqual([]);
    r.partitionAt(topics.retry(tiers[0]), 1).lost = true;
    lease.settle();
    await time.advanceAsync(0);
    expect(r.given()).toEqual(['dsp_0']);
  });

  it('tells what it holds by tier, and how long the most overdue waits', () => {
    const { scheduler, time, ...r } = rig();
    r.wait(100);
    r.wait(5_000);
    r.wait(9_000, { tier: tiers[1]! });
    time.advance(150);
    expect(scheduler.held()).toEqual(
      new Map([
        [topics.retry(tiers[0]), { records: 2, overdueMs: 50 }],
        [topics.retry(tiers[1]!), { records: 1, overdueMs: 0 }],
      ]),
    );
  });

  it('gives every record back exactly once and never early, whatever comes when', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('wait' as const),
          delayMs: fc.integer({ min: 0, max: 4_000 }),
          partition: fc.nat(2),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(2_000) }) },
      { weight: 1, arbitrary: fc.constantFrom({ kind: 'quiesce' as const }, { kind: 'resume' as const }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { scheduler, time, ...r } = rig();
        const due = new Map<string, number>();
        let seen = 0;
        const check = (): void => {
          for (const id of r.given().slice(seen)) expect(r.now()).toBeGreaterThanOrEqual(due.get(id)!);
          seen = r.given().length;
        };
        for (const step of steps) {
          if (step.kind === 'wait') {
            due.set(`dsp_${r.wait(step.delayMs, { partition: step.partition })}`, r.now() + step.delayMs);
            scheduler.arm();
          } else if (step.kind === 'advance') {
            for (let ms = 0; ms < step.ms; ms += 100) {
              await time.advanceAsync(Math.min(100, step.ms - ms));
              check();
            }
          } else if (step.kind === 'quiesce') void scheduler.quiesce();
          else scheduler.resume();
        }
        scheduler.resume();
        await time.advanceAsync(4_000);
        check();
        expect(r.given().toSorted()).toEqual([...due.keys()].toSorted());
        expect(r.acks).toHaveLength(due.size);
      }),
      { numRuns: 50 },
    );
  });
});
