// What a service does now and then beside its work, and what its stop does not wait for: a question whose answer may be late.

import { sleep, type Timers } from './clock.ts';

/**
 * One round after the other, never two at once; the first comes after one interval.
 * @param round must not reject
 */
export async function every(
  intervalMs: number,
  round: () => Promise<void>,
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    await sleep(timers, intervalMs, signal);
    if (signal.aborted) return;
    await round();
  }
}
