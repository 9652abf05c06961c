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

  it('an endpoint is gone for the next owner too, although the last one died before it could record that', async () => {
    const before = dispatcherRig();
    before.endpoints.put(endpointOf('a'));
    before.accept(before.dispatch('a', 1));
    await before.answer(status(410));
    const [settled] = before.attempts();
    expect(settled?.type).toBe('AttemptSettled');

    const after = dispatcherRig();
    after.endpoints.put(endpointOf('a'));
    after.dispatcher.learn(settled!, after.stateOf(0));
    after.accept(after.dispatch('a', 2));
    await settle();
    expect(after.inFlight).toEqual([]);
    expect(after.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'endpoint-disabled' });
  });

  it('a call that is answered 410 says nothing of the next one: no record disables its endpoint', async () => {
    const rig = dispatcherRig();
    rig.endpoints.put(endpointOf('vasp', { profile: 'envoy', retry: { kind: 'named', name: 'none' } }));
    const body = Buffer.from(
      '{"transaction_id":"d0a3dcb5-589c-4450-a84d-54ef0b74ae78","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},"transfer_state":"STARTED","error":{"code":1,"message":"m","retry":false}}',
    );
    const call = (n: number) => rig.dispatch('vasp', n, { correlation: `corr-${n}`, body });
    rig.accept(call(1));
    await settle();
    await rig.answer(status(410), 'vasp');
    expect(rig.attempts().map(({ type }) => type)).toEqual(['AttemptStarted', 'AttemptSettled']);
    rig.accept(call(2));
    await settle();
    expect(rig.inFlight).toHaveLength(1);
  });
});
