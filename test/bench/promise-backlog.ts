// Memory is bounded whatever the backlog, and a start does not read the whole log. A backlog that lasts a minute is drained, then
// one of three times that and more; then everything is stopped, one event is published, and everything is started. `--seconds 500`
// makes it a million.

import { drainPerSecond } from './limits.ts';
import { usageOf } from './process-usage.ts';
import { onStage, type PromiseRun, type Stage } from './promise-stage.ts';
import type { Promised } from './promises.ts';

const endpoints = 100;
/** The windows are full in seconds, but a heap has its working size after a minute: a shorter drain would be compared with a start. */
const small = drainPerSecond * 60;
const sampleMs = 250;
const growthMax = 1.2;
const firstDeliveryMsMax = 10_000;

export async function backlog(run: PromiseRun): Promise<Promised[]> {
  const { publisher, receiver, progress } = run;
  const large = Math.max(3 * small, drainPerSecond * run.seconds);
  return onStage(run, { endpoints }, async (stage) => {
    let from = 0;
    const drain = async (count: number): Promise<number> => {
      await receiver.begin({ latency: false, reply: false });
      await stage.stop();
      progress(`backlog: publishing ${count}`);
      await publisher.ask('flood', { from, count });
      from += count;
      await stage.start();
      const peak = watchPeak(stage);
      await receiver.arrival(count);
      return peak();
    };
    const smallMb = await drain(small);
    const largeMb = await drain(large);
    const growth = largeMb / smallMb;
    await stage.stop();
    await receiver.begin({ latency: false, reply: false });
    await publisher.ask('flood', { from, count: 1 });
    const startMs = performance.now();
    const started = stage.start();
    started.catch(() => {});
    await receiver.arrival(1);
    const firstMs = Math.round(performance.now() - startMs);
    await started;
    return [
      {
        name: 'backlog',
        figure: growth,
        target: growthMax,
        unit: 'ratio',
        kept: growth <= growthMax,
        text: `dispatch peaks at ${Math.round(smallMb)} MB with a backlog of ${small}, at ${Math.round(largeMb)} MB with ${large}: ratio ${growth.toFixed(2)} (at most ${growthMax})`,
      },
      {
        name: 'backlog',
        figure: firstMs,
        target: firstDeliveryMsMax,
        unit: 'ms',
        kept: firstMs <= firstDeliveryMsMax,
        text: `first delivery ${firstMs} ms after the start of all services on a log of ${from} events (at most ${firstDeliveryMsMax} ms)`,
      },
    ];
  });
}

/** Starts looking at the memory of dispatch; the result tells its peak in MB and ends the looking. */
function watchPeak({ services }: Stage): () => number {
  let peak = 0;
  const look = (): void => {
    for (const { service, pid } of services) if (service === 'dispatch') peak = Math.max(peak, usageOf(pid).rssMb);
  };
  const timer = setInterval(look, sampleMs);
  return () => {
    clearInterval(timer);
    look();
    return peak;
  };
}
