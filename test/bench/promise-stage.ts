// What the scenarios of promises.ts run on: a world of its own, all services, the publisher connected.

import type { Endpoint } from '@postrider/core/domain';
import type { Peer } from './peer-process.ts';
import type { PublisherSetup } from './publisher-process.ts';
import type { BenchReceiver } from './receiver.ts';
import { startServices, type ServiceProcess } from './service-processes.ts';
import { createWorld, type Ground, type World } from './world.ts';

export interface PromiseRun {
  readonly environment: string;
  readonly seconds: number;
  readonly ground: Ground;
  readonly receiver: BenchReceiver;
  readonly publisher: Peer;
  /** For logs; made already. */
  readonly folder: string;
  readonly progress: (line: string) => void;
}

export interface Stage {
  readonly world: World;
  /** All that run; `start` adds to them. */
  readonly services: ServiceProcess[];
  start(): Promise<void>;
  /** SIGTERM to all. */
  stop(): Promise<void>;
}

/** Runs `play` on a stage, and takes the stage down whatever happens. */
export async function onStage<T>(
  run: PromiseRun,
  options: {
    readonly endpoints: number;
    readonly dispatchProcesses?: number;
    readonly endpoint?: (index: number) => Partial<Endpoint>;
  },
  play: (stage: Stage) => Promise<T>,
): Promise<T> {
  const { endpoints, dispatchProcesses = 1 } = options;
  const world = await createWorld(run.ground, run.environment, { ...options, profile: 'standard-webhooks' });
  const services: ServiceProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(services.splice(0).map((service) => service.stop()));
  };
  try {
    await run.publisher.ask('open', {
      brokers: run.ground.stack.kafka.brokers,
      environment: world.environment,
      topic: world.eventTopic,
      endpoints,
      calls: false,
    } satisfies PublisherSetup);
    const start = (): Promise<void> =>
      startServices({ env: world.env, dispatchProcesses, folder: run.folder, profile: [] }, services);
    return await play({ world, services, start, stop });
  } finally {
    await stop();
    await world.close();
  }
}

export function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
