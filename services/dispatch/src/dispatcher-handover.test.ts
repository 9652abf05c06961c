import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, failure, ok, settle, status, topics } from './dispatcher-rig.ts';
import { factsOf } from './work.ts';

/** Whether a promise has resolved by now. */
async function isResolved(promise: Promise<unknown>): Promise<boolean> {
  let resolved = false;
  void promise.then(() => (resolved = true));
  await settle();
  return resolved;
}

function rigWith(over: Parameters<typeof endpointOf>[1] = {}) {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('a', over));
  return rig;
}

describe('a partition that was lost', () => {
  it('makes the results of its requests stale: they write nothing and acknowledge nothing', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    rig.lose(0);
    await rig.answer(status(500));
    expect(rig.journal).toEqual(['send a', 'answer a', 'dropped stale']);
    expect(rig.appended).toEqual([]);
  });

  it('takes its queued work with it and leaves that of other partitions', async () => {
    const rig = rigWith({ concurrency: 1 });
    rig.endpoints.put(endpointOf('b', { concurrency: 1 }));
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { partition: 0 });
    for (const n of [3, 4]) rig.accept(rig.dispatch('b', n), { partition: 1 });
    rig.lose(0);
    expect(rig.dispatcher.waiting).toBe(1);
    await rig.answer(ok, 'a');
    await rig.answer(ok, 'b');
    await rig.answer(ok, 'b');
    expect(rig.journal.filter((line) => line.startsWith('send'))).toEqual(['send a', 'send b', 'send b']);
  });

  it('does not send what it held until due', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1, { dueMs: rig.now() + 500 }));
    rig.lose(0);
    await rig.time.advanceAsync(1_000);
    expect(rig.journal).toEqual([]);
  });

  it('counts its requests under way against the limit of the endpoint when it comes back', async () => {
    const rig = rigWith({ concurrency: 1 });
    rig.accept(rig.dispatch('a', 1));
    rig.lose(0);
    rig.accept(rig.dispatch('a', 1));
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    expect(rig.attempts()).toHaveLength(1);
  });
});

describe('a process that stood still, and may have lost its partitions', () => {
  it('settles what was under way and starts nothing until the coordinator has answered', async () => {
    const rig = rigWith({ concurrency: 1 });
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n));
    rig.lease.inDoubt = true;
    await rig.answer(ok);
    expect(rig.attempts()).toHaveLength(1);
    expect(rig.inFlight).toEqual([]);
    rig.lease.settle();
    await settle();
    expect(rig.inFlight).toHaveLength(1);
  });

  it('drops what was waiting for partitions that are somebody else\u2019s', async () => {
    const rig = rigWith({ concurrency: 1 });
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n));
    rig.lease.inDoubt = true;
    await rig.answer(ok);
    rig.lose(0);
    rig.lease.settle();
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.dispatcher.waiting).toBe(0);
  });
});

describe('a call whose beginning was written while the process stood still', () => {
  const message = {
    transaction_id: 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78',
    timestamp: '2024-08-07T15:50:54.542992Z',
    counterparty: { id: '' },
    transfer_state: 'STARTED',
    error: { code: 1, message: 'm', retry: false },
  };
  const body = Buffer.from(JSON.stringify(message));
  const call = { correlation: 'c-1', deadlineMs: 1_900_000_600_000, body };

  it('is not made when the partition was lost meanwhile, and is left to its owner', async () => {
    const rig = rigWith({ profile: 'envoy' });
    rig.hold(topics.attempts);
    rig.accept(rig.dispatch('a', 1, call), { offset: 7 });
    await settle();
    rig.lease.inDoubt = true;
    await rig.release(topics.attempts);
    expect(rig.inFlight).toEqual([]);
    rig.lose(0);
    rig.lease.settle();
    await settle();
    expect(rig.journal.slice(-1)).toEqual(['dropped stale']);
    expect(rig.inFlight).toEqual([]);
  });

  it('is not made when somebody else has settled it: their answer is repeated', async () => {
    const rig = rigWith({ profile: 'envoy' });
    rig.hold(topics.attempts);
    const dispatch = rig.dispatch('a', 1, call);
    rig.accept(dispatch, { offset: 7 });
    await settle();
    rig.stranger(0, {
      type: 'DispatchEnded',
      ...factsOf(dispatch),
      at: '',
      disposition: { kind: 'suppressed', reason: 'unavailable: outcome-unknown' },
      owner: { generation: 2, member: 'm-2' },
    });
    await rig.release(topics.attempts);
    expect(rig.inFlight).toEqual([]);
    expect(rig.journal.slice(-2)).toEqual(['dropped settled', 'ack 7']);
  });

  it('is made when it is still ours', async () => {
    const rig = rigWith({ profile: 'envoy' });
    rig.hold(topics.attempts);
    rig.accept(rig.dispatch('a', 1, call), { offset: 7 });
    await settle();
    rig.lease.inDoubt = true;
    await rig.release(topics.attempts);
    rig.lease.settle();
    await settle();
    expect(rig.inFlight).toHaveLength(1);
  });
});

describe('a request that a drain cut short', () => {
  it('is not settled and not acknowledged: the next owner sends again', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1), { offset: 7 });
    const quiet = rig.dispatcher.quiesce();
    await rig.answer(failure('cancelled'));
    expect(rig.journal.slice(2)).toEqual(['dropped cancelled']);
    expect(rig.appended).toEqual([]);
    expect(await isResolved(quiet)).toBe(true);
  });
});

describe('quiesce', () => {
  it('is done at once when nothing is under way', async () => {
    expect(await isResolved(rigWith().dispatcher.quiesce())).toBe(true);
  });

  it('starts nothing new and waits until what is under way is acknowledged', async () => {
    const rig = rigWith({ concurrency: 1 });
    rig.hold(topics.attempts);
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { offset: n });
    const quiet = rig.dispatcher.quiesce();
    rig.accept(rig.dispatch('a', 3), { offset: 3 });
    await rig.answer(ok);
    expect(await isResolved(quiet)).toBe(false);
    let acksThen: string[] = [];
    void quiet.then(() => (acksThen = rig.journal.filter((line) => line.startsWith('ack'))));
    await rig.release(topics.attempts);
    expect(acksThen).toEqual(['ack 1']);
    expect([rig.inFlight.length, rig.dispatcher.waiting]).toEqual([0, 2]);
  });

  it('waits for deferrals and endings as well', async () => {
    const rig = dispatcherRig();
    rig.hold(topics.attempts);
    rig.accept(rig.dispatch('unknown', 1), { offset: 1 });
    const quiet = rig.dispatcher.quiesce();
    expect(await isResolved(quiet)).toBe(false);
    await rig.release(topics.attempts);
    expect(await isResolved(quiet)).toBe(true);
    expect(rig.journal.at(-1)).toBe('ack 1');
  });

  it('waits for the record of a disabled endpoint, which comes after the acknowledgement', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    const quiet = rig.dispatcher.quiesce();
    rig.hold(topics.attempts);
    await rig.answer(status(410));
    await rig.release(topics.attempts);
    expect(await isResolved(quiet)).toBe(true);
    expect(rig.attempts().map((record) => record.type)).toEqual(['AttemptSettled', 'EndpointDisabled']);
  });

  it('resolves although an effect failed for good: nobody could stop the process otherwise', async () => {
    const rig = rigWith({ concurrency: 1 });
    rig.hold(topics.attempts);
    for (const n of [1, 2]) rig.accept(rig.dispatch('a', n), { offset: n });
    rig.accept(rig.dispatch('unknown', 3), { offset: 3 });
    const quiet = rig.dispatcher.quiesce();
    await rig.answer(ok);
    expect(await isResolved(quiet)).toBe(false);
    await rig.failHeld(topics.attempts, new Error('never'));
    expect(await isResolved(quiet)).toBe(true);
    expect(rig.fatal).toHaveLength(2);
    expect(rig.journal.filter((line) => line.startsWith('ack'))).toEqual([]);
  });

  it('sends what waited after resume, and what fell due meanwhile', async () => {
    const rig = rigWith({ concurrency: 1 });
    await rig.dispatcher.quiesce();
    rig.accept(rig.dispatch('a', 1));
    rig.accept(rig.dispatch('a', 2, { dueMs: rig.now() + 100 }));
    await rig.time.advanceAsync(200);
    expect(rig.inFlight).toEqual([]);
    rig.dispatcher.resume();
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    await rig.answer(ok);
    expect(rig.attempts()).toHaveLength(2);
  });

  it('resolves once for each of several callers', async () => {
    const rig = rigWith();
    rig.accept(rig.dispatch('a', 1));
    const both = Promise.all([rig.dispatcher.quiesce(), rig.dispatcher.quiesce()]);
    await rig.answer(ok);
    expect(await isResolved(both)).toBe(true);
  });
});

describe('the attempts log', () => {
  it('tells of a gap, once, when someone else wrote to the partition', async () => {
    const rig = rigWith({ concurrency: 9 });
    for (const n of [1, 2, 3]) rig.accept(rig.dispatch('a', n), { partition: 4 });
    await rig.answer(ok);
    expect(rig.gaps).toEqual([]);
    rig.stranger(4);
    await rig.answer(ok);
    await rig.answer(ok);
    expect(rig.gaps).toEqual([{ partition: 4, expected: 1, got: 2 }]);
  });

  it('adopts what somebody else settled first, whatever our own request came to', async () => {
    const rig = rigWith();
    const dispatch = rig.dispatch('a', 1);
    rig.accept(dispatch, { partition: 4, offset: 7 });
    rig.accept(rig.dispatch('a', 2), { partition: 4 });
    await rig.answer(ok);
    const [ours] = rig.attempts();
    if (ours?.type !== 'AttemptSettled') throw new Error('nothing was settled');
    const second = rig.inFlight[0]!;
    // A zombie settles the attempt that is still under way here as delivered; our own request then fails.
    const attemptId = `${rig.dispatch('a', 2).dispatchId}.0.1` as typeof ours.attemptId;
    rig.stranger(4, { ...ours, dispatch: rig.dispatch('a', 2).dispatchId, attemptId });
    second.answer(status(500));
    await settle();
    expect(rig.gaps).toHaveLength(1);
    expect(rig.journal).toContain(`adopted ${attemptId}`);
    expect(rig.appended.filter((record) => record.topic !== topics.attempts)).toEqual([]);
    expect(rig.journal.filter((line) => line.startsWith('ack'))).toHaveLength(2);
  });
});

it('lets nothing follow from a record before what somebody else wrote before it was read', async () => {
  const rig = rigWith();
  const { promise, resolve } = Promise.withResolvers<void>();
  const read = rig.reader.read.bind(rig.reader);
  rig.reader.read = async (...range) => {
    await promise;
    return read(...range);
  };
  rig.accept(rig.dispatch('a', 1), { partition: 4, offset: 7 });
  rig.stranger(4);
  await rig.answer(status(500));
  await settle();
  expect(rig.journal.at(-1)).toBe('written AttemptSettled');
  resolve();
  await settle();
  expect(rig.journal).toContain('ack 7');
});

describe('whatever happens', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('accept' as const),
        endpoint: fc.nat(2),
        laterMs: fc.constantFrom(0, 0, 0, 300, 10_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        pick: fc.nat(),
        how: fc.constantFrom(ok, status(500), status(410), failure('timeout')),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), endpoint: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'quiesce' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'resume' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        endpoint: fc.nat(2),
        status: fc.constantFrom('enabled' as const, 'paused' as const, 'disabled' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(400) }) },
  );
  const limits = [1, 2, 3];

  it('an endpoint never has more requests than it allows; every record that stays ours is acknowledged once; quiesce ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const rig = dispatcherRig();
        let version = 1;
        const put = (at: number, kind: 'enabled' | 'paused' | 'disabled'): void =>
          rig.endpoints.put(
            endpointOf(`e${at}`, {
              version: version++,
              concurrency: limits[at]!,
              status: { kind },
              maxAgeMs: 3_600_000,
            }),
          );
        limits.forEach((_, at) => put(at, 'enabled'));
        const accepted = new Map<number, { readonly endpoint: number; readonly lostAfter: number }>();
        const losses = [0, 0, 0];
        let sending = true;
        let n = 0;
        for (const step of steps) {
          const sentBefore = rig.journal.filter((line) => line.startsWith('send')).length;
          switch (step.kind) {
            case 'accept': {
              n++;
              const dispatch = rig.dispatch(`e${step.endpoint}`, n, { dueMs: rig.now() + step.laterMs });
              rig.accept(
                { ...dispatch, dispatchId: `dsp_${n}` as typeof dispatch.dispatchId },
                { partition: step.endpoint, offset: n },
              );
              accepted.set(n, { endpoint: step.endpoint, lostAfter: losses[step.endpoint]! });
              break;
            }
            case 'answer':
              rig.inFlight[step.pick % (rig.inFlight.length || 1)]?.answer(step.how);
              break;
            case 'lose':
              rig.lose(step.endpoint);
              losses[step.endpoint]!++;
              break;
            case 'quiesce':
              void rig.dispatcher.quiesce();
              sending = false;
              break;
            case 'resume':
              rig.dispatcher.resume();
              sending = true;
              break;
            case 'change':
              put(step.endpoint, step.status);
              break;
            case 'advance':
              await rig.time.advanceAsync(step.ms);
              break;
          }
          await settle();
          const sentNow = rig.journal.filter((line) => line.startsWith('send')).length - sentBefore;
          expect(sending ? 0 : sentNow).toBe(0);
          for (const [at, limit] of limits.entries()) {
            expect(rig.inFlight.filter((one) => one.endpoint === `e${at}`).length).toBeLessThanOrEqual(limit);
          }
          expect(rig.dispatcher.inFlight).toBe(rig.inFlight.length);
        }
        rig.dispatcher.resume();
        await rig.time.advanceAsync(2_000);
        while (rig.inFlight.length > 0) await rig.answer(ok);
        expect([rig.dispatcher.inFlight, rig.dispatcher.waiting, rig.fatal.length]).toEqual([0, 0, 0]);
        expect(await isResolved(rig.dispatcher.quiesce())).toBe(true);
        const acks = rig.journal.filter((line) => line.startsWith('ack')).map((line) => Number(line.slice(4)));
        expect(new Set(acks).size).toBe(acks.length);
        const ours = [...accepted]
          .filter(([, { endpoint, lostAfter }]) => lostAfter === losses[endpoint])
          .map(([offset]) => offset);
        expect(acks).toEqual(expect.arrayContaining(ours));
      }),
      { numRuns: 150 },
    );
  });
});
