// How busy this process is, for those who decide by it how much to take on at once.

import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/**
 * A gauge of the event loop: each call gives the part of the time since the one before (0 to 1) in which the loop was running
 * callbacks and not waiting for something to happen. Waiting for a processor counts as running.
 */
export function loopBusyShare(): () => number {
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
