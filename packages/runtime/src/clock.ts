// The only file that reads the system's clock, timers and randomness. Everything else is handed these ports, so that
// tests turn the clock by hand and a skewed clock can be simulated.

import { performance } from 'node:perf_hooks';
import { setTimeoutMsMax } from './limits.ts';

export interface Clock {
  /** Epoch milliseconds of the wall clock: may step, for what is shown or compared with a broker's time. */
  now(): number;
  /** Milliseconds since some moment, never stepping back: for measuring and for deadlines within the process. */
  monotonic(): number;
}

/** A number in [0, 1). */
export type Random = () => number;

/** Takes a timer back; does nothing after it fired or was taken back. */
export type CancelTimer = () => void;

export interface Timers {
  /** Calls `fire` once, `delayMs` from now (any length; negative means at once, but never before this call returns). */
  setTimer(delayMs: number, fire: () => void): CancelTimer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export const systemRandom: Random = () => Math.random();

export const systemTimers: Timers = {
  setTimer(delayMs, fire) {
    let remainingMs = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const stepMs = Math.min(remainingMs, setTimeoutMsMax);
      remainingMs -= stepMs;
      handle = setTimeout(() => (remainingMs > 0 ? arm() : fire()), stepMs);
    };
    arm();
    return () => clearTimeout(handle);
  },
};

/** Resolves after `delayMs`, or as soon as the signal aborts; never rejects. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    const cancel = timers.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
