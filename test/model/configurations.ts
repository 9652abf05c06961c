// What the model is asked: with all rules, that no promise breaks under these faults; without one of them, that one does, and how.

import { allRules, type Budget, type Rules, type Setup } from './rules.ts';

export interface Configuration extends Setup {
  readonly name: string;
}

const named = (budget: Partial<Budget>): string =>
  Object.entries(budget)
    .map(([kind, n]) => `${n} ${kind}`)
    .join(', ');

function whole(budget: Partial<Budget>, over: Partial<Setup> = {}): Configuration {
  const { events = 1, attemptsMax = 2, calls = false } = over;
  const name = `${events} ${calls ? 'calls' : 'events'}, ${attemptsMax} attempts: ${named(budget)}`;
  return { name, rules: allRules, budget, events, attemptsMax, calls };
}

/** Small enough to be seen through whole with every change. */
export const small: readonly Configuration[] = [
  whole({ kill: 2 }),
  whole({ kill: 2, wipe: 1 }),
  whole({ kill: 2 }, { events: 2, attemptsMax: 1 }),
  whole({ kill: 1, lostAck: 1 }),
  whole({ kill: 1, lateAppend: 1, lostAck: 1 }),
  whole({ stall: 1 }),
  whole({ stall: 1, end: 1 }, { attemptsMax: 1 }),
  whole({ stall: 1, kill: 1 }, { attemptsMax: 1 }),
  whole({ stall: 1, lostAck: 1 }, { attemptsMax: 1 }),
  whole({ kill: 1, park: 1 }),
  whole({ kill: 1, park: 1, forget: 1 }),
  whole({ convergenceKill: 1, edit: 1 }),
  whole({ convergenceKill: 1, forget: 1 }, { events: 2, attemptsMax: 1 }),
  whole({ schedulerKill: 1, kill: 1 }),
  whole({ convergenceKill: 1, park: 2, schedulerKill: 1 }, { attemptsMax: 1 }),
  whole({ lostAck: 1, park: 1, schedulerKill: 1 }, { attemptsMax: 1 }),
  whole({ schedulerStall: 1, forget: 1 }),
  whole({ replay: 2, forget: 1 }, { events: 2, attemptsMax: 1 }),
  whole({ replay: 2, kill: 1 }, { attemptsMax: 1 }),
  whole({ stall: 1, kill: 1 }, { calls: true }),
  whole({ kill: 1, lateAppend: 1 }, { calls: true }),
];

/** Minutes each: for a change of a rule, and at night. */
export const large: readonly Configuration[] = [
  whole({ convergenceKill: 1, forget: 1, park: 1 }, { events: 2, attemptsMax: 1 }),
  whole({ schedulerStall: 1, forget: 1 }, { events: 2 }),
  whole({ replay: 3, forget: 1 }, { events: 2, attemptsMax: 1 }),
  whole({ stall: 1, kill: 1 }),
  whole({ stall: 2 }),
  whole({ stall: 1, lostAck: 1 }),
  whole({ stall: 1, park: 1 }),
  whole({ stall: 1, end: 1 }),
  whole({ stall: 1, forget: 1 }),
  whole({ kill: 2, lateAppend: 1, lostAck: 1 }),
  whole({ kill: 2, park: 2, forget: 1 }),
  whole({ kill: 1, convergenceKill: 1, edit: 1, forget: 1 }),
  whole({ kill: 1, schedulerKill: 1, schedulerStall: 1, forget: 1 }),
  whole({ kill: 1, replay: 2, forget: 1, lostAck: 1 }),
  whole({ kill: 2 }, { events: 2 }),
  whole({ kill: 2, forget: 1 }, { events: 2, attemptsMax: 1 }),
  whole({ stall: 1, kill: 2, lateAppend: 1 }, { calls: true }),
];

/** Everything at once: for random walks. */
export const everything: Configuration = whole(
  {
    kill: 2,
    stall: 2,
    lostAck: 2,
    lateAppend: 1,
    wipe: 1,
    forget: 2,
    convergenceKill: 1,
    edit: 1,
    schedulerKill: 1,
    schedulerStall: 1,
    park: 2,
    end: 1,
    replay: 2,
  },
  { events: 2, attemptsMax: 3 },
);
export const everyCall: Configuration = whole(
  { kill: 2, stall: 2, lostAck: 2, lateAppend: 1, wipe: 1, convergenceKill: 1 },
  { events: 2, calls: true },
);

function without(
  name: string,
  rules: Partial<Rules>,
  budget: Partial<Budget>,
  over: Partial<Setup> = {},
): Configuration {
  return { ...whole(budget, over), name, rules: { ...allRules, ...rules }, ...over };
}

/** One rule less each, with the faults that show what it is for. */
export const minus: readonly Configuration[] = [
  without('R1: what is under way is begun again', { dedupeUnderWay: false }, { convergenceKill: 1 }),
  without('R2: the window is empty after a restart', { restore: false }, { kill: 1 }),
  without('R2: settled is taken for followed', { repeatConsequence: false }, { kill: 1 }),
  without('R3: two kills within one commit interval', { inheritRestoreStart: false }, { kill: 2 }),
  without('R3: restoring starts where the log stood at the commit', { markBeforeWatermark: false }, { kill: 2 }),
  without(
    "R3: a zombie's settlement stands before the place where restoring starts",
    { markPastOthers: false },
    { stall: 1, forget: 1 },
  ),
  without('R4: every settlement counts', { firstCounts: false }, { stall: 1 }),
  without('R4: an end is another fact than a settlement', { endIsSettlement: false }, { stall: 1, end: 1 }),
  without("R5: the consequence of one's own settlement", { adopt: false }, { stall: 1 }, { ignoreRequests: true }),
  without('R5: a gap is not read', { readGap: false }, { stall: 1 }, { ignoreRequests: true }),
  without(
    'R5: what was adopted is forgotten when a copy has followed it',
    { standAfterRepeat: false },
    { stall: 1, convergenceKill: 1 },
    { ignoreRequests: true },
  ),
  without('R5: a call is made without a look at the gap', { checkStart: false }, { stall: 1 }, { calls: true }),
  without(
    'R6: a late copy is judged by a window that has forgotten',
    { extend: false },
    { schedulerStall: 1, forget: 1 },
    { events: 2 },
  ),
  without(
    'R6: reading further back leaves out what was forgotten',
    { extendOverForgotten: false },
    { schedulerStall: 1, forget: 1 },
    { events: 2 },
  ),
  without(
    'R6: a parked copy is judged by when it came back',
    { parkedAt: false },
    { convergenceKill: 1, park: 1, forget: 1 },
    { events: 2, attemptsMax: 1 },
  ),
  without(
    'R6: a replay is judged by when it was written',
    { plannedAt: false },
    { replay: 3, forget: 1 },
    { events: 2, attemptsMax: 1 },
  ),
  without(
    'the scheduler takes what was put off anew for what it gave back',
    { givenBackBy: 'parking' },
    { convergenceKill: 1, park: 2, schedulerKill: 1 },
    { attemptsMax: 1 },
  ),
  without(
    'the scheduler takes what was appended again for what it gave back',
    { givenBackBy: 'moment' },
    { lostAck: 1, park: 1, schedulerKill: 1 },
    { attemptsMax: 1 },
  ),
  without('R7: a dropped copy is recorded', { dropWritesNothing: false }, { convergenceKill: 1 }),
  without(
    'order: the consequence before the record',
    { order: 'consequence, record, commit' },
    { kill: 1 },
    { ignoreRequests: true },
  ),
  without('order: the commit before the record', { order: 'commit first' }, { kill: 1 }),
  without('convergence decides anew what it has written', { traceFirst: false }, { convergenceKill: 1, edit: 1 }),
  without('calls: a start is not recorded', { recordStart: false }, { kill: 1 }, { calls: true }),
];

/** Needs so many moves that only a walk finds it: the seed of one. */
export const minusByWalk = {
  ...everything,
  name: 'R6: what another settled is forgotten while it is under way',
  rules: { ...allRules, keepUnderWay: false },
  ignoreRequests: true,
  seed: 127,
};
