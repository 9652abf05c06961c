// A member of a group that stands still at a crash point and goes on later: the pair it is one of, its sleep, its waking.

import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import type { FaultRig, Moment } from './fault-rig.ts';
import type { ServiceProcess } from './service-process.ts';

const patienceMs = 20_000;

/** Two members of the group of the hurt service; the environment is that of the first. */
export async function pairOf(
  rig: FaultRig,
  env: Readonly<Record<string, string>> = {},
): Promise<[ServiceProcess, ServiceProcess]> {
  const first = rig.spawn(env);
  await rig.joined(1);
  const second = rig.spawn();
  await rig.joined(2);
  return [first, second];
}

/** Waits until the process stands still. */
export async function asleep(process: ServiceProcess): Promise<void> {
  await eventually(
    async () => process.log(),
    (log) => log.includes(': SIGSTOP on pass'),
    patienceMs,
  );
}

/** It goes on, joins again by itself, and nothing has come of its sleep: no commit taken back, nothing ended twice. */
export async function wakes(rig: FaultRig, sleeper: ServiceProcess, moments: readonly Moment[]): Promise<void> {
  const committed = await rig.committed();
  sleeper.signal('SIGCONT');
  await rig.joined(2);
  await rig.publish(1);
  await rig.settled();
  await rig.expectOneEnd(moments);
  const after = await rig.committed();
  expect([...committed].filter(([place, offset]) => (after.get(place) ?? 0) < offset)).toEqual([]);
}
