// In a drain the stages run apart: convergence may be done before dispatch has warmed up. So each process is charged from the
// moment that its own work had passed the warm-up, over what it had left to do then; else the first ones would look cheap.

import type { KafkaAdmin } from '@postrider/kafka';
import { progressPollMs } from './limits.ts';
import { cpuBy, type Measured, type Part, type Usages } from './measured.ts';
import type { World } from './world.ts';

/** Deliveries that each stage has dealt with. */
interface Progress {
  readonly converged: number;
  readonly settled: number;
  readonly projected: number;
}

interface Sample extends Progress {
  readonly usages: Usages;
}

export interface ProgressWatch {
  /** Ends the watch. CPU of each part for a delivery, from its own warm-up until now. */
  finish(options: {
    readonly warmUp: number;
    readonly total: number;
    readonly after: Usages;
  }): Promise<Measured['cpuMsPerDelivery']>;
  /** Without a result. */
  cancel(): void;
}

/** Looks at progress and usage again and again. */
export function watchProgress(world: World, admin: KafkaAdmin, usages: () => Usages): ProgressWatch {
  const samples: Sample[] = [];
  const stopped = new AbortController();
  const loop = (async () => {
    while (!stopped.signal.aborted) {
      samples.push({ ...(await progressOf(world, admin)), usages: usages() });
      await new Promise((resolve) => setTimeout(resolve, progressPollMs));
    }
  })();
  loop.catch(() => {});
  return {
    cancel: () => stopped.abort(),
    async finish({ warmUp, total, after }) {
      stopped.abort();
      await loop;
      return cpuBy((part) => {
        const from = samples.find((sample) => done(part, sample) >= warmUp) ?? samples.at(-1)!;
        return { from: from.usages, to: after, deliveries: total - done(part, from) };
      });
    },
  };
}

function done(part: Part, { converged, settled, projected }: Progress): number {
  switch (part) {
    case 'convergence':
      return converged;
    case 'audit-projector':
    case 'postgres':
      return projected;
    case 'broker':
    case 'broker-jit':
      // Its work is spread over all three.
      return (converged + settled + projected) / 3;
    case 'dispatch':
    case 'retry-scheduler':
    case 'receiver':
    case 'sender':
    case 'publisher':
      return settled;
  }
}

async function progressOf(world: World, admin: KafkaAdmin): Promise<Progress> {
  const { attempts, audit } = world.topics;
  const sum = async (topic: string): Promise<number> =>
    [...(await admin.endOffsets(topic)).values()].reduce((total, end) => total + end, 0);
  const [converged, settled, rows] = await Promise.all([sum(audit), sum(attempts), world.reads.projectionStatus()]);
  // Two records a delivery: the event's and the attempt's.
  return { converged, settled, projected: rows.reduce((total, { next }) => total + next, 0) / 2 };
}
