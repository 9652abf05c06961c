// 2 → 3 → 2 members of dispatch and of the retry scheduler within one delay of a retry, with requests under way that take longer
// than a rebalance waits: what stays where it is is neither cut nor sent again, and no retry waits for more than a rebalance.

import { expect, test } from 'vitest';
import { startFaultRig, wayPerPartition } from '../support/fault-rig.ts';

const SECOND_MS = 1_000;
/** With requests that outlast it, a rebalance lets nothing begin for its revoke wait of 3 s. */
const heldUpMs = 4 * SECOND_MS;

test('members come and go within one delay: what stays is not cut, no retry is lost or held up for long', async () => {
  const slow = wayPerPartition('slow', { attempts: 1, ends: 'delivered', behaviour: { kind: 'slow', ms: 5_000 } });
  const later = wayPerPartition('later', {
    attempts: 2,
    ends: 'delivered',
    behaviour: { kind: 'fail-then-ok', times: 1 },
    delaysMs: [6_000],
  });
  const r = await startFaultRig({ name: 'bounce', hurt: ['dispatch', 'retry-scheduler'], ways: { ...slow, ...later } });
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
    expect(lateMs).toBeLessThan(heldUpMs);
  }
  await r.close();
});
