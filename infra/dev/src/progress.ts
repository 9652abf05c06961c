// Nothing that takes seconds may be silent: a line when a step starts, a heartbeat, a line when it is done.

import { HEARTBEAT_MS } from './limits.ts';

/** Receives one human-readable line, without a line break. */
export type Progress = (line: string) => void;

export const silent: Progress = () => {};

/**
 * Runs `step` and tells how it goes. Quick steps (under a heartbeat) give one line unless `announce` is set.
 *
 * @param title what is being done, e.g. `Downloading Apache Kafka 4.3.1 (45 MB)`
 */
export async function told<T>(progress: Progress, title: string, step: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const elapsed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  progress(`${title} …`);
  const heartbeat = setInterval(() => progress(`${title} … ${elapsed()}`), HEARTBEAT_MS);
  heartbeat.unref();
  try {
    const value = await step();
    progress(`${title}: done in ${elapsed()}`);
    return value;
  } catch (error) {
    progress(`${title}: failed after ${elapsed()}`);
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
