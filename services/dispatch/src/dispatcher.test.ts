import { sha256Hex } from '@postrider/core/contracts';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, failure, ok, settle, status, tiers, topics } from './dispatcher-rig.ts';

const retry5s = topics.retry(tiers[0]);
const retry1m = topics.retry(tiers[1]!);

/** A rig with one endpoint `a`. */
function rigWith(over: Parameters<typeof endpointOf>[1] = {}, options: Parameters<typeof dispatcherRig>[0] = {}) {
  const rig = dispatcherRig(options);
  rig.endpoints.put(endpointOf('a', over));
  return rig;
}

describe('an attempt', () => {
  it('is delivered: recorded, then acknowledged', async () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1);
    rig.accept(dispatch, { offset: 7 });
    expect(rig.inFlight[0]?.request).toMatchObject({ method: 'POST', timeoutMs: 1_000, body: Buffer.from('{"n":1}') });
    await rig.answer(ok);
    expect(rig.journal).toEqual([
      'send a',
      'answer a',
      'append AttemptSettled',
      'written AttemptSettled',
      'ack 7',
      'attempted delivered',
    ]);
    expect(rig.attempts()[0]).toMatchObject({
      type: 'AttemptSettled',
      attemptId: `${dispatch.dispatchId}.0.1`,
      url: 'https://a.example/hook?key=***',
      outcome: 'success',
      httpStatus: 200,
      status: 'SUCCESS',
      disposition: { kind: 'delivered' },
      endpointVersion: 1,
      owner: { generation: 1, member: 'm-1' },
    });
    expect(rig.appended[0]).toMatchObject({ partition: 0, key: 'a', headers: { 'pr-response': Buffer.from('body') } });
  });

  it('keeps the digest of what was answered, and not the answer, where the endpoint does not want it kept', async () => {
    for (const keepResponse of [true, false]) {
      const rig = rigWith({ keepResponse });
      rig.accept(rig.dispatch('a', 1), { offset: 7 });
      await rig.answer(ok);
      expect(rig.attempts()[0]).toMatchObject({
        response: { digest: sha256Hex(Buffer.from('body')), bytes: 4, truncated: false },
      });
      expect(Object.keys(rig.appended[0]?.headers ?? {})).toEqual(keepResponse ? ['pr-response'] : []);
    }
  });

  it('that failed writes its record, then the retry, and only then is acknowledged', async () => {
    const rig = rigWith();
    rig.hold(topics.attempts);
    rig.hold(retry5s);
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    await rig.answer(status(500));
    expect(rig.journal.at(-1)).toBe('append AttemptSettled');
    await rig.release(topics.attempts);
    expect(rig.journal.slice(-2)).toEqual(['written AttemptSettled', `append ${retry5s}`]);
    await rig.release(retry5s);
    expect(rig.journal.slice(-3)).toEqual([`written ${retry5s}`, 'ack 7', 'attempted retry']);
  });

  it('without a retry left writes its record, then the dead letter, and only then is acknowledged', async () => {
    const rig = rigWith({ retry: { kind: 'named', name: 'none' } });
    rig.hold(topics.dlq);
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    await rig.answer(failure('timeout'));
    expect(rig.journal.slice(-3)).toEqual(['append AttemptSettled', 'written AttemptSettled', `append ${topics.dlq}`]);
    await rig.release(topics.dlq);
    expect(rig.journal.slice(-4)).toEqual([
      `written ${topics.dlq}`,
      'ended retries-exhausted',
      'ack 7',
      'attempted dead',
    ]);
    expect(rig.to(topics.dlq)[0]?.headers).toMatchObject({
      'pr-reason': 'retries-exhausted',
      '__dlq.errors.topic': topics.dispatches,
      '__dlq.errors.offset': '7',
      '__dlq.errors.delivery.count': '1',
      '__dlq.errors.message': 'attempt 1: timeout: scripted',
    });
  });

  it('acknowledges nothing when its record cannot be written', async () => {
    const rig = rigWith();
    rig.hold(topics.attempts);
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    await rig.answer(status(500));
    await rig.failHeld(topics.attempts, new Error('never'));
    expect(rig.journal).not.toContain('ack 7');
    expect(rig.to(retry5s)).toEqual([]);
    expect(rig.fatal).toHaveLength(1);
  });

  it('gives the retry the next number, the due time, and everything else as it was, in the partition that it came from', async () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1, {
      attempt: 2,
      subject: 's',
      park: 3,
      hop: 2,
      round: 1,
      eventTimeMs: -5,
      traceparent: 't',
      replay: 'rp',
    });
    rig.accept(dispatch, { partition: 31 });
    await rig.answer(status(500));
    const [record] = rig.to(retry1m);
    expect(record).toMatchObject({ partition: 31, key: 'a', value: Buffer.from('{"n":1}') });
    expect(record?.headers).toMatchObject({
      'pr-dispatch': dispatch.dispatchId,
      'pr-round': '1',
      'pr-attempt': '3',
      'pr-due': String(rig.now() + 90_000),
      'pr-wake': String(rig.now() + 60_000),
      'pr-delay': '90000',
      'pr-hop': '0',
      'pr-park': '0',
      'pr-subject': 's',
      'pr-event-time': '-5',
      'pr-replay': 'rp',
      traceparent: 't',
      'pr-origin': dispatch.origin,
      'pr-created': String(dispatch.createdMs),
      'pr-round-started': String(dispatch.roundStartedMs),
    });
  });

  it('waits as long as Retry-After asks', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    await rig.answer({ kind: 'response', status: 503, retryAfterMs: 70_000, bodyCut: false });
    expect(rig.to(retry1m)[0]?.headers).toMatchObject({ 'pr-delay': '70000' });
  });

  it('of an unknown profile ends as a matter of configuration, without a request', async () => {
    const rig = rigWith({ profile: 'of-next-year' });
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'invalid-configuration' });
    expect(rig.attempts()[0]).toMatchObject({ outcome: 'invalid-configuration', status: 'ERROR', keyIds: [] });
    expect(rig.journal).toContain('ack 7');
  });
});

describe('what cannot be sent now', () => {
  it('for want of a secret is told with what is wrong with it', async () => {
    const rig = rigWith({ secrets: [{ id: 'k', purpose: 'signing', ref: 'env:GONE' }] });
    rig.accept(rig.dispatch('a', 1));
    await settle();
    expect(rig.journal).toContain('secret not-set a');
  });

  it.each<[string, string, (rig: ReturnType<typeof dispatcherRig>) => void]>([
    ['paused', 'paused', (rig) => rig.endpoints.put(endpointOf('a', { status: { kind: 'paused' } }))],
    ['unknown', 'unknown-endpoint', () => {}],
    [
      'without its secret',
      'secret-unavailable',
      (rig) => rig.endpoints.put(endpointOf('a', { secrets: [{ id: 'k', purpose: 'signing', ref: 'env:GONE' }] })),
    ],
  ])('because its endpoint is %s is parked: recorded once, given to a tier, acknowledged', async (_, reason, given) => {
    const rig = dispatcherRig();
    given(rig);
    const dispatch = rig.dispatch('a', 1);
    rig.accept(dispatch, { offset: 7 });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.journal.filter((line) => !/^(deferred|secret) /.test(line))).toEqual([
      'append DispatchDeferred',
      'written DispatchDeferred',
      `append ${retry5s}`,
      `written ${retry5s}`,
      'ack 7',
    ]);
    expect(rig.attempts()[0]).toMatchObject({
      type: 'DispatchDeferred',
      reason,
      park: 0,
      attemptId: `${dispatch.dispatchId}.0.1`,
    });
    // No attempt was made: the number stays, the parking counts.
    expect(rig.to(retry5s)[0]?.headers).toMatchObject({
      'pr-attempt': '1',
      'pr-park': '1',
      'pr-due': String(rig.now() + 5_000),
    });
  });

  it('is taken when it is back before the acknowledgement of its parking, and not for a copy of what parked it', async () => {
    const rig = rigWith({ status: { kind: 'paused' } });
    const dispatch = rig.dispatch('a', 1);
    rig.hold(retry5s);
    rig.accept(dispatch, { offset: 7 });
    await settle();
    rig.endpoints.put(endpointOf('a', { version: 2 }));
    rig.accept({ ...dispatch, park: 1, parkedMs: rig.now() }, { offset: 8 });
    expect(rig.inFlight).toHaveLength(1);
    await rig.release(retry5s);
    await rig.answer(ok);
    expect(rig.journal.slice(-2)).toEqual(['ack 8', 'attempted delivered']);
  });

  it('is recorded the first time only, and waits longer each time', async () => {
    const rig = dispatcherRig();
    rig.accept(rig.dispatch('a', 1, { park: 4 }), { offset: 7 });
    await settle();
    expect(rig.attempts()).toEqual([]);
    expect(rig.to(retry1m)[0]?.headers).toMatchObject({ 'pr-park': '5', 'pr-delay': '80000' });
    expect(rig.journal).toContain('ack 7');
  });

  it.each<[string, string, (rig: ReturnType<typeof dispatcherRig>) => void]>([
    ['was deleted', 'endpoint-deleted', (rig) => rig.endpoints.remove(endpointOf('a').endpointId)],
    ['is disabled', 'endpoint-disabled', (rig) => rig.endpoints.put(endpointOf('a', { status: { kind: 'disabled' } }))],
    ['gave up waiting for it', 'expired', (rig) => rig.endpoints.put(endpointOf('a', { maxAgeMs: 0 }))],
  ])('because its endpoint %s ends: recorded, dead-lettered, acknowledged', async (_, reason, given) => {
    const rig = dispatcherRig();
    given(rig);
    const dispatch = rig.dispatch('a', 1, { attempt: 3, roundStartedMs: rig.now() - 1 });
    rig.accept(dispatch, { partition: 9, offset: 7 });
    await settle();
    expect(rig.journal.filter((line) => !line.startsWith('ended'))).toEqual([
      'append DispatchEnded',
      'written DispatchEnded',
      `append ${topics.dlq}`,
      `written ${topics.dlq}`,
      'ack 7',
    ]);
    expect(rig.attempts()[0]).toMatchObject({ type: 'DispatchEnded', disposition: { kind: 'dead', reason } });
    expect(rig.to(topics.dlq)[0]).toMatchObject({ partition: 9, key: 'a', value: Buffer.from('{"n":1}') });
    expect(rig.to(topics.dlq)[0]?.headers).toMatchObject({
      'pr-reason': reason,
      'pr-dispatch': dispatch.dispatchId,
      'pr-attempt': '3',
      '__dlq.errors.delivery.count': '2',
    });
  });

  it('is not held up by a secret that has expired', async () => {
    const rig = rigWith({ secrets: [{ id: 'old', purpose: 'signing', ref: 'env:GONE', notAfterMs: 1_000 }] });
    rig.accept(rig.dispatch('a', 1));
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    expect(rig.journal.at(-1)).toBe('attempted delivered');
  });
});

describe('what waited in the queue', () => {
  it('is planned again when its turn comes', async () => {
    const rig = rigWith({ concurrency: 1 });
    for (const n of [1, 2, 3]) rig.accept(rig.dispatch('a', n), { offset: n });
    rig.endpoints.put(endpointOf('a', { version: 2, concurrency: 1, status: { kind: 'paused' } }));
    await rig.answer(ok);
    expect(rig.journal.filter((line) => line.startsWith('deferred'))).toEqual(['deferred paused', 'deferred paused']);
    expect(rig.journal.filter((line) => line.startsWith('ack')).toSorted()).toEqual(['ack 1', 'ack 2', 'ack 3']);
    expect([rig.dispatcher.inFlight, rig.dispatcher.waiting]).toEqual([0, 0]);
  });

  it('goes out with the endpoint as it is then', async () => {
    const rig = rigWith({ concurrency: 1 });
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n));
    rig.endpoints.put(endpointOf('a', { version: 2, url: 'https://moved.example/' }));
    await rig.answer(ok);
    expect(rig.inFlight[0]?.endpoint).toBe('moved');
    await rig.answer(ok);
    expect(rig.attempts().map((record) => record.type === 'AttemptSettled' && record.endpointVersion)).toEqual([1, 2]);
  });

  it('ends when its endpoint was deleted meanwhile', async () => {
    const rig = rigWith({ concurrency: 1 });
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { offset: n });
    rig.endpoints.remove(endpointOf('a').endpointId);
    await rig.answer(ok);
    expect(rig.to(topics.dlq)[0]?.headers).toMatchObject({ 'pr-reason': 'endpoint-deleted' });
    expect(rig.journal).toContain('ack 2');
  });
});

describe('a dispatch whose time has not come', () => {
  it('is held and sent at its due time, never before', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1, { dueMs: rig.now() + 1_500 }));
    await rig.time.advanceAsync(1_499);
    expect(rig.journal).toEqual([]);
    await rig.time.advanceAsync(1);
    expect(rig.journal).toEqual(['send a']);
  });

  it('goes back to a tier when that is far off, with its due time kept and a hop counted', async () => {
    const rig = rigWith();
    const dueMs = rig.now() + 2_001;
    rig.accept(rig.dispatch('a', 1, { dueMs, hop: 1, park: 2 }), { partition: 5, offset: 7 });
    await settle();
    expect(rig.journal).toEqual([`append ${retry5s}`, `written ${retry5s}`, 'ack 7']);
    expect(rig.to(retry5s)[0]).toMatchObject({ partition: 5 });
    expect(rig.to(retry5s)[0]?.headers).toMatchObject({
      'pr-due': String(dueMs),
      'pr-wake': String(dueMs),
      'pr-hop': '2',
      'pr-park': '2',
    });
  });

  it('comes back as the same piece of work and is then sent', async () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1, { dueMs: rig.now() + 3_000 });
    rig.accept(dispatch);
    await rig.time.advanceAsync(3_000);
    rig.accept({ ...dispatch, hop: 1 });
    expect(rig.inFlight).toHaveLength(1);
  });

  it('is held again when the clock was set back while it stood in the queue', async () => {
    const rig = rigWith({ concurrency: 1 });
    // It was ahead of the broker's.
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { offset: n, brokerMs: rig.now() - 1_000 });
    rig.time.stepWallClock(-1_000);
    await rig.answer(ok);
    expect(rig.inFlight).toEqual([]);
    await rig.time.advanceAsync(999);
    expect(rig.inFlight).toEqual([]);
    await rig.time.advanceAsync(1);
    expect(rig.inFlight).toHaveLength(1);
  });
});

describe('copies', () => {
  it('of work under way are dropped and acknowledged, and change nothing', async () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1);
    rig.accept(dispatch, { offset: 1 });
    rig.accept(dispatch, { offset: 2 });
    expect(rig.journal).toEqual(['send a', 'dropped under-way', 'ack 2']);
    await rig.answer(ok);
    rig.accept({ ...dispatch, hop: 3 }, { offset: 3 });
    expect(rig.journal.slice(-2)).toEqual(['dropped settled', 'ack 3']);
    expect(rig.attempts()).toHaveLength(1);
  });

  it('of work that is held until due are dropped too', () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1, { dueMs: rig.now() + 100 });
    rig.accept(dispatch);
    rig.accept(dispatch, { offset: 2 });
    expect(rig.journal).toEqual(['dropped under-way', 'ack 2']);
  });

  it('of an attempt that was parked are one attempt with it: whichever comes first is sent, the other dropped', async () => {
    const rig = dispatcherRig();
    const dispatch = rig.dispatch('a', 1);
    rig.accept(dispatch, { offset: 1 });
    await settle();
    rig.endpoints.put(endpointOf('a'));
    rig.accept({ ...dispatch, park: 1 }, { offset: 2 });
    expect(rig.inFlight).toHaveLength(1);
    rig.accept(dispatch, { offset: 3 });
    expect(rig.journal.slice(-2)).toEqual(['dropped under-way', 'ack 3']);
    await rig.answer(ok);
    rig.accept({ ...dispatch, park: 1 }, { offset: 4 });
    expect(rig.journal.slice(-2)).toEqual(['dropped settled', 'ack 4']);
    expect(rig.attempts().map((record) => record.type)).toEqual(['DispatchDeferred', 'AttemptSettled']);
  });
});
