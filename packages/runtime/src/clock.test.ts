import { describe, expect, test, vi } from 'vitest';
import { sleep, systemClock, systemRandom, systemTimers } from './clock.ts';
import { manualClock } from './testing.ts';

describe('the system ports', () => {
  test('a timer fires after its delay, never within the call that set it', async () => {
    const startMs = systemClock.monotonic();
    let returned = false;
    await new Promise<void>((resolve) => {
      systemTimers.setTimer(-1, () => {
        expect(returned).toBe(true);
        systemTimers.setTimer(20, resolve);
      });
      returned = true;
    });
    // Node may fire up to a millisecond early against its own clock.
    expect(systemClock.monotonic() - startMs).toBeGreaterThanOrEqual(19);
  });

  test('a timer of a month does not fire at once, as setTimeout would have it', () => {
    vi.useFakeTimers();
    try {
      const fire = vi.fn();
      const monthMs = 30 * 24 * 3_600_000;
      systemTimers.setTimer(monthMs, fire);
      vi.advanceTimersByTime(monthMs - 1);
      expect(fire).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(fire).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a timer of a month can be taken back after its first stretch', () => {
    vi.useFakeTimers();
    try {
      const fire = vi.fn();
      const cancel = systemTimers.setTimer(60 * 24 * 3_600_000, fire);
      vi.advanceTimersByTime(30 * 24 * 3_600_000);
      cancel();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('randomness stays within [0, 1)', () => {
    const value = systemRandom();
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThan(1);
  });
});

describe('manualClock', () => {
  test('fires timers in the order of their time, at exactly their time', () => {
    const { clock, timers, advance } = manualClock(1_000);
    const fired: [string, number][] = [];
    timers.setTimer(30, () => fired.push(['late', clock.now()]));
    timers.setTimer(10, () => fired.push(['early', clock.now()]));
    timers.setTimer(10, () => fired.push(['second of its time', clock.now()]));
    advance(29);
    expect(fired).toEqual([
      ['early', 1_010],
      ['second of its time', 1_010],
    ]);
    advance(1);
    expect(fired.at(-1)).toEqual(['late', 1_030]);
  });

  test('fires within one advance what a fired timer sets up', () => {
    const { clock, timers, advance, pending } = manualClock(0);
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.monotonic());
      timers.setTimer(10, tick);
    };
    timers.setTimer(10, tick);
    advance(35);
    expect(at).toEqual([10, 20, 30]);
    expect(pending()).toBe(1);
  });

  test('does not fire what was taken back', () => {
    const { timers, advance, pending } = manualClock();
    const fire = vi.fn();
    timers.setTimer(5, fire)();
    advance(10);
    expect(fire).not.toHaveBeenCalled();
    expect(pending()).toBe(0);
  });

  test('steps the wall clock without moving monotonic time or timers', () => {
    const { clock, timers, advance, stepWallClock } = manualClock(100_000);
    const fire = vi.fn();
    timers.setTimer(10, fire);
    stepWallClock(-30_000);
    expect(clock.now()).toBe(70_000);
    expect(clock.monotonic()).toBe(0);
    expect(fire).not.toHaveBeenCalled();
    advance(10);
    expect(fire).toHaveBeenCalledTimes(1);
  });

  test('advanceAsync lets a chain of sleeps run through', async () => {
    const { clock, timers, advanceAsync } = manualClock(0);
    const at: number[] = [];
    const loop = (async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(timers, 100);
        at.push(clock.monotonic());
      }
    })();
    await advanceAsync(300);
    await loop;
    expect(at).toEqual([100, 200, 300]);
  });
});

describe('sleep', () => {
  test('ends at once when its signal aborts, and leaves no timer', async () => {
    const { timers, pending } = manualClock();
    const abort = new AbortController();
    const sleeping = sleep(timers, 1_000, abort.signal);
    expect(pending()).toBe(1);
    abort.abort();
    await sleeping;
    expect(pending()).toBe(0);
  });

  test('does not begin when the signal has aborted before', async () => {
    const { timers, pending } = manualClock();
    await sleep(timers, 1_000, AbortSignal.abort());
    expect(pending()).toBe(0);
  });
});
