import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetTracker, type TrackedOffset } from './offset-tracker.ts';

/** The same by brute force: everything is kept and looked through each time. */
class NaiveTracker {
  readonly opened: { offset: number; bytes: number; finished: boolean }[] = [];

  open(offset: number, bytes: number): void {
    this.opened.push({ offset, bytes, finished: false });
  }

  watermark(): number | undefined {
    const first = this.opened.findIndex((slot) => !slot.finished);
    const finished = first < 0 ? this.opened : this.opened.slice(0, first);
    const last = finished.at(-1);
    return last && last.offset + 1;
  }

  unfinished() {
    return this.opened.filter((slot) => !slot.finished);
  }

  span(): number {
    const first = this.opened.findIndex((slot) => !slot.finished);
    return first < 0 ? 0 : this.opened.length - first;
  }
}

describe('OffsetTracker', () => {
  it('has no watermark before the first record is finished', () => {
    const tracker = new OffsetTracker();
    expect(tracker.watermark).toBeUndefined();
    tracker.open(5, 0, 10);
    expect(tracker.watermark).toBeUndefined();
  });

  it('holds the watermark below an unfinished record and leaps when it finishes', () => {
    const tracker = new OffsetTracker();
    const slots = [10, 11, 12].map((offset) => tracker.open(offset, 0, 1));
    tracker.finish(slots[1]!);
    tracker.finish(slots[2]!);
    expect(tracker.watermark).toBeUndefined();
    expect(tracker.oldestOpen?.offset).toBe(10);
    tracker.finish(slots[0]!);
    expect(tracker.watermark).toBe(13);
    expect(tracker.oldestOpen).toBeUndefined();
  });

  it('counts a record once, however often it is finished', () => {
    const tracker = new OffsetTracker();
    const slot = tracker.open(0, 0, 7);
    tracker.open(1, 0, 3);
    expect(tracker.finish(slot)).toBe(true);
    expect(tracker.finish(slot)).toBe(false);
    expect([tracker.openCount, tracker.openBytes, tracker.watermark]).toEqual([1, 3, 1]);
  });

  it('agrees with a naive tracker for any gaps in the offsets and any order of finishing', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('open' as const), gap: fc.nat(3), bytes: fc.nat(100) }),
      fc.record({ kind: fc.constant('finish' as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const tracker = new OffsetTracker();
        const naive = new NaiveTracker();
        const slots: TrackedOffset[] = [];
        let offset = 0;
        for (const step of steps) {
          if (step.kind === 'open') {
            offset += 1 + step.gap;
            slots.push(tracker.open(offset, offset * 10, step.bytes));
            naive.open(offset, step.bytes);
          } else if (slots.length > 0) {
            const at = step.pick % slots.length;
            const slot = naive.opened[at]!;
            if (tracker.finish(slots[at]!) === slot.finished) throw new Error(`offset ${slot.offset} finished twice`);
            slot.finished = true;
          }
          const open = naive.unfinished();
          expect(tracker.watermark).toBe(naive.watermark());
          expect(tracker.oldestOpen?.offset).toBe(open[0]?.offset);
          expect(tracker.openCount).toBe(open.length);
          expect(tracker.openBytes).toBe(open.reduce((sum, slot) => sum + slot.bytes, 0));
          expect(tracker.span).toBe(naive.span());
          expect(tracker.watermark ?? 0).toBeLessThanOrEqual(open[0]?.offset ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });

  it('keeps what is open when it cuts off what is finished', () => {
    const tracker = new OffsetTracker();
    const open: TrackedOffset[] = [];
    for (let offset = 0; offset < 10_000; offset++) {
      open.push(tracker.open(offset, 0, 1));
      if (open.length <= 100) continue;
      tracker.finish(open.shift()!);
      const watermark = offset - 99;
      expect([tracker.watermark, tracker.oldestOpen?.offset, tracker.span]).toEqual([watermark, watermark, 100]);
    }
  });

  it('stays right and quick over hundreds of thousands of records, with a window that moves', () => {
    const tracker = new OffsetTracker();
    const window: TrackedOffset[] = [];
    for (let offset = 0; offset < 300_000; offset++) {
      window.push(tracker.open(offset, 0, 1));
      // Out of order within a window of 512: the newest half first.
      if (window.length === 512) for (const slot of window.splice(0).reverse()) tracker.finish(slot);
    }
    for (const slot of window) tracker.finish(slot);
    expect([tracker.watermark, tracker.span, tracker.openCount, tracker.openBytes]).toEqual([300_000, 0, 0, 0]);
  });
});
