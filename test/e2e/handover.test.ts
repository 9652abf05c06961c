// Work that changes hands while it is under way: rolling restarts, members that come and go, one that is killed, one that stands
// still for longer than its session. Nothing is lost, everything ends once, and what is sent twice is what nobody could know.

import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fourWays, startFaultRig, wayPerPartition, type FaultRig, type FaultRigOptions } from '../support/fault-rig.ts';
import { serviceNames } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;

let rig: FaultRig;
const start = async (options: FaultRigOptions): Promise<FaultRig> => (rig = await startFaultRig(options));
afterEach(() => rig?.close());

/** Publishes steadily until it is stopped. */
function load(publish: () => Promise<unknown>, everyMs: number): { stop(): Promise<void> } {
  const publishing: Promise<unknown>[] = [];
  const timer = setInterval(() => publishing.push(publish()), everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(publishing);
    },
  };
}

test('a rolling restart of every service under load loses nothing and sends nothing twice', async () => {
  const { publish, spawn, joined, settled, expectOneEnd } = await start({ name: 'roll', hurt: serviceNames });
  const running = serviceNames.map((service) => ({ service, process: spawn({}, service) }));
  for (const { service } of running) await joined(1, service);
  const steady = load(() => publish(3), 100);
  for (const { service, process } of running) {
    spawn({}, service);
    await joined(2, service);
    expect(await process.stop()).toBe(0);
    await joined(1, service);
  }
  await steady.stop();
  await settled();
  await expectOneEnd([]);
});

test('members come and go within one delay: what stays is not cut, retries are in time', async () => {
  const slow = wayPerPartition('slow', { attempts: 1, ends: 'delivered', behaviour: { kind: 'slow', ms: 5_000 } });
  const later = wayPerPartition('later', {
    attempts: 2,
    ends: 'delivered',
    behaviour: { kind: 'fail-then-ok', times: 1 },
    delaysMs: [6_000],
  });
  const r = await start({ name: 'bounce', hurt: ['dispatch', 'retry-scheduler'], ways: { ...slow, ...later } });
  for (const service of ['dispatch', 'retry-scheduler'] as const) {
    r.spawn({}, service);
    r.spawn({}, service);
  }
  await Promise.all([r.joined(2, 'dispatch'), r.joined(2, 'retry-scheduler')]);
  await r.publish(2);
  await r.receiver.waitFor(16, 10 * SECOND_MS);

  const thirds = (['dispatch', 'retry-scheduler'] as const).map((service) => r.spawn({}, service));
  await Promise.all([r.joined(3, 'dispatch'), r.joined(3, 'retry-scheduler')]);
  const moved = await r.now();
  expect(await Promise.all(thirds.map((process) => process.stop()))).toEqual([0, 0]);
  await Promise.all([r.joined(2, 'dispatch'), r.joined(2, 'retry-scheduler')]);
  // No partition is left paused: a new event for each is delivered.
  await r.publish(1, Object.keys(later));
  await r.settled(40 * SECOND_MS);

  const { posts, log } = await r.now();
  expect(moved.posts.size).toBe(16);
  // Of four partitions one goes to the third member, with the two requests that were under way on it.
  const again = [...posts].filter(([dispatch, n]) => n > (log.get(dispatch)?.attempts.size ?? 0));
  expect(again.length).toBeLessThanOrEqual(2);
  for (const { attempts } of log.values()) {
    const [first, second] = [...attempts.values()];
    if (first?.type !== 'AttemptSettled' || second?.type !== 'AttemptSettled') continue;
    if (first.disposition.kind !== 'retry') throw new Error('the first attempt fails');
    const lateMs = Date.parse(second.startedAt) - first.disposition.dueMs;
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(SECOND_MS);
  }
});

describe('a drain with a receiver that hangs', () => {
  const hang = { attempts: 1, ends: 'delivered', behaviour: { kind: 'hang' } } as const;

  test('is cut at drainTimeout, and the next owner sends again under the same id', async () => {
    const r = await start({ name: 'drain', hurt: ['dispatch'], ways: { hang, ...fourWays } });
    const first = r.spawn({ POSTRIDER_DRAIN_TIMEOUT_MS: '500ms' });
    await r.publish(1);
    await r.receiver.waitFor(1, 20 * SECOND_MS, '/hang');
    const began = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(4 * SECOND_MS);
    const cut = await r.now();
    r.receiver.route('/hang', { kind: 'ok' });
    r.spawn();
    await r.settled();
    await r.expectOneEnd([cut]);
  });

  test('ends at once, with exit code 1, on a second signal', async () => {
    const r = await start({ name: 'twice', hurt: ['dispatch'], ways: { hang } });
    const first = r.spawn();
    await r.publish(1);
    await r.receiver.waitFor(1, 20 * SECOND_MS, '/hang');
    first.signal('SIGTERM');
    await eventually(
      async () => first.log(),
      (log) => log.includes('"stopping"'),
      5 * SECOND_MS,
    );
    expect(await first.stop()).toBe(1);
  });
});
