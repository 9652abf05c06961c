// What 410 does to an endpoint version: its dispatch ends, and so does whatever comes after, told once.

import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, ok, settle, status, topics } from './dispatcher-rig.ts';

/** A rig with one endpoint `a`. */
function rigWith(over: Parameters<typeof endpointOf>[1] = {}) {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('a', over));
  return rig;
}

describe('HTTP 410', () => {
  it('ends the dispatch, records that the endpoint is disabled, and ends what comes after without an attempt', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1), { offset: 1 });
    await rig.answer(status(410));
    expect(rig.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'gone' });
    expect(rig.attempts().map((record) => record.type)).toEqual(['AttemptSettled', 'EndpointDisabled']);
    expect(rig.attempts()[1]).toMatchObject({ endpoint: 'a', endpointVersion: 1, reason: 'gone' });
    rig.accept(rig.dispatch('a', 2), { offset: 2 });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.to(topics.dlq)[1]?.headers).toMatchObject({
      'pr-reason': 'endpoint-disabled',
      '__dlq.errors.delivery.count': '0',
    });
  });

  it('is told once a version, however many requests were under way', async () => {
    const rig = rigWith({ concurrency: 2 });
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { offset: n });
    await rig.answer(status(410));
    await rig.answer(status(410));
    expect(rig.journal.filter((line) => line.startsWith('disabled'))).toEqual(['disabled a version 1']);
  });

  it('holds for this version only: a newer one is sent to again', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    await rig.answer(status(410));
    rig.endpoints.put(endpointOf('a', { version: 2 }));
    rig.accept(rig.dispatch('a', 2));
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    expect(rig.journal.at(-1)).toBe('attempted delivered');
  });

  it('ends what waited in the queue too, while requests under way keep their own outcome', async () => {
    const rig = rigWith({ concurrency: 2 });
    for (const n of [1, 2, 3]) rig.accept(rig.dispatch('a', n), { offset: n });
    await rig.answer(status(410));
    expect(rig.journal).toContain('ended endpoint-disabled');
    await rig.answer(ok);
    expect(rig.journal.filter((line) => line.startsWith('ack')).toSorted()).toEqual(['ack 1', 'ack 2', 'ack 3']);
    expect(rig.journal.at(-1)).toBe('attempted delivered');
  });
});
