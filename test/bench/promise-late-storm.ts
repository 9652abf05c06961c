// Ten thousand retries that are overdue come back at once, as after a scheduler that was down. First attempts, of the same
// endpoints, are not kept waiting behind them.

import { latencyPerSecond } from './limits.ts';
import { percentile } from './measured.ts';
import { onStage, sleepMs, type PromiseRun } from './promise-stage.ts';
import type { Promised } from './promises.ts';
import { startOne } from './service-processes.ts';

const endpoints = 100;
const storm = 10_000;
const delayMs = 5_000;
const targetMs = 1_000;
const secondsMin = 6;

export async function lateStorm(run: PromiseRun): Promise<Promised> {
  const { publisher, receiver, progress, folder } = run;
  const endpoint = () => ({ breaker: { kind: 'off' }, retry: { kind: 'delays', delaysMs: [delayMs] } }) as const;
  return onStage(run, { endpoints, endpoint }, async ({ world, services, start }) => {
    await receiver.begin({ latency: false, reply: false, failFirst: true });
    await start();
    const [scheduler] = services.splice(
      services.findIndex(({ service }) => service === 'retry-scheduler'),
      1,
    );
    await scheduler!.stop();
    progress(`late-storm: ${storm} events fail, and wait`);
    await publisher.ask('flood', { from: 0, count: storm });
    await receiver.arrival(storm);
    await sleepMs(delayMs + 1_000);
    await receiver.begin({ latency: true, reply: false, latencyFrom: storm });
    services.push(startOne('retry-scheduler', 'retry-scheduler-2', { env: world.env, folder, profile: [] }));
    await receiver.arrival(1);
    const count = latencyPerSecond * Math.max(secondsMin, run.seconds);
    await publisher.ask('clockwork', { from: storm, count, perSecond: latencyPerSecond });
    const meanwhile = receiver.count() - count;
    await receiver.arrival(storm + count);
    const latencies = await receiver.latencies(0);
    if (latencies.length < count) throw new Error(`late-storm: ${count - latencies.length} first attempts are missing`);
    const p99 = percentile(latencies, 0.99);
    return {
      name: 'late-storm',
      figure: p99,
      target: targetMs,
      unit: 'ms',
      kept: p99 <= targetMs,
      text: `first attempts p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, while about ${meanwhile} of ${storm} late retries were delivered (p99 at most ${targetMs} ms)`,
    };
  });
}
