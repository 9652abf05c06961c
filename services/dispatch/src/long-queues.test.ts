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
});
