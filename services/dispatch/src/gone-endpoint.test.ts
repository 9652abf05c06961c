// What 410 does to an endpoint version: its dispatch ends, and so does whatever comes after, told once.

import { decodeGone } from '@postrider/core/contracts';
import type { EndpointId } from '@postrider/core/domain';
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

  it('is written where it is read for good, before the offset may be committed', async () => {
    const rig = rigWith();
    rig.hold(topics.gone);
    rig.accept(rig.dispatch('a', 1), { offset: 1 });
    await rig.answer(status(410));
    expect(rig.to(topics.gone).map(({ key }) => key)).toEqual(['a/1']);
    expect(rig.journal).not.toContain('ack 1');
    await rig.release(topics.gone);
    expect(rig.journal).toContain('ack 1');
  });

  it('is written by the next owner where the last one could not, and once', async () => {
    const before = rigWith();
    before.accept(before.dispatch('a', 1));
    await before.answer(status(410));
    const after = rigWith();
    for (const record of before.attempts()) after.dispatcher.learn(record, after.stateOf(0));
    await settle();
    expect(after.to(topics.gone).map(({ key }) => key)).toEqual(['a/1']);
  });

  it('an owner that reads nothing of it in the log knows it from there', async () => {
    const before = rigWith();
    before.accept(before.dispatch('a', 1));
    await before.answer(status(410));

    const after = rigWith();
    after.views.note(decodeGone(before.to(topics.gone)[0]!.value as Buffer)!);
    after.accept(after.dispatch('a', 2));
    await settle();
    expect(after.inFlight).toEqual([]);
    expect(after.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'endpoint-disabled' });
    for (const record of before.attempts()) after.dispatcher.learn(record, after.stateOf(0));
    await settle();
    expect(after.to(topics.gone)).toEqual([]);
  });

  it('an id that is deleted and used again at version 1 is sent to, also by the next owner', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    await rig.answer(status(410));
    rig.endpoints.remove('a' as EndpointId);
    rig.time.advance(1_000);
    const anew = endpointOf('a', { updatedAt: new Date(rig.now()).toISOString() });
    rig.endpoints.put(anew);
    rig.accept(rig.dispatch('a', 2));
    expect(rig.inFlight).toHaveLength(1);

    const after = dispatcherRig();
    after.endpoints.put(anew);
    for (const record of rig.attempts()) after.dispatcher.learn(record, after.stateOf(0));
    after.accept(after.dispatch('a', 3));
    expect(after.inFlight).toHaveLength(1);
  });

  it('a 410 to a request of before its endpoint was made anew says nothing of the new one', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    rig.time.advance(1_000);
    rig.endpoints.put(endpointOf('a', { updatedAt: new Date(rig.now()).toISOString() }));
    await rig.answer(status(410));
    rig.accept(rig.dispatch('a', 2));
    expect(rig.inFlight).toHaveLength(1);
  });

  it('holds for an endpoint whose record comes from a clock that is ahead', async () => {
    const rig = rigWith({ updatedAt: '2099-01-01T00:00:00.000Z' });
    rig.accept(rig.dispatch('a', 1));
    await rig.answer(status(410));
    rig.accept(rig.dispatch('a', 2));
    await settle();
    expect(rig.inFlight).toEqual([]);
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
