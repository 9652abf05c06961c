/** Waiting between tries: doubling from a first to a longest wait, and ended at once by an abort. */
import { setTimeout as delay } from 'node:timers/promises';
import { RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts';

/** The wait after the `attempt`-th failure (1-based), in ms. */
export function backoffMs(attempt: number): number {
  return Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt - 1, 10), RETRY_MAX_MS);
}

/** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
