// What is done again and again beside the projection: one round after the other, never two at once.

import { sleep, type Timers } from '@postrider/runtime';

export interface Repetition {
  /** Ends the pause, or waits for the round under way. */
  stop(): Promise<void>;
}

/**
 * The first round begins at once.
 * @param round must not reject
 */
export function repeat(timers: Timers, intervalMs: number, round: () => Promise<void>): Repetition {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await round();
      await sleep(timers, intervalMs, stopping.signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
