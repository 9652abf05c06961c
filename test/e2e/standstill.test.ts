// One of two dispatch processes dies, or stands still for longer than its session and goes on: its partitions deliver again within
// 10 s; what it had in flight may be sent again and loses by offset; nothing ends twice, and the sleeper joins again by itself.

import { afterAll, describe, expect, test } from 'vitest';
import { crashAt } from '../support/crash-points.ts';
import { eventually } from '../support/eventually.ts';
import { startFaultRig, wayPerPartition, type FaultRig, type FaultRigOptions } from '../support/fault-rig.ts';
import { asleep, pairOf, wakes } from '../support/standing-still.ts';

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

// At once: they wait for sessions to end, and each has an environment of its own.
describe.concurrent('one of two dispatch processes', () => {
  test('is killed: its partitions deliver again within 10 s', async () => {
    const ways = wayPerPartition('to', { attempts: 1, ends: 'delivered' });
    const rig = await start({ name: 'again', hurt: ['dispatch'], ways });
    const [victim] = await pairOf(rig);
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

  test('stands still with an answer in hand and more in its queues', async () => {
    // Slow enough that whatever was begun has left the process: what is still connecting when it falls asleep goes out later.
    const ways = wayPerPartition('slow', { attempts: 1, ends: 'delivered', behaviour: { kind: 'slow', ms: 1_000 } });
    const rig = await start({ name: 'still', hurt: ['dispatch'], ways, concurrency: 1 });
    const [sleeper] = await pairOf(rig, crashAt([{ point: 'dispatch/after-post', signal: 'SIGSTOP' }]));
    await rig.publish(5);
    await asleep(sleeper);
    await rig.expelled(1);
    // What the other one had under way is settled by now; what was sent and stands in no log is the sleeper's.
    const stood = await rig.now();
    await rig.settled(40 * SECOND_MS);
    await wakes(rig, sleeper, [stood]);
    expect(sleeper.ended()).toBeUndefined();
  });
});
