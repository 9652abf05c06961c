// The scenarios in which Postrider delivers.
//
//   through   services ─▶ warm-up settled ─▶ ▌publish as fast as deliveries go ─▶ last delivery ─▶ projection caught up▐
//   drain     backlog published ─▶ services ─▶ the first tenth ─▶ ▌the rest ─▶ last delivery ─▶ projection caught up▐
//   latency   services ─▶ warm-up settled ─▶ ▌events at fixed times ─▶ last delivery ─▶ projection caught up▐
//   reply     services ─▶ warm-up answered ─▶ ▌calls at fixed times ─▶ last reply ─▶ projection caught up▐
//
// The rate is that of the deliveries between the bars. CPU time is charged until the projection has caught up, so that work
// put off is paid for by those who caused it.

import type { BenchReceiver, Arrival } from './receiver.ts';
import { hopsLine, hopsOf } from './hops.ts';
import { drainPerSecond, latencyPerSecond, stalledMs, throughOutstanding, warmUpMin, warmUpShare } from './limits.ts';
import { cpuBy, memory, percentile, usagesOf, type Measured, type ServerPids, type Usages } from './measured.ts';
import type { Peer } from './peer-process.ts';
import { watchProgress } from './own-progress.ts';
import type { PublisherSetup } from './publisher-process.ts';
import { catchUp, countProblems } from './projection.ts';
import type { DeliveryScenario, ScenarioName } from './scenarios.ts';
import { logTail, startServices, type ProfiledName, type ServiceProcess } from './service-processes.ts';
import { createWorld, type Ground, type World } from './world.ts';

export interface DeliveryRun {
  readonly name: ScenarioName;
  readonly scenario: DeliveryScenario;
  readonly environment: string;
  readonly seconds: number;
  /** Deliveries that every *through* of the run warms up with: what is more compiled looks cheaper, so they start alike. */
  readonly warmUpAtLeast: number;
  readonly ground: Ground;
  readonly servers: ServerPids;
  readonly receiver: BenchReceiver;
  readonly publisher: Peer;
  /** For logs and profiles; made already. */
  readonly folder: string;
  readonly profile: readonly ProfiledName[];
  readonly progress: (line: string) => void;
}

/** Between the bars: deliveries from `first` (its arrival opens the window, uncounted) to `last`, on the hrtime clock. */
export interface Window {
  readonly first: Arrival;
  readonly last: Arrival;
}

/** @throws when a delivery was lost or repeated, the projection did not catch up, or a service ended badly */
export async function runDelivery(run: DeliveryRun): Promise<{ measured: Measured; window: Window }> {
  const { scenario, ground, receiver, publisher } = run;
  const calls = scenario.kind === 'reply';
  await receiver.begin({ latency: scenario.kind === 'latency', reply: calls });
  const world = await createWorld(ground, run.environment, scenario);
  try {
    await publisher.ask('open', {
      brokers: ground.stack.kafka.brokers,
      environment: world.environment,
      topic: world.eventTopic,
      endpoints: scenario.endpoints,
      calls,
    } satisfies PublisherSetup);
    const services: ServiceProcess[] = [];
    try {
      const result = await deliver(run, world, services);
      const ends = await Promise.all(services.map((service) => service.stop()));
      if (ends.some((end) => end !== '0')) throw new Error(`a service ended badly: ${ends.join(', ')}`);
      return result;
    } finally {
      await Promise.all(services.map((service) => service.stop()));
    }
  } finally {
    await world.close();
  }
}

async function deliver(
  run: DeliveryRun,
  world: World,
  services: ServiceProcess[],
): Promise<{ measured: Measured; window: Window }> {
  const { name, scenario, ground, receiver, publisher, seconds, progress } = run;
  const admin = ground.cluster.admin();
  const start = (): Promise<void> =>
    startServices({ ...run, env: world.env, dispatchProcesses: scenario.dispatchProcesses }, services);
  const usages = () => usagesOf({ services, servers: run.servers, receiver: receiver.pid, publisher: publisher.pid });
  const arrival = (count: number): Promise<Arrival> => arrivalOf(count, receiver, services);

  let cpu: (after: Usages) => Promise<Measured['cpuMsPerDelivery']>;
  let first: Arrival;
  let total: number;
  if (scenario.kind === 'drain') {
    const backlog = Math.round(drainPerSecond * seconds);
    const warmUp = Math.max(warmUpMin, Math.round(backlog * warmUpShare));
    total = backlog + warmUp;
    progress(`${name}: publishing a backlog of ${total}`);
    await publisher.ask('flood', { from: 0, count: total });
    await start();
    const watch = watchProgress(world, admin, usages);
    cpu = (after) => watch.finish({ warmUp, total, after });
    first = await arrival(warmUp).catch((error: unknown) => {
      watch.cancel();
      throw error;
    });
    progress(`${name}: measuring`);
  } else {
    await start();
    const clocked = scenario.kind !== 'through';
    const warmUp = clocked
      ? warmUpMin
      : Math.max(warmUpMin, Math.round(drainPerSecond * seconds * warmUpShare), run.warmUpAtLeast);
    progress(`${name}: warming up`);
    await publisher.ask('flood', { from: 0, count: warmUp });
    await arrival(warmUp);
    await catchUp(world, admin, warmUp);
    const from = usages();
    cpu = async (to) => cpuBy(() => ({ from, to, deliveries: total - warmUp }));
    progress(`${name}: measuring`);
    const opened = arrival(warmUp + 1);
    total = warmUp + (clocked ? await clockwork(publisher, warmUp, seconds) : await stream(run, warmUp));
    first = await opened;
  }
  const last = await arrival(total);
  const projection = await catchUp(world, admin, total);
  const after = usages();
  const tally = await receiver.tally();
  const cpuMsPerDelivery = await cpu(after);
  const { problems, retried } = await countProblems(world, total, tally);
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`);
  if (retried > 0)
    progress(
      `${name}: ${retried} deliveries took more than one attempt (time limits ran out): the machine is overloaded`,
    );

  const hops = scenario.kind === 'latency' ? await hopsOf(ground, world, warmUpMin) : null;
  if (hops) progress(`${name}: ${hopsLine(hops)}`);
  const arrivals = last.count - first.count;
  // What the warm-up published is settled before the window opens, except in a drain, where its last arrival opens it.
  const deliveries = scenario.kind === 'drain' ? arrivals : arrivals + 1;
  const unmeasured = total - deliveries;
  const latencies =
    scenario.kind === 'reply'
      ? await publisher.ask<number[]>('replyLatencies', unmeasured)
      : await receiver.latencies(unmeasured);
  const measured: Measured = {
    name,
    deliveries,
    deliveriesPerS: arrivals / (Number(last.atNs - first.atNs) / 1e9),
    cpuMsPerDelivery,
    p50Ms: latencies.length === 0 ? null : percentile(latencies, 0.5),
    p99Ms: latencies.length === 0 ? null : percentile(latencies, 0.99),
    ...memory(after),
    ratioToBare: null,
    sumRatioToBare: null,
    connections: tally.connections ?? null,
    projection,
    hops,
  };
  return { measured, window: { first, last } };
}

async function clockwork(publisher: Peer, from: number, seconds: number): Promise<number> {
  const count = Math.round(latencyPerSecond * seconds);
  await publisher.ask('clockwork', { from, count, perSecond: latencyPerSecond });
  return count;
}

/** Publishes for `seconds`, so many ahead of the receiver. @returns events published */
async function stream({ publisher, receiver, seconds }: DeliveryRun, warmUp: number): Promise<number> {
  const allow = (): Promise<unknown> => publisher.ask('allow', receiver.count() - warmUp + throughOutstanding);
  await allow();
  const published = publisher.ask<number>('stream', { from: warmUp, seconds });
  const timer = setInterval(() => void allow(), 20);
  try {
    return await published;
  } finally {
    clearInterval(timer);
  }
}

/** The n-th delivery, or an error that says why there is none. */
async function arrivalOf(
  count: number,
  receiver: BenchReceiver,
  services: readonly ServiceProcess[],
): Promise<Arrival> {
  const failed = Promise.withResolvers<never>();
  let seen = -1;
  let seenMs = performance.now();
  const watch = setInterval(() => {
    if (receiver.count() !== seen) {
      seen = receiver.count();
      seenMs = performance.now();
    } else if (performance.now() - seenMs > stalledMs) {
      failed.reject(new Error(`no delivery for ${stalledMs} ms after ${seen} of ${count}`));
    }
  }, 1_000);
  for (const { service, ended, logPath } of services) {
    void ended.then((how) =>
      failed.reject(new Error(`${service} ended (${how}); the end of its log:\n${logTail(logPath)}`)),
    );
  }
  failed.promise.catch(() => {});
  try {
    return await Promise.race([receiver.arrival(count), failed.promise]);
  } finally {
    clearInterval(watch);
  }
}
