// One of two members dies, or stands still for longer than its session and goes on: its partitions deliver again within 10 s; what
// it had in flight may be sent again and loses by offset; nothing ends twice, nothing forks, and the sleeper joins again by itself.

import { afterAll, describe, expect, test } from 'vitest';
import { crashAt } from '../support/crash-points.ts';
import { eventually } from '../support/eventually.ts';
import { fourWays, startFaultRig, wayPerPartition, type FaultRig, type FaultRigOptions } from '../support/fault-rig.ts';
import type { ServiceProcess } from '../support/service-process.ts';

const SECOND_MS = 1_000;
/** A session is 8 s: by then the others have taken over. */
const DELIVERS_AGAIN_MS = 10 * SECOND_MS;

const rigs: FaultRig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));

async function start(options: FaultRigOptions): Promise<FaultRig> {
  const rig = await startFaultRig(options);
  rigs.push(rig);
  return rig;
}

/** Two members of the group of the hurt service. */
async function pair(
  rig: FaultRig,
  env: Readonly<Record<string, string>> = {},
): Promise<[ServiceProcess, ServiceProcess]> {
  const first = rig.spawn(env);
  await rig.joined(1);
  const second = rig.spawn();
  await rig.joined(2);
  return [first, second];
}

const slow = wayPerPartition('slow', { attempts: 1, ends: 'delivered', behaviour: { kind: 'slow', ms: 1_000 } });

// All at once: they wait for sessions to end, and each has an environment of its own.
describe.concurrent('one of two', () => {
  test('dispatch processes is killed: its partitions deliver again within 10 s', async () => {
    const ways = wayPerPartition('to', { attempts: 1, ends: 'delivered' });
    const rig = await start({ name: 'again', hurt: ['dispatch'], ways });
    const [victim] = await pair(rig);
    await rig.publish(1);
    await rig.settled();
    await victim.kill();
    const killed = performance.now();
    const told = await rig.publish(1);
    const seen = await eventually(
      async () => rig.posts(),
      (posts) => told.every(({ dispatch }) => posts.has(dispatch)),
      2 * DELIVERS_AGAIN_MS,
      20,
    );
    const silentMs = Math.round(performance.now() - killed);
    process.stderr.write(
      `kill −9 of one of two dispatch processes: all partitions deliver again after ${silentMs} ms\n`,
    );
    expect(silentMs).toBeLessThan(DELIVERS_AGAIN_MS);
    expect([...seen.values()].filter((posts) => posts !== 1)).toEqual([]);
    await rig.settled();
    await rig.expectOneEnd([]);
  });

  test.each([
    // It has an answer in hand and more in its queues, which another has sent when it wakes. The receiver is slow enough that
    // whatever was begun has left the process: what is still connecting when it falls asleep goes out when it wakes.
    { service: 'dispatch', point: 'dispatch/after-post', ways: slow },
    { service: 'retry-scheduler', point: 'scheduler/before-forward', ways: fourWays },
    { service: 'convergence', point: 'convergence/after-trace', ways: fourWays },
    { service: 'convergence', point: 'convergence/before-trace', ways: fourWays },
    { service: 'audit-projector', point: 'projector/before-commit', ways: fourWays },
  ] as const)('$service processes stands still at $point', async ({ service, point, ways }) => {
    const name = point.replaceAll(/[aeiou/-]/g, '');
    const rig = await start({ name, hurt: [service], ways, concurrency: 1 });
    const [sleeper] = await pair(rig, crashAt([{ point, signal: 'SIGSTOP' }]));
    await rig.publish(6);
    await eventually(
      async () => sleeper.log(),
      (log) => log.includes(`crash point ${point}: SIGSTOP`),
      20 * SECOND_MS,
    );
    await rig.expelled(1);
    // What the other one had under way is settled by now; what was sent and stands in no log is the sleeper's.
    const stood = service === 'dispatch' ? [await rig.now()] : [];
    await rig.settled(40 * SECOND_MS);
    const committed = await rig.committed();

    sleeper.signal('SIGCONT');
    await rig.joined(2);
    await rig.publish(1);
    await rig.settled();
    await rig.expectOneEnd(stood);
    for (const [place, offset] of await rig.committed())
      expect(offset).toBeGreaterThanOrEqual(committed.get(place) ?? 0);
    expect(sleeper.ended()).toBeUndefined();
  });
});
