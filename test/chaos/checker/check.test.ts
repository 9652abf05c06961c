// Every rule of the checker can fail: a run in which all went well is spoilt in one place, and the rule that is meant to speak
// speaks. A checker that finds nothing proves nothing until this is seen.

import { describe, expect, test } from 'vitest';
import { check } from './check.ts';
import type { Evidence } from './evidence.ts';
import {
  bodyOf,
  dispatchOf,
  evidenceOf,
  requestOf,
  sampleRun,
  settledOf,
  startMs,
  type SampleRun,
} from './sample-run.ts';

const calmFrom = (fromMs: number) => ({ fromMs, toMs: startMs + 60_000, hung: 'ep-1' });

const rulesOf = (evidence: Evidence): string[] => [...new Set(check(evidence).violations.map(({ rule }) => rule))];

test('a run in which all went well has no violation, and every promise was looked at', () => {
  const { violations, checked } = check(evidenceOf({ ...sampleRun(), calm: calmFrom(startMs) }));
  expect(violations).toEqual([]);
  expect([...checked.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a first attempt that waited where the receiver itself hardly got to answer is no violation', () => {
  const run: SampleRun = { ...sampleRun(), calm: calmFrom(startMs) };
  Object.assign(run.journal[0]!, { atMs: run.published[0]!.ackedMs + 1_100 });
  const slow = (answerMs: number) => {
    for (const request of run.journal) Object.assign(request, { answeredMs: request.atMs + answerMs });
    return rulesOf(evidenceOf(run));
  };
  expect(slow(1)).toContain('held-up');
  expect(slow(40)).not.toContain('held-up');
});

/** What is spoilt, the rule that must speak, and how. */
const spoilt: readonly (readonly [what: string, rule: string, spoil: (run: SampleRun) => void])[] = [
  ['a dispatch without an end', 'no-terminal-state', (run) => void run.attempts.shift()],
  ['an event without a trace', 'event-without-trace', (run) => void run.traces.shift()],
  [
    'an event matched to nobody',
    'wrong-match',
    (run) => void run.traces.splice(0, 1, { ...run.traces[0]!, dispatches: [] }),
  ],
  [
    'an event for nobody matched to somebody',
    'wrong-match',
    (run) =>
      void run.traces.splice(3, 1, {
        ...run.traces[3]!,
        type: 'EventAccepted',
        dispatches: run.traces[0]!.dispatches!,
      }),
  ],
  [
    'another dispatch id than the deterministic one',
    'wrong-dispatch-id',
    (run) => void Object.assign(run.traces[0]!.dispatches![0]!, { dispatch: 'dsp_other' }),
  ],
  [
    'work that nobody published',
    'nobody-published-it',
    (run) => void run.traces.splice(0, 1, { ...run.traces[0]!, dispatches: [] }),
  ],
  [
    'a retry that nobody asked for',
    'forked-retry',
    (run) => void run.tiers.push({ ...run.tiers[0]!, dispatch: dispatchOf(0) }),
  ],
  [
    "a retry with another due time than the settlement that stands: the loser's",
    'forked-retry',
    (run) => void run.tiers.push({ ...run.tiers[0]!, dueMs: run.tiers[0]!.dueMs + 700 }),
  ],
  [
    'a retry given back that nobody asked for',
    'forked-dispatch',
    (run) => void run.dispatches.push({ ...run.dispatches[0]!, attempt: 2 }),
  ],
  ['a second attempt without a first', 'attempt-from-nowhere', (run) => void run.attempts.splice(1, 1)],
  [
    'an end before an attempt that nobody asked for',
    'end-from-nowhere',
    (run) => {
      const { dispatch, round, project, endpoint } = run.attempts[0]!.entry;
      const disposition = { kind: 'dead', reason: 'endpoint-deleted' } as const;
      run.attempts[0]!.entry = { type: 'DispatchEnded', dispatch, round, attempt: 2, project, endpoint, disposition };
    },
  ],
  [
    'a dead letter of what was delivered',
    'letter-of-the-living',
    (run) => void run.letters.push({ ...run.letters[0]!, dispatch: dispatchOf(0) }),
  ],
  ['a death without a letter', 'dead-without-letter', (run) => void run.letters.pop()],
  [
    'given up after too few attempts',
    'wrong-end',
    (run) => {
      const first = run.attempts.find(({ entry }) => entry.dispatch === dispatchOf(1))!;
      first.entry = settledOf({
        dispatch: dispatchOf(1),
        attempt: 1,
        startedMs: first.timeMs - 12,
        status: 500,
        disposition: { kind: 'dead', reason: 'retries-exhausted' },
        body: bodyOf(1),
      });
    },
  ],
  [
    'other bytes on the wire',
    'other-body',
    (run) => void Object.assign(run.journal[1]!, { bodySha256: 'f'.repeat(64) }),
  ],
  ['other bytes in a tier', 'other-body', (run) => void (run.tiers[0]!.body = '{}')],
  [
    'a request of a dispatch that nobody published',
    'body-of-nobody',
    (run) => void Object.assign(run.journal[0]!, { id: 'dsp_x' }),
  ],
  [
    'a request that was sent twice, and nothing was done to its sender',
    'sent-without-need',
    (run) => void run.journal.push(again(run)),
  ],
  [
    'a first attempt that waited for somebody else',
    'held-up',
    (run) => {
      run.calm = calmFrom(startMs);
      Object.assign(run.journal[0]!, { atMs: run.published[0]!.ackedMs + 5_000, answeredMs: undefined });
    },
  ],
  ['a calm in which nothing was measured', 'nothing-measured', (run) => void (run.calm = calmFrom(startMs + 50_000))],
  [
    'a retry before its due time',
    'early',
    (run) => {
      const { entry } = run.attempts[2]!;
      Object.assign(run.journal[2]!, { atMs: run.journal[2]!.atMs - 200 });
      Object.assign(entry, { startedAt: new Date(run.journal[2]!.atMs).toISOString() });
    },
  ],
  [
    'a retry before the time that the broker gave its record, plus its delay',
    'early',
    (run) => void (run.tiers[0]!.timeMs += 100),
  ],
  [
    'a due time that is shorter than the policy',
    'due-too-soon',
    (run) => {
      const { disposition } = run.attempts[1]!.entry as ReturnType<typeof settledOf>;
      Object.assign(disposition, { dueMs: (disposition as { dueMs: number }).dueMs - 200 });
    },
  ],
  [
    'a success that the receiver never gave',
    'answer-nobody-gave',
    (run) => void Object.assign(run.journal[0]!, { status: 503 }),
  ],
  ['delivered, and no success in the journal', 'delivered-to-nobody', (run) => void run.journal.shift()],
  ['an offset without a trace', 'offset-without-trace', (run) => void run.traces.pop()],
  [
    'a trace of an event that is not there',
    'trace-without-offset',
    (run) => void run.traces.push({ ...run.traces[4]!, origin: 'chaos1.events/0/99' }),
  ],
  [
    'a settlement that stands in the log twice without a fault',
    'flagged-without-cause',
    (run) => void run.attempts.push({ ...run.attempts[0]! }),
  ],
  [
    'a settlement after its round was closed, without a zombie',
    'flagged-without-cause',
    (run) =>
      void run.attempts.push({ timeMs: startMs + 900, entry: { ...run.attempts[2]!.entry, dispatch: dispatchOf(0) } }),
  ],
];

/** The first request once more, by the same process. */
function again(run: SampleRun): ReturnType<typeof requestOf> {
  return requestOf({
    dispatch: dispatchOf(0),
    atMs: startMs + 300,
    n: 2,
    status: 200,
    body: bodyOf(0),
    seq: run.journal.length + 1,
  });
}

test.each(spoilt)('%s is found by %s', (_what, rule, spoil) => {
  const run = sampleRun();
  spoil(run);
  expect(rulesOf(evidenceOf(run))).toContain(rule);
});

type Rows<K extends keyof Evidence['tables']> = Evidence['tables'][K][number][];

const spoiltTables: readonly (readonly [what: string, rule: string, spoil: (tables: Evidence['tables']) => void])[] = [
  ['a row that is missing', 'record-without-row', ({ audit }) => void (audit as Rows<'audit'>).pop()],
  [
    'a row too many',
    'row-without-record',
    ({ audit }) => void (audit as Rows<'audit'>).push({ ...audit[0]!, offset: 77 }),
  ],
  ['a row twice', 'row-twice', ({ audit }) => void (audit as Rows<'audit'>).push(audit[0]!)],
  ['other bytes', 'row-with-other-bytes', ({ audit }) => void Object.assign(audit[0]!, { value: Buffer.from('{}') })],
  [
    'a flag that the log does not give',
    'row-with-other-flags',
    ({ audit }) => void Object.assign(audit[0]!, { late: true }),
  ],
  [
    'a row that could not be read',
    'row-unreadable',
    ({ audit }) => void Object.assign(audit[0]!, { unreadable: true }),
  ],
  [
    'a delivery in another state',
    'delivery-differs',
    ({ deliveries }) => void Object.assign(deliveries[0]!, { state: 'dead' }),
  ],
  [
    'a delivery with another count of attempts',
    'delivery-differs',
    ({ deliveries }) => void Object.assign(deliveries[1]!, { attempts: 3 }),
  ],
  [
    'a delivery of nobody',
    'delivery-of-nobody',
    ({ deliveries }) => void (deliveries as Rows<'deliveries'>).push({ ...deliveries[0]!, round: 7 }),
  ],
  ['a count that is off by one', 'count-differs', ({ counts }) => void Object.assign(counts[0]!, { fail: 5 })],
  ['a count that is missing', 'count-missing', ({ counts }) => void (counts as Rows<'counts'>).pop()],
];

test.each(spoiltTables)('in PostgreSQL: %s is found by %s', (_what, rule, spoil) => {
  const evidence = evidenceOf(sampleRun());
  spoil(evidence.tables);
  expect(rulesOf(evidence)).toContain(rule);
});

test.each([
  ['badEnds', 'bad-end'],
  ['leftBehind', 'left-behind'],
] as const)('%s is found by %s', (what, rule) => {
  expect(rulesOf({ ...evidenceOf(sampleRun()), [what]: ['dispatch-1'] })).toEqual([rule]);
});

test('an attempt that never reached the receiver does not take the request of the next one', () => {
  const run = sampleRun();
  const [first] = run.attempts.filter(({ entry }) => entry.dispatch === dispatchOf(1));
  const { httpStatus: _answered, ...entry } = first!.entry as ReturnType<typeof settledOf>;
  first!.entry = { ...entry, outcome: 'timeout', status: 'ERROR' };
  run.journal.splice(1, 1);
  expect(rulesOf(evidenceOf(run))).toEqual([]);
});

describe('what a fault allows', () => {
  /** The first request is sent and not settled; after the fault it is sent again. */
  function resent(kind: 'kill' | 'pause' | 'stop', from: number, to: number): string[] {
    const run = sampleRun();
    const lost = requestOf({
      dispatch: dispatchOf(0),
      atMs: startMs + 6,
      n: 1,
      status: 200,
      body: bodyOf(0),
      seq: 90,
      slot: 'dispatch-2',
    });
    run.journal.unshift({ ...lost, answeredMs: undefined });
    run.interruptions.push({ kind, slot: 'dispatch-2', fromMs: startMs + from, toMs: startMs + to });
    return rulesOf(evidenceOf(run));
  }

  test('a request in flight at a kill may be sent again', () => {
    expect(resent('kill', 20, 21)).toEqual([]);
  });

  test('one that was sent long before the kill may not', () => {
    expect(resent('kill', 9_000, 9_001)).toEqual(['sent-without-need']);
  });

  test('one of a process that was paused for longer than its session may be', () => {
    expect(resent('pause', 20, 9_000)).toEqual([]);
  });

  test('one of a process that was paused for a moment may not', () => {
    expect(resent('pause', 20, 900)).toEqual(['sent-without-need']);
  });

  test('one that a paused process sends after it was woken may not', () => {
    expect(resent('pause', -9_900, -900)).toEqual(['sent-without-need']);
    // Unless it leaves in the moment of waking: its handshake was under way.
    expect(resent('pause', -9_000, 0)).toEqual([]);
  });

  test('a drained restart allows nothing', () => {
    expect(resent('stop', 20, 500)).toEqual(['sent-without-need']);
  });

  test('an append that was repeated is allowed when an acknowledgement may have been lost', () => {
    const run = sampleRun();
    run.attempts.push({ ...run.attempts[0]! });
    run.interruptions.push({ kind: 'broker', slot: undefined, fromMs: startMs, toMs: startMs + 100 });
    expect(rulesOf(evidenceOf(run))).toEqual([]);
  });

  test("a zombie's settlement is flagged and changes nothing", () => {
    const run = sampleRun();
    const zombie = settledOf({
      dispatch: dispatchOf(0),
      attempt: 1,
      startedMs: startMs + 5,
      status: 200,
      disposition: { kind: 'delivered' },
      body: bodyOf(0),
      slot: 'dispatch-2',
    });
    const lost = requestOf({
      dispatch: dispatchOf(0),
      atMs: startMs + 6,
      n: 1,
      status: 200,
      body: bodyOf(0),
      seq: 90,
      slot: 'dispatch-2',
    });
    run.journal.unshift(lost);
    run.attempts.push({ timeMs: startMs + 9_500, entry: zombie });
    expect(rulesOf(evidenceOf(run))).toEqual(['sent-without-need', 'flagged-without-cause']);
    run.interruptions.push({ kind: 'pause', slot: 'dispatch-2', fromMs: startMs + 10, toMs: startMs + 9_400 });
    expect(rulesOf(evidenceOf(run))).toEqual([]);
    // Its append may be repeated as well: that is no third answer.
    run.attempts.push({ timeMs: startMs + 9_600, entry: zombie });
    expect(rulesOf(evidenceOf(run))).toEqual([]);
  });

  test('an end that is written after the settlement of the same attempt is its duplicate, and closes nothing', () => {
    const run = sampleRun();
    const at = run.attempts.findIndex(({ entry }) => entry.dispatch === dispatchOf(1));
    const { dispatch, round, attempt, project, endpoint } = run.attempts[at]!.entry;
    const disposition = { kind: 'dead', reason: 'endpoint-disabled' } as const;
    const entry = { type: 'DispatchEnded', dispatch, round, attempt, project, endpoint, disposition } as const;
    run.attempts.splice(at + 1, 0, { timeMs: run.attempts[at]!.timeMs + 1, entry });
    const evidence = evidenceOf(run);
    expect(evidence.tables.audit.filter(({ duplicate }) => duplicate)).toHaveLength(1);
    expect(rulesOf(evidence)).toEqual(['flagged-without-cause']);
    run.interruptions.push({ kind: 'broker', slot: undefined, fromMs: startMs, toMs: startMs + 20_000 });
    expect(rulesOf(evidenceOf(run))).toEqual([]);
  });

  test('a parking that is done again needs a kill', () => {
    const run = sampleRun();
    const { dispatch, round, project, endpoint } = run.attempts[0]!.entry;
    const parked = {
      type: 'DispatchDeferred',
      dispatch,
      round,
      attempt: 1,
      project,
      endpoint,
      park: 0,
      reason: 'paused',
    } as const;
    run.attempts.unshift(
      { timeMs: startMs + 3, entry: parked },
      { timeMs: startMs + 4, entry: { ...parked, reason: 'rate' } },
    );
    expect(rulesOf(evidenceOf(run))).toEqual(['flagged-without-cause']);
    run.interruptions.push({ kind: 'kill', slot: 'dispatch-2', fromMs: startMs, toMs: startMs + 1 });
    expect(rulesOf(evidenceOf(run))).toEqual([]);
  });

  test('a request whose handshake began before its process was stopped, and ended after, was in flight', () => {
    const begun = (startedMs: number): string[] => {
      const run = sampleRun();
      const facts = { dispatch: dispatchOf(0), body: bodyOf(0), status: 200, slot: 'dispatch-2' } as const;
      const disposition = { kind: 'delivered' } as const;
      const settled = {
        ...settledOf({ ...facts, attempt: 1, startedMs, disposition }),
        durationMs: startMs + 9_420 - startedMs,
      };
      run.journal.push(requestOf({ ...facts, atMs: startMs + 9_410, n: 2, seq: 91 }));
      run.attempts.push({ timeMs: startMs + 9_500, entry: settled });
      run.interruptions.push({ kind: 'pause', slot: 'dispatch-2', fromMs: startMs + 10, toMs: startMs + 9_400 });
      return rulesOf(evidenceOf(run));
    };
    expect(begun(startMs + 5)).toEqual([]);
    expect(begun(startMs + 9_405)).toEqual(['sent-without-need']);
  });
});
