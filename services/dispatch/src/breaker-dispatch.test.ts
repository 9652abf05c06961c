import type { Dispatch, Endpoint } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, failure, ok, settle, status, topics } from './dispatcher-rig.ts';
import { proberHeadStartMs } from './limits.ts';
import { restore } from './restore.ts';

const breaker: Endpoint['breaker'] = { kind: 'on', failures: 3, openMs: 10_000, openMsMax: 40_000 };

function rigWith(over: Partial<Endpoint> = {}) {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('a', { concurrency: 1, breaker, maxAgeMs: 86_400_000, ...over }));
  return rig;
}

type Rig = ReturnType<typeof dispatcherRig>;

/** Three attempts fail, one after another. */
async function opened(rig: Rig): Promise<Rig> {
  for (let n = 0; n < 3; n++) {
    rig.accept(rig.dispatch('a', n));
    await rig.answer(status(500));
  }
  return rig;
}

const dues = (rig: Rig): number[] =>
  rig.appended
    .filter(({ topic, headers }) => topic.includes('.retry.') && (headers as Record<string, string>)['pr-park'] !== '0')
    .map(({ headers }) => Number((headers as Record<string, string>)['pr-due']) - rig.now());

const told = (rig: Rig): string[] => rig.journal.filter((line) => line.startsWith('breaker'));

/** What was parked last, as the scheduler gives it back. */
function givenBack(rig: Rig, n: number, over: Partial<Dispatch> = {}): void {
  rig.accept(rig.dispatch('a', n, { park: 1, ...over }));
}

describe('an endpoint that fails', () => {
  it('is left alone: what is due is parked without an attempt, the first to probe, the others after it', async () => {
    const rig = await opened(rigWith());
    expect(told(rig)).toEqual(['breaker a open']);
    for (let n = 10; n < 14; n++) rig.accept(rig.dispatch('a', n), { offset: n });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.journal.filter((line) => line === 'deferred breaker-open')).toHaveLength(4);
    expect(rig.attempts().at(-1)).toMatchObject({
      type: 'DispatchDeferred',
      reason: 'breaker-open',
      attempt: 1,
      park: 0,
    });
    expect(dues(rig)).toEqual([10_000, 10_000 + proberHeadStartMs, 11_100, 11_200]);
    expect(rig.journal.filter((line) => /^ack 1.$/.test(line))).toEqual(['ack 10', 'ack 11', 'ack 12', 'ack 13']);
    // The retries of those that failed keep their number and their place in the policy.
    const parked = rig.appended.filter(({ headers }) => (headers as Record<string, string>)['pr-park'] === '1');
    expect(parked.every(({ headers }) => (headers as Record<string, string>)['pr-attempt'] === '1')).toBe(true);
  });

  it('gives up what waited in its queue at once, calls by an answer', async () => {
    const rig = rigWith();
    for (let n = 0; n < 3; n++) rig.accept(rig.dispatch('a', n));
    rig.accept(rig.dispatch('a', 4));
    rig.accept(rig.dispatch('a', 5, { correlation: 'call-1', deadlineMs: rig.now() + 60_000 }));
    for (let n = 0; n < 3; n++) await rig.answer(failure('timeout'));
    expect([rig.dispatcher.inFlight, rig.dispatcher.waiting]).toEqual([0, 0]);
    expect(rig.to(topics.replies).map(({ value }) => JSON.parse(String(value)) as unknown)).toMatchObject([
      { correlationId: 'call-1', outcome: 'unavailable', reason: 'breaker-open' },
    ]);
    rig.accept(rig.dispatch('a', 6, { correlation: 'call-2', deadlineMs: rig.now() + 60_000 }));
    await settle();
    expect(rig.to(topics.replies)).toHaveLength(2);
  });

  it('is probed by one request when the time has come, and sent to again when that is answered', async () => {
    const rig = await opened(rigWith({ concurrency: 4 }));
    rig.accept(rig.dispatch('a', 10));
    await settle();
    await rig.time.advanceAsync(10_000);
    expect(rig.dispatcher.breakers).toEqual({ open: 0, halfOpen: 1 });
    for (let n = 10; n < 14; n++) givenBack(rig, n);
    await settle();
    expect(rig.inFlight).toHaveLength(1);
    await rig.answer(ok);
    expect(told(rig)).toEqual(['breaker a open', 'breaker a half-open', 'breaker a closed']);
    expect(rig.dispatcher.breakers).toEqual({ open: 0, halfOpen: 0 });
    for (let n = 20; n < 22; n++) rig.accept(rig.dispatch('a', n));
    expect(rig.inFlight).toHaveLength(2);
  });

  it('stays alone twice as long when the probe fails, which counts as an attempt like any other', async () => {
    const rig = await opened(rigWith());
    await rig.time.advanceAsync(10_000);
    rig.accept(rig.dispatch('a', 10, { attempt: 2 }));
    await rig.answer(failure('connect'));
    expect(rig.attempts().at(-1)).toMatchObject({ attempt: 2, disposition: { kind: 'retry', attempt: 3 } });
    rig.accept(rig.dispatch('a', 11));
    await settle();
    expect(dues(rig)).toEqual([20_000]);
  });

  it('has its backlog back soon after it recovers, at its own pace, however long it was away', async () => {
    const rig = await opened(rigWith({ concurrency: 16 }));
    // Ten minutes of failing probes.
    for (let elapsedMs = 0; elapsedMs < 600_000; elapsedMs += 40_000) {
      await rig.time.advanceAsync(40_000);
      rig.accept(rig.dispatch('a', 100 + elapsedMs / 40_000));
      await rig.answer(status(503));
    }
    const before = dues(rig).length;
    for (let n = 0; n < 5_000; n++) rig.accept(rig.dispatch('a', 1_000 + n, { park: 9 }));
    await settle();
    const waits = dues(rig)
      .slice(before)
      .toSorted((a, b) => a - b);
    expect(waits).toHaveLength(5_000);
    expect(waits[0]).toBe(40_000);
    // An eighth of the outage, then 143 a second.
    expect(waits.at(-1)).toBeLessThan(120_000);
    const inASecond = Map.groupBy(waits, (wait) => Math.floor(wait / 1_000));
    expect(Math.max(...[...inASecond.values()].map((group) => group.length))).toBeLessThanOrEqual(161);
  });

  it('of a new version is sent to at once', async () => {
    const rig = await opened(rigWith());
    rig.endpoints.put(endpointOf('a', { version: 2, breaker }));
    rig.accept(rig.dispatch('a', 10));
    expect(rig.inFlight).toHaveLength(1);
    expect(rig.dispatcher.breakers).toEqual({ open: 0, halfOpen: 0 });
  });

  it('of a new version is not judged by requests to the old one that end later', async () => {
    const rig = rigWith({ concurrency: 4 });
    for (let n = 0; n < 4; n++) rig.accept(rig.dispatch('a', n));
    rig.endpoints.put(endpointOf('a', { version: 2, breaker, concurrency: 4 }));
    for (let n = 0; n < 4; n++) await rig.answer(status(500));
    expect(told(rig)).toEqual([]);
    rig.accept(rig.dispatch('a', 10));
    expect(rig.inFlight).toHaveLength(1);
  });

  it('with its breaker off is sent to for ever', async () => {
    const rig = rigWith({ breaker: { kind: 'off' } });
    for (let n = 0; n < 30; n++) {
      rig.accept(rig.dispatch('a', n));
      await rig.answer(status(500));
    }
    expect(rig.journal.filter((line) => line === 'send a')).toHaveLength(30);
  });

  it('is not judged by what says nothing of it: 404 and 410 open nothing', async () => {
    const rig = rigWith();
    for (let n = 0; n < 10; n++) {
      rig.accept(rig.dispatch('a', n));
      await rig.answer(status(404));
    }
    expect(told(rig)).toEqual([]);
  });
});

describe('a breaker and its partition', () => {
  it('is known to the next owner from the log: it opens where it stood, and probes when it would have', async () => {
    const before = await opened(rigWith());
    const after = rigWith();
    for (const record of before.attempts()) after.dispatcher.learn(record, after.stateOf(0));
    expect(after.dispatcher.breakers).toEqual({ open: 1, halfOpen: 0 });
    after.accept(after.dispatch('a', 10));
    await settle();
    expect(dues(after)).toEqual([10_000]);
  });

  it('is known to it though its failures stand before what settling needs to read', async () => {
    const before = await opened(rigWith());
    before.endpoints.put(endpointOf('b'));
    for (let n = 0; n < 20; n++) {
      before.accept(before.dispatch('b', 100 + n));
      await before.answer(ok);
    }
    const after = rigWith();
    const learn = after.dispatcher.learn.bind(after.dispatcher);
    const from = before.log(0).length - 5;
    expect(await restore(after.stateOf(0), from, before.reader, learn)).toBe(5);
    expect(after.dispatcher.breakers).toEqual({ open: 1, halfOpen: 0 });
    // What was read for breakers alone is not taken for the beginning of the window.
    expect(after.stateOf(0).restoredFrom).toBe(from);
  });

  it('is known from what was put off, when the failures were too long ago to be read', async () => {
    const before = await opened(rigWith());
    before.accept(before.dispatch('a', 10));
    await settle();
    const after = rigWith();
    for (const record of before.attempts().filter(({ type }) => type === 'DispatchDeferred'))
      after.dispatcher.learn(record, after.stateOf(0));
    expect(after.dispatcher.breakers).toEqual({ open: 1, halfOpen: 0 });
  });

  it('is forgotten when the partition is lost', async () => {
    const rig = await opened(rigWith());
    rig.lose(0);
    expect(rig.dispatcher.breakers).toEqual({ open: 0, halfOpen: 0 });
  });

  it('gives its probe’s place back when the request comes to nothing', async () => {
    const rig = await opened(rigWith());
    await rig.time.advanceAsync(10_000);
    rig.accept(rig.dispatch('a', 10));
    await rig.answer(failure('cancelled'));
    rig.accept(rig.dispatch('a', 11));
    expect(rig.inFlight).toHaveLength(1);
  });
});
