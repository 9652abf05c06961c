// Calls (request/reply) as the dispatcher handles them: one POST at most, one answer always.

import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, failure, ok, settle, topics } from './dispatcher-rig.ts';

const id = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
const body = Buffer.from(
  `{"transaction_id":"${id}","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},"transfer_state":"STARTED","error":{"code":1,"message":"m","retry":false}}`,
);

function rigWithCall(over: Parameters<typeof endpointOf>[1] = {}) {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('vasp', { profile: 'envoy', retry: { kind: 'named', name: 'none' }, ...over }));
  const call = rig.dispatch('vasp', 1, { correlation: 'corr-1', body });
  const answers = () => rig.to(topics.replies).map(({ value }) => JSON.parse(String(value)) as Record<string, unknown>);
  return { rig, call, answers };
}

describe('a call', () => {
  it('is recorded as started before it is made', async () => {
    const { rig, call } = rigWithCall();
    rig.hold(topics.attempts);
    rig.accept(call);
    await settle();
    expect(rig.journal).toEqual(['append AttemptStarted']);
    await rig.release(topics.attempts);
    expect(rig.journal).toContain('send vasp');
  });

  it('that fails is answered and neither tried again nor dead-lettered', async () => {
    const { rig, call, answers } = rigWithCall();
    const offset = rig.accept(call);
    await settle();
    await rig.answer(failure('timeout'), 'vasp');
    expect(answers()).toEqual([
      { v: 1, correlationId: 'corr-1', transactionId: id, outcome: 'unavailable', reason: 'timeout' },
    ]);
    expect(rig.to(topics.dlq)).toEqual([]);
    expect(rig.attempts().at(-1)).toMatchObject({
      disposition: { kind: 'suppressed', reason: 'unavailable: timeout' },
    });
    expect(rig.journal.at(-1)).toBe('attempted suppressed');
    expect(rig.journal).toContain(`ack ${offset}`);
  });

  it.each([
    ['paused', { status: { kind: 'paused' } }],
    ['endpoint-disabled', { status: { kind: 'disabled' } }],
  ] as const)('to an endpoint that is not to be called (%s) is answered at once', async (reason, over) => {
    const { rig, call, answers } = rigWithCall(over);
    rig.accept(call);
    await settle();
    expect(answers()).toEqual([{ v: 1, correlationId: 'corr-1', outcome: 'unavailable', reason }]);
    expect(rig.inFlight).toEqual([]);
    expect(rig.to(topics.retry({ name: '5s' }))).toEqual([]);
  });

  it('to an endpoint that answers no calls any more is not made, and answered: neither tried again nor a dead letter', async () => {
    const { rig, call, answers } = rigWithCall({ profile: 'plain', retry: { kind: 'delays', delaysMs: [5_000] } });
    rig.accept(call);
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(answers()).toEqual([
      { v: 1, correlationId: 'corr-1', outcome: 'unavailable', reason: 'invalid-configuration' },
    ]);
    expect([...rig.to(topics.dlq), ...rig.to(topics.retry({ name: '5s' }))]).toEqual([]);
    expect(rig.attempts().at(-1)).toMatchObject({ detail: 'profile plain answers no calls' });
  });

  it('whose deadline has passed is answered as cancelled', async () => {
    const { rig, call, answers } = rigWithCall();
    rig.accept({ ...call, deadlineMs: rig.now() });
    await settle();
    expect(answers()).toMatchObject([{ outcome: 'cancelled', reason: 'deadline' }]);
  });

  it('that an earlier owner started and never settled is not made again: its outcome is unknown', async () => {
    const { rig, call, answers } = rigWithCall();
    rig.stateOf(0).window.restoreStarted(`${call.dispatchId}.0.1` as never);
    rig.accept(call);
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(answers()).toMatchObject([{ outcome: 'unavailable', reason: 'outcome-unknown' }]);
  });

  it('that an earlier owner settled gets its answer again, byte for byte, and is not made again', async () => {
    const { rig, call } = rigWithCall();
    const attemptId = `${call.dispatchId}.0.1` as never;
    const reply = Buffer.from('{"v":1,"correlationId":"corr-1","outcome":"replied","reply":{"n":1998600000000026050}}');
    rig.stateOf(0).window.restoreStarted(attemptId);
    rig.stateOf(0).window.restore(attemptId, { disposition: { kind: 'delivered' }, reply }, rig.now());
    rig.accept(call);
    rig.accept(call);
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.to(topics.replies).map(({ value }) => String(value))).toEqual([String(reply)]);
  });

  it('cut at its deadline is answered, also where the timer strikes before the clock is there: they are two clocks', async () => {
    const { rig, call, answers } = rigWithCall();
    const offset = rig.accept({ ...call, deadlineMs: rig.now() + 1 });
    await settle();
    const signal = rig.inFlight[0]?.request.signal;
    if (signal?.aborted === false) await once(signal, 'abort');
    // The rig's clock stands still.
    await rig.answer(failure('cancelled'), 'vasp');
    expect(answers()).toMatchObject([{ outcome: 'cancelled', reason: 'deadline' }]);
    expect(rig.journal).toContain(`ack ${offset}`);
  });

  it('cut by a drain is neither settled nor answered: whether the receiver has it nobody knows', async () => {
    const { rig, call, answers } = rigWithCall();
    const offset = rig.accept(call);
    await settle();
    await rig.answer(failure('cancelled'), 'vasp');
    expect(answers()).toEqual([]);
    expect(rig.journal).not.toContain(`ack ${offset}`);
  });
});

describe('what is no call, to an endpoint that has become one that is called', () => {
  const rigWithEvent = () => {
    const { rig, answers } = rigWithCall({ retry: { kind: 'delays', delaysMs: [5_000] } });
    rig.accept(rig.dispatch('vasp', 1, { body }));
    return { rig, answers };
  };

  it('is delivered by its status: nobody waits for an answer', async () => {
    const { rig, answers } = rigWithEvent();
    await settle();
    await rig.answer(ok, 'vasp');
    expect(rig.attempts().at(-1)).toMatchObject({ type: 'AttemptSettled', disposition: { kind: 'delivered' } });
    expect(answers()).toEqual([]);
  });

  it('is tried again when it fails', async () => {
    const { rig } = rigWithEvent();
    await settle();
    await rig.answer(failure('timeout'), 'vasp');
    expect(rig.attempts().at(-1)).toMatchObject({ disposition: { kind: 'retry', attempt: 2 } });
    expect(rig.to(topics.retry({ name: '5s' }))).toHaveLength(1);
  });
});
