import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recallAfterMs, recallMarginMs } from './limits.ts';
import { schedulerRig as rig, tiers } from './scheduler-rig.ts';

const halfAnHour = 30 * 60_000;

describe('what was put off', () => {
  it('comes back when its endpoint is resumed, at the pace of its concurrency, oldest first', async () => {
    const { scheduler, time, ...r } = rig();
    const startMs = r.now();
    for (let n = 0; n < 5; n++) {
      r.wait(halfAnHour - n, { park: 9, tier: tiers[1]! });
      time.advance(1);
    }
    scheduler.arm();
    await time.advanceAsync(60_000);
    expect(r.given()).toEqual([]);
    r.change('ep-1', 'enabled');
    await time.advanceAsync(recallAfterMs - 1);
    expect(r.given()).toEqual([]);
    await time.advanceAsync(1);
    expect(r.given()).toEqual(['dsp_0']);
    // A hundred a second for ten places.
    await time.advanceAsync(40);
    expect(r.given()).toEqual(['dsp_0', 'dsp_1', 'dsp_2', 'dsp_3', 'dsp_4']);
    // Straight to dispatch, which must take it for due: since it was put off.
    expect(r.batches.flat().map(({ topic }) => topic)).toEqual(Array.from({ length: 5 }, () => 'live.dispatches'));
    const due = r.batches.flat().map(({ headers }) => Number((headers as Record<string, string>)['pr-due']) - startMs);
    expect(due).toEqual([0, 1, 2, 3, 4]);
    expect(r.acks).toHaveLength(5);
    expect(time.pending()).toBe(0);
  });

  it('comes back as well when it was not read yet, or is read by another process', async () => {
    const { scheduler, time, ...r } = rig();
    const resumedMs = r.now() + 1_000;
    r.change('ep-1', 'enabled', { atMs: resumedMs });
    time.advance(10_000);
    // In the log before the endpoint was resumed, as far as clocks and readers may differ.
    time.advance(resumedMs + recallMarginMs - r.now());
    r.wait(halfAnHour, { park: 3 });
    time.advance(1);
    r.wait(halfAnHour, { park: 3 });
    scheduler.arm();
    await time.advanceAsync(60_000);
    expect(r.given()).toEqual(['dsp_0']);
  });

  it('rests before it comes again when it is put off at once once more', async () => {
    const { scheduler, time, ...r } = rig();
    r.change('ep-1', 'enabled');
    time.advance(5_000);
    r.wait(halfAnHour, { park: 1 });
    scheduler.arm();
    await time.advanceAsync(recallAfterMs - 1);
    expect(r.given()).toEqual([]);
    await time.advanceAsync(1);
    expect(r.given()).toEqual(['dsp_0']);
  });

  it('waits on for an endpoint that is paused or another one, and when it is a retry', async () => {
    const { scheduler, time, ...r } = rig();
    r.wait(60_000, { park: 2 });
    r.wait(60_000, { park: 2, endpointId: 'ep-2' });
    r.wait(60_000, { park: 0, endpointId: 'ep-3' });
    scheduler.arm();
    r.change('ep-1', 'enabled');
    r.change('ep-1', 'paused');
    r.change('ep-3', 'enabled');
    await time.advanceAsync(59_999);
    // It was called back before it was paused again; dispatch puts it off once more.
    expect(r.given()).toEqual(['dsp_0']);
    await time.advanceAsync(1);
    expect(r.given()).toEqual(['dsp_0', 'dsp_1', 'dsp_2']);
  });

  it('is not called back by a record that pauses its endpoint', async () => {
    const { scheduler, time, ...r } = rig();
    r.change('ep-1', 'enabled');
    r.change('ep-1', 'paused');
    r.wait(60_000, { park: 2 });
    scheduler.arm();
    r.change('ep-1', 'paused');
    await time.advanceAsync(59_999);
    expect(r.given()).toEqual([]);
  });

  it('never comes later for being called back, and never twice, whatever changes when', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('wait' as const),
        delayMs: fc.integer({ min: 0, max: 60_000 }),
        park: fc.nat(1),
        endpoint: fc.constantFrom('a', 'b'),
      }),
      fc.record({
        kind: fc.constant('change' as const),
        endpoint: fc.constantFrom('a', 'b'),
        status: fc.constantFrom('enabled' as const, 'paused' as const, 'disabled' as const),
      }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(20_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { scheduler, time, ...r } = rig();
        const due = new Map<string, { readonly dueMs: number; readonly isRetry: boolean }>();
        let seen = 0;
        const check = (): void => {
          const fresh = r.given().slice(seen);
          expect(fresh.filter((id) => due.get(id)!.isRetry && due.get(id)!.dueMs > r.now())).toEqual([]);
          seen = r.given().length;
          const late = [...due].filter(([, { dueMs }]) => dueMs <= r.now()).map(([id]) => id);
          expect(r.given()).toEqual(expect.arrayContaining(late));
        };
        for (const one of steps) {
          if (one.kind === 'wait') {
            const id = r.wait(one.delayMs, { park: one.park, endpointId: one.endpoint });
            due.set(`dsp_${id}`, { dueMs: r.now() + one.delayMs, isRetry: one.park === 0 });
            scheduler.arm();
          } else if (one.kind === 'change') r.change(one.endpoint, one.status);
          else {
            for (let ms = 0; ms < one.ms; ms += 500) {
              await time.advanceAsync(Math.min(500, one.ms - ms));
              check();
            }
          }
        }
        await time.advanceAsync(60_000);
        expect(r.given().toSorted()).toEqual([...due.keys()].toSorted());
      }),
      { numRuns: 50 },
    );
  });
});
