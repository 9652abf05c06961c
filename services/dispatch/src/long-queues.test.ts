import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, ok, settle, topics } from './dispatcher-rig.ts';
import { behindMs, longQueueLookMs } from './limits.ts';

function rigWithQueue() {
  const rig = dispatcherRig({ endpointQueueMax: 2 });
  rig.endpoints.put(endpointOf('a', { concurrency: 1, timeoutMs: 60_000 }));
  return rig;
}

describe('a queue at its cap', () => {
  it('is left alone while it moves: a fast endpoint empties it sooner than a tier would', async () => {
    const rig = rigWithQueue();
    for (let n = 0; n < 8; n++) rig.accept(rig.dispatch('a', n));
    for (let n = 0; n < 8; n++) {
      await rig.answer(ok);
      await rig.time.advanceAsync(100);
    }
    await settle();
    expect(rig.journal.filter((line) => line.startsWith('deferred'))).toEqual([]);
    expect(rig.journal.filter((line) => line === 'attempted delivered')).toHaveLength(8);
  });

  it('gives up what is beyond the cap when it does not move, and takes no more', async () => {
    const rig = rigWithQueue();
    for (let n = 0; n < 6; n++) rig.accept(rig.dispatch('a', n), { offset: n });
    expect(rig.dispatcher.waiting).toBe(5);
    await rig.time.advanceAsync(behindMs + longQueueLookMs);
    await settle();
    expect([rig.dispatcher.inFlight, rig.dispatcher.waiting]).toEqual([1, 2]);
    expect(rig.journal.filter((line) => line === 'deferred queue-full')).toHaveLength(3);
    rig.accept(rig.dispatch('a', 7), { offset: 7 });
    await settle();
    expect(rig.to(topics.retry({ name: '5s' }))).toHaveLength(4);
    expect(rig.journal.filter((line) => line.startsWith('ack')).toSorted()).toEqual([
      'ack 3',
      'ack 4',
      'ack 5',
      'ack 7',
    ]);
  });

  it('gives it up also when the wall clock was set back meanwhile', async () => {
    const rig = rigWithQueue();
    for (let n = 0; n < 6; n++) rig.accept(rig.dispatch('a', n), { offset: n });
    rig.time.stepWallClock(-30_000);
    await rig.time.advanceAsync(behindMs + longQueueLookMs);
    await settle();
    expect(rig.journal.filter((line) => line === 'deferred queue-full')).toHaveLength(3);
  });

  it('gives nothing up while work is handed over, and goes on afterwards', async () => {
    const rig = rigWithQueue();
    for (let n = 0; n < 6; n++) rig.accept(rig.dispatch('a', n), { offset: n });
    void rig.dispatcher.quiesce();
    await rig.time.advanceAsync(10 * behindMs);
    await settle();
    expect(rig.journal.filter((line) => line.startsWith('deferred'))).toEqual([]);
    rig.dispatcher.resume();
    await rig.time.advanceAsync(longQueueLookMs);
    await settle();
    expect(rig.journal.filter((line) => line === 'deferred queue-full')).toHaveLength(3);
  });

  it('comes back at the pace at which the endpoint takes it, where that is more than usual', async () => {
    const rig = dispatcherRig({ windowRecords: 100, endpointQueueMax: 1_000 });
    rig.endpoints.put(endpointOf('a', { concurrency: 2 }));
    // A hundred a second are answered.
    for (let n = 0; n < 200; n++) {
      if (rig.dispatcher.waiting < 20) for (let k = 0; k < 4; k++) rig.accept(rig.dispatch('a', n * 4 + k));
      await rig.answer(ok);
      await rig.time.advanceAsync(10);
    }
    for (let n = 0; n < 100; n++) rig.accept(rig.dispatch('a', 10_000 + n, { attempt: 2 }));
    await settle();
    const dues = rig
      .to(topics.retry({ name: '5s' }))
      .map(({ headers }) => Number((headers as Record<string, string>)['pr-due']) - rig.now());
    // Two places alone would have twenty slots a second.
    const steps = dues.slice(1).map((due, i) => due - dues[i]!);
    expect(dues.length).toBeGreaterThan(20);
    expect(Math.max(...steps)).toBeLessThan(15);
  });
});
