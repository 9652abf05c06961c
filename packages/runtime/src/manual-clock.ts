// A clock and timers that move only when a test says so: timers fire in the order of their time, at exactly their time.

import type { Clock, Timers } from './clock.ts';

export interface ManualClock {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Moves time on by `ms` and fires what falls due, also what the fired ones set up within that span. */
  advance(ms: number): void;
  /** The same, letting promises and other callbacks run before the first and after each firing. */
  advanceAsync(ms: number): Promise<void>;
  /** The wall clock jumps (either way); monotonic time and timers do not notice. */
  stepWallClock(ms: number): void;
  /** Timers that are still to fire. */
  pending(): number;
}

interface PendingTimer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock whose wall time begins at `startMs` (epoch ms; default 2030-01-01T00:00:00Z) and whose monotonic time begins at 0. */
export function manualClock(startMs = 1_893_456_000_000): ManualClock {
  let elapsedMs = 0;
  let skewMs = 0;
  let order = 0;
  const pending = new Set<PendingTimer>();

  const nextDue = (untilMs: number): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of pending) {
      if (timer.atMs > untilMs) continue;
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  };
  const fireNext = (untilMs: number): boolean => {
    const timer = nextDue(untilMs);
    if (!timer) return false;
    pending.delete(timer);
    elapsedMs = Math.max(elapsedMs, timer.atMs);
    timer.fire();
    return true;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  return {
    clock: { now: () => startMs + elapsedMs + skewMs, monotonic: () => elapsedMs },
    timers: {
      setTimer(delayMs, fire) {
        const timer = { atMs: elapsedMs + Math.max(0, delayMs), order: order++, fire };
        pending.add(timer);
        return () => void pending.delete(timer);
      },
    },
    advance(ms) {
      const untilMs = elapsedMs + ms;
      while (fireNext(untilMs));
      elapsedMs = untilMs;
    },
    async advanceAsync(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      while (fireNext(untilMs)) await settle();
      elapsedMs = Math.max(elapsedMs, untilMs);
      await settle();
    },
    stepWallClock(ms) {
      skewMs += ms;
    },
    pending: () => pending.size,
  };
}
