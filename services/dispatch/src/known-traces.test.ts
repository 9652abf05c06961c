// The ways in which the settling protocol has gone wrong on paper, each as one scripted run of the real planner: the log says
// who wrote what, the test says when.

import type { AttemptSettled } from '@postrider/core/contracts';
import { attemptIdOf, type AttemptId, type Dispatch, type Disposition } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import { deferredRecord, endedRecord, startedRecord } from './attempt-records.ts';
import { dispatcherRig, endpointOf, ok, settle, status, tiers, topics } from './dispatcher-rig.ts';
import { settledMax } from './limits.ts';
import { PartitionState } from './partition-state.ts';
import { workOf } from './work.ts';

const minute = 60_000;
const tierTopics = tiers.map(topics.retry);

function rigWith(over: Parameters<typeof endpointOf>[1] = {}) {
  const rig = dispatcherRig();
  rig.endpoints.put(endpointOf('a', over));
  const dispatch = rig.dispatch('a', 1);
  /** The work of another owner with this dispatch, for what it writes. */
  const elsewhere = (of: Dispatch = dispatch) =>
    workOf(of, {} as never, new PartitionState(0, { generation: 0, member: 'zombie' }, 0), () => undefined, 0);
  return {
    rig,
    dispatch,
    elsewhere,
    retries: () => tierTopics.flatMap((topic) => rig.to(topic)),
    letters: () => rig.to(topics.dlq),
    /** What another owner writes when it has settled an attempt. */
    settledElsewhere: (disposition: Disposition, of: Dispatch = dispatch): AttemptSettled => ({
      ...endedRecord(elsewhere(of), { kind: 'suppressed', reason: '' }, 0),
      type: 'AttemptSettled',
      disposition,
      park: 0,
      endpointVersion: 1,
      url: '',
      startedAt: '',
      durationMs: 0,
      outcome: 'success',
      status: 'SUCCESS',
      keyIds: [],
      bodyDigest: '',
      bodyBytes: 0,
    }),
  };
}

/** Settles so many other attempts over a minute that the window forgets what it knew. */
function forget(state: PartitionState, fromMs: number): void {
  for (let n = 0; n <= settledMax; n++) {
    const atMs = fromMs + Math.floor((n / settledMax) * minute);
    state.window.settle(`other-${n}` as AttemptId, { atMs, logEnd: state.attemptsNext, positionMs: atMs });
  }
}

describe('two settlements of one attempt', () => {
  const retry: Disposition = { kind: 'retry', attempt: 2, dueMs: 1_900_000_005_000 };

  it('have the consequence of the first, whatever our own request came to', async () => {
    const { rig, dispatch, retries, settledElsewhere } = rigWith();
    rig.accept(dispatch);
    rig.stranger(0, settledElsewhere(retry));
    await rig.answer(ok);
    expect(retries().map(({ headers }) => headers)).toMatchObject([{ 'pr-attempt': '2', 'pr-due': '1900000005000' }]);
  });

  it('of which ours is the first have our consequence, though another follows', async () => {
    const { rig, dispatch, retries, settledElsewhere } = rigWith();
    rig.hold(tierTopics[0]!);
    rig.accept(dispatch);
    await rig.answer(status(500));
    rig.stranger(0, settledElsewhere({ kind: 'delivered' }));
    await rig.reassign(0);
    await rig.release(tierTopics[0]!);
    rig.accept(dispatch);
    await settle();
    expect(retries()).toHaveLength(2);
    expect(rig.inFlight).toEqual([]);
  });

  it('of which ours is the first have our consequence, though a copy comes while it is still being written', async () => {
    const { rig, dispatch, retries, letters, settledElsewhere } = rigWith({ concurrency: 2 });
    rig.hold(tierTopics[0]!);
    rig.accept(dispatch);
    await rig.answer(status(500));
    rig.stranger(0, settledElsewhere({ kind: 'dead', reason: 'expired' }));
    // The next append shows the gap, and what the stranger wrote is read.
    rig.accept(rig.dispatch('a', 2));
    await rig.answer(ok);
    rig.accept(dispatch);
    await settle();
    expect(letters()).toEqual([]);
    await rig.release(tierTopics[0]!);
    expect(retries()).toHaveLength(1);
    expect(rig.inFlight).toEqual([]);
  });

  it('of which ours lost never have our consequence, although a copy has written the other one meanwhile', async () => {
    const { rig, dispatch, retries, settledElsewhere } = rigWith({ concurrency: 2 });
    rig.accept(dispatch);
    rig.accept(rig.dispatch('a', 2));
    rig.stranger(0, settledElsewhere({ kind: 'delivered' }));
    rig.inFlight[1]!.answer(ok);
    await settle();
    // The gap was read. A copy finds the settlement and takes its consequence, while our own request is still out.
    rig.accept(dispatch);
    await rig.answer(status(500));
    expect(retries()).toEqual([]);
    expect(rig.journal).toContain(`adopted ${attemptIdOf(dispatch)}`);
  });

  it('are found by a parking too: what is settled is not put off', async () => {
    const { rig, dispatch, elsewhere, retries, letters } = rigWith({ status: { kind: 'paused' } });
    rig.stateOf(0);
    rig.stranger(0, endedRecord(elsewhere(), { kind: 'dead', reason: 'expired' }, 0));
    rig.accept(dispatch, { offset: 7 });
    await settle();
    expect([retries().length, letters().length]).toEqual([0, 1]);
    expect(rig.journal).toContain('ack 7');
  });
});

describe('a copy of what is under way', () => {
  it('is dropped while the first is queued, held, in flight, or being written', async () => {
    const { rig, dispatch } = rigWith({ concurrency: 1 });
    const queued = rig.dispatch('a', 2);
    const held = rig.dispatch('a', 3, { dueMs: rig.now() + 100 });
    for (const one of [dispatch, queued, held, dispatch, queued, held]) rig.accept(one);
    rig.hold(topics.attempts);
    await rig.answer(ok);
    rig.accept(dispatch);
    expect(rig.journal.filter((line) => line === 'dropped under-way')).toHaveLength(4);
    await rig.release(topics.attempts);
    await rig.time.advanceAsync(200);
    await rig.answer(ok);
    await rig.answer(ok);
    expect(rig.attempts()).toHaveLength(3);
    expect(rig.inFlight).toEqual([]);
  });

  it('leaves it under way when it finds that somebody else has settled it', async () => {
    const { rig, dispatch, settledElsewhere } = rigWith({ concurrency: 2 });
    rig.accept(dispatch);
    rig.accept(rig.dispatch('a', 2));
    rig.stranger(0, settledElsewhere({ kind: 'delivered' }));
    rig.inFlight[1]!.answer(ok);
    await settle();
    rig.accept(dispatch);
    expect(rig.stateOf(0).window.underWay).toBe(1);
  });

  it('when dropped writes nothing that carries state: a delivery is never suppressed by its copy', async () => {
    const { rig, dispatch } = rigWith();
    rig.accept(dispatch);
    rig.accept(dispatch);
    await rig.answer(ok);
    rig.accept(dispatch);
    await settle();
    expect(rig.appended).toHaveLength(1);
  });
});

describe('after a restart', () => {
  it('what was settled is not sent again; its consequence is written by the first copy, and by no other', async () => {
    const { rig, dispatch, retries } = rigWith();
    rig.hold(tierTopics[0]!);
    rig.accept(dispatch);
    await rig.answer(status(500));
    await rig.reassign(0);
    for (const offset of [7, 8, 9]) rig.accept(dispatch, { offset });
    await rig.release(tierTopics[0]!);
    expect(rig.inFlight).toEqual([]);
    // One was on its way when the first owner was killed.
    expect(retries()).toHaveLength(2);
    expect(rig.journal.filter((line) => /^ack [789]$/.test(line))).toEqual(['ack 8', 'ack 9', 'ack 7']);
  });

  it('a second kill within one commit interval finds what the first owner settled', async () => {
    const { rig, dispatch } = rigWith();
    const [first, second] = [dispatch, rig.dispatch('a', 2)];
    // Nothing is committed: the first owner settles both records, in the other order, and dies.
    for (const one of [first, second]) rig.accept(one);
    rig.inFlight[1]!.answer(ok);
    await settle();
    const committed = { watermark: 100, attempts: 0 };
    const next = await rig.reassign(0, { from: committed.attempts, dispatchesEnd: 102 });
    rig.accept(first, { offset: 100 });
    rig.inFlight.at(-1)!.answer(ok);
    await settle();
    // It commits the first record, long after, and is killed too.
    await rig.time.advanceAsync(5 * minute);
    next.mark({ offset: 100, timestamp: rig.now() });
    await rig.reassign(0, { from: next.restoreStart(101, rig.now()), dispatchesEnd: 102 });
    const sent = rig.inFlight.length;
    rig.accept({ ...second, dueMs: rig.now() }, { offset: 101 });
    await settle();
    expect(rig.inFlight).toHaveLength(sent);
  });

  it("a record of the first owner stays known until the watermark is a copy's distance beyond what was inherited", async () => {
    const { rig } = rigWith();
    const state = new PartitionState(0, { generation: 2, member: 'm-2' }, 101);
    state.restoredFrom = 3;
    state.attemptsNext = 8;
    // The first owner had settled it; a copy of it may still follow within ten seconds.
    state.mark({ offset: 100, timestamp: rig.now() });
    state.mark({ offset: 101, timestamp: rig.now() + 9_000 });
    expect(state.restoreStart(102, rig.now() + 10_000)).toBe(3);
    expect(state.restoreStart(103, rig.now() + 19_000)).toBe(8);
  });

  it('without the text of the commit, everything that was ever settled is found', async () => {
    const { rig, dispatch } = rigWith();
    rig.accept(dispatch);
    await rig.answer(ok);
    await rig.time.advanceAsync(60 * minute);
    await rig.reassign(0, { from: 0 });
    rig.accept(dispatch);
    await settle();
    expect(rig.inFlight).toEqual([]);
  });
});

describe('a copy that comes later than the window', () => {
  it('is judged when the window was read back to the time when it was due', async () => {
    const { rig, dispatch } = rigWith();
    rig.accept(dispatch);
    await rig.answer(ok);
    await rig.time.advanceAsync(60 * minute);
    await rig.reassign(0, { from: rig.log(0).length });
    rig.accept(dispatch, { offset: 9 });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.journal.slice(-3)).toEqual(['extended by 1', 'dropped settled', 'ack 9']);
  });

  it('is judged by when it was parked, not by when it is due again', async () => {
    const { rig, dispatch } = rigWith();
    rig.accept(dispatch);
    await rig.answer(ok);
    const parked = { ...dispatch, park: 9, parkedMs: rig.now(), dueMs: rig.now() + 30 * minute };
    await rig.time.advanceAsync(30 * minute);
    await rig.reassign(0, { from: rig.log(0).length });
    rig.accept(parked);
    await settle();
    expect(rig.inFlight).toEqual([]);
  });

  it('is known when it was parked from a record far before it that was taken again', async () => {
    const { rig, dispatch } = rigWith();
    // The owner before came to it late, parked it and was killed: the record that it parked it from was not committed.
    const parkedMs = rig.now();
    rig.accept(dispatch, { brokerMs: parkedMs - 2 * minute });
    await rig.answer(ok);
    forget(rig.stateOf(0), rig.now());
    rig.accept({ ...dispatch, park: 1, parkedMs, dueMs: parkedMs + 5_000 }, { brokerMs: parkedMs + 5_000 });
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.attempts()).toHaveLength(1);
  });

  it('is found although this owner has forgotten what it settled itself', async () => {
    const { rig, dispatch } = rigWith();
    rig.accept(dispatch);
    await rig.answer(ok);
    forget(rig.stateOf(0), rig.now());
    await rig.time.advanceAsync(10 * minute);
    rig.accept(dispatch);
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(rig.attempts()).toHaveLength(1);
  });

  it('gets the consequence of the settlement that stands first, however far apart two are read', async () => {
    const { rig, dispatch, letters, settledElsewhere } = rigWith();
    const parkedAtFirst = { ...dispatch, park: 1, parkedMs: rig.now() };
    rig.stranger(0, settledElsewhere({ kind: 'dead', reason: 'expired' }));
    await rig.time.advanceAsync(60 * minute);
    rig.stranger(0, settledElsewhere({ kind: 'delivered' }));
    const later = rig.dispatch('a', 2);
    await rig.time.advanceAsync(10 * minute);
    await rig.reassign(0, { from: 2 });
    // One late record makes it read to the second settlement, an older one to the first.
    rig.accept(later);
    await settle();
    rig.accept(parkedAtFirst);
    await settle();
    expect(letters()).toHaveLength(1);
  });
});

describe('a call', () => {
  function callRig() {
    const made = rigWith();
    made.rig.endpoints.put(endpointOf('vasp', { profile: 'envoy', retry: { kind: 'named', name: 'none' } }));
    const body = Buffer.from(
      '{"transaction_id":"d0a3dcb5-589c-4450-a84d-54ef0b74ae78","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},"transfer_state":"STARTED","error":{"code":1,"message":"m","retry":false}}',
    );
    const call = made.rig.dispatch('vasp', 5, { correlation: 'corr-1', body });
    const answers = () =>
      made.rig.to(topics.replies).map(({ value }) => JSON.parse(String(value)) as Record<string, unknown>);
    return { ...made, call, answers };
  }

  it('whose answer was lost with its owner is answered from the log', async () => {
    const { rig, call, answers } = callRig();
    rig.hold(topics.replies);
    rig.accept(call);
    await settle();
    await rig.answer(status(500), 'vasp');
    const lost = answers();
    await rig.reassign(0);
    await rig.release(topics.replies);
    rig.accept(call);
    await settle();
    expect(rig.inFlight).toEqual([]);
    expect(answers()).toEqual([lost[0], lost[0]]);
  });

  it.each(['started', 'settled'] as const)(
    'that somebody else has %s just before is not made a second time',
    async (by) => {
      const { rig, call, answers, elsewhere, settledElsewhere } = callRig();
      rig.stateOf(0);
      rig.stranger(
        0,
        by === 'started' ? startedRecord(elsewhere(call), 0) : settledElsewhere({ kind: 'delivered' }, call),
      );
      rig.accept(call, { offset: 7 });
      await settle();
      expect(rig.inFlight).toEqual([]);
      expect(answers()).toMatchObject(by === 'started' ? [{ outcome: 'unavailable', reason: 'outcome-unknown' }] : []);
      expect(rig.journal).toContain('ack 7');
    },
  );

  it('whose own start was written twice is made', async () => {
    const { rig, call, elsewhere } = callRig();
    const { owner } = rig.stateOf(0);
    rig.stranger(0, { ...startedRecord(elsewhere(call), 0), owner });
    rig.accept(call);
    await settle();
    expect(rig.inFlight).toHaveLength(1);
  });
});

it('two chains of one parked attempt meet in the settlement: one request, one consequence', async () => {
  const { rig, dispatch, elsewhere, retries } = rigWith();
  const parked = { ...dispatch, park: 1, parkedMs: rig.now(), dueMs: rig.now() + 5_000 };
  // The first owner had parked it and died before it could acknowledge that.
  rig.stranger(0, deferredRecord(elsewhere(), { reason: 'paused', dueMs: parked.dueMs }, rig.now()));
  await rig.reassign(0);
  rig.accept(dispatch);
  await rig.answer(status(500));
  await rig.time.advanceAsync(5_000);
  rig.accept(parked);
  await settle();
  expect([rig.attempts().length, retries().length, rig.inFlight.length]).toEqual([1, 1, 0]);
});

it('two operators who replay one dead letter make one round, which is sent once, however long the second one hesitated', async () => {
  const { rig, dispatch } = rigWith();
  const plannedMs = rig.now();
  const round = (nowMs: number): Dispatch => ({ ...dispatch, round: 1, roundStartedMs: nowMs, dueMs: plannedMs });
  rig.accept(round(rig.now()));
  await rig.answer(ok);
  await rig.time.advanceAsync(30 * minute);
  await rig.reassign(0, { from: rig.log(0).length });
  rig.accept(round(rig.now()));
  await settle();
  expect([rig.attempts().length, rig.inFlight.length]).toEqual([1, 0]);
});
