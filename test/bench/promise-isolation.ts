// Promise 5: one bad endpoint costs the others nothing measurable. Pairs of the same traffic, first with every endpoint
// healthy, then with a tenth of them hanging until their time limit; breakers are off, so that nothing but isolation helps.

import { pollMs, stalledMs } from './limits.ts';
import { percentile } from './measured.ts';
import { median, onStage, sleepMs, type PromiseRun } from './promise-stage.ts';
import type { Promised } from './promises.ts';

const pairs = 5;
const endpoints = 100;
/** One in so many hangs. */
const hangEvery = 10;
const perSecond = 100;
const timeoutMs = 2_000;
/** Requests of the phase before have ended by then. */
const calmMs = timeoutMs + 1_000;
const warmUp = 3_000;
const secondsMin = 4;

export async function isolation(run: PromiseRun): Promise<Promised> {
  const { publisher, receiver, progress } = run;
  const seconds = Math.max(secondsMin, run.seconds);
  const endpoint = () =>
    ({ timeoutMs, breaker: { kind: 'off' }, retry: { kind: 'delays', delaysMs: [60_000] } }) as const;
  return onStage(run, { endpoints, endpoint }, async (stage) => {
    let from = 0;
    const phase = async (hang: boolean): Promise<number> => {
      await receiver.begin({ latency: true, reply: false, healthyOnly: hangEvery, hangEvery: hang ? hangEvery : 0 });
      const count = perSecond * seconds;
      await publisher.ask('clockwork', { from, count, perSecond });
      from += count;
      await sleepMs(calmMs);
      const healthy = count - count / hangEvery;
      const untilMs = performance.now() + stalledMs;
      let latencies = await receiver.latencies(0);
      while (latencies.length < healthy && performance.now() < untilMs) {
        await sleepMs(pollMs);
        latencies = await receiver.latencies(0);
      }
      if (latencies.length < healthy)
        throw new Error(`isolation: ${healthy - latencies.length} deliveries are missing`);
      return percentile(latencies, 0.99);
    };
    await receiver.begin({ latency: false, reply: false });
    await stage.start();
    progress('isolation: warming up');
    await publisher.ask('flood', { from: 0, count: warmUp });
    from = warmUp;
    await receiver.arrival(warmUp);
    const withoutMs: number[] = [];
    const withMs: number[] = [];
    for (let pair = 1; pair <= pairs; pair++) {
      withoutMs.push(await phase(false));
      withMs.push(await phase(true));
      progress(
        `isolation: pair ${pair} of ${pairs}: p99 ${withoutMs.at(-1)!.toFixed(1)} ms, with ${withMs.at(-1)!.toFixed(1)} ms`,
      );
    }
    const ratio = median(withMs.map((ms, i) => ms / withoutMs[i]!));
    const moreMs = median(withMs.map((ms, i) => ms - withoutMs[i]!));
    return {
      name: 'isolation',
      figure: ratio,
      target: 1.1,
      unit: 'ratio',
      kept: ratio <= 1.1 || moreMs <= 3,
      text: `healthy p99 ${median(withoutMs).toFixed(1)} ms, ${median(withMs).toFixed(1)} ms while ${100 / hangEvery} % hang: ratio ${ratio.toFixed(2)}, ${moreMs.toFixed(1)} ms more (at most 1.10 or 3 ms)`,
    };
  });
}
