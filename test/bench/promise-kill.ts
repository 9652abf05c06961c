// After kill −9 of one of two dispatch processes its partitions deliver again within ten seconds: the longest that an event of
// a steady stream waits.

import { latencyPerSecond } from './limits.ts';
import { onStage, sleepMs, type PromiseRun } from './promise-stage.ts';
import type { Promised } from './promises.ts';

const endpoints = 100;
const warmUp = 2_000;
const beforeKillMs = 2_000;
const streamSeconds = 16;
const silenceMsMax = 10_000;

export async function killDispatch(run: PromiseRun): Promise<Promised> {
  const { publisher, receiver, progress } = run;
  return onStage(run, { endpoints, dispatchProcesses: 2 }, async ({ services, start }) => {
    await receiver.begin({ latency: false, reply: false });
    await start();
    await publisher.ask('flood', { from: 0, count: warmUp });
    await receiver.arrival(warmUp);
    await receiver.begin({ latency: true, reply: false });
    const count = latencyPerSecond * streamSeconds;
    const stream = publisher.ask('clockwork', { from: warmUp, count, perSecond: latencyPerSecond });
    await sleepMs(beforeKillMs);
    const victim = services.findIndex(({ service }) => service === 'dispatch');
    const [killed] = services.splice(victim, 1);
    process.kill(killed!.pid, 'SIGKILL');
    progress('kill-dispatch: killed one of two');
    await stream;
    await receiver.arrival(count);
    const longestMs = Math.round((await receiver.latencies(0)).at(-1) ?? Number.NaN);
    return {
      name: 'kill-dispatch',
      figure: longestMs,
      target: silenceMsMax,
      unit: 'ms',
      kept: longestMs <= silenceMsMax,
      text: `the longest that an event waited over the kill of one of two dispatch processes: ${longestMs} ms (at most ${silenceMsMax} ms)`,
    };
  });
}
