// The state of one partition: its logs, its owners, and what the world outside has seen. Time is left out: whatever may take long
// may take for ever. What a clock does in the product, places in the logs do here.

import { noFaults, type Budget, type Setup } from './rules.ts';

/** An attempt, with how often it was put off. */
export interface Step {
  readonly dispatch: number;
  readonly round: number;
  readonly attempt: number;
  readonly park: number;
}

/** Since when somebody may have settled a step: how long `attempts` and `dispatches` were then. */
export interface Since {
  readonly attempts: number;
  readonly dispatches: number;
}

/** A record of `dispatches`, or of a retry tier. */
export interface Waiting extends Step {
  readonly since: Since;
  /** Offset in the tier that it was given back from; -1: none. */
  readonly from: number;
}

/** `started` is a call's; `parked` moves without settling; `ended` settles without a request. */
export type Said = 'started' | 'parked' | 'delivered' | 'retry' | 'dead' | 'ended' | 'unknown' | 'suppressed';

/** A record of `attempts`. */
export interface Written extends Step {
  readonly said: Said;
  readonly writer: number;
}

/** One dispatch in the hands of an owner. */
export interface Flight {
  /** Offset in `dispatches`. */
  readonly offset: number;
  readonly step: Step;
  /** Where the log stood for its owner when it was judged, and where `dispatches` stood. */
  readonly since: Since;
  phase: 'starting' | 'posting' | 'settling' | 'following';
  said: Said | '';
}

export interface Owner {
  readonly epoch: number;
  restored: boolean;
  /** Next dispatch to take. */
  position: number;
  /** Where `position` was at assignment. */
  begin: number;
  /** Dispatches before it may have been settled by somebody else whose records this owner has read. */
  othersUntil: number;
  restoredFrom: number;
  /** The window knows the log from here … */
  cover: number;
  /** … to here, which is the offset that the next append is expected to get, … */
  known: number;
  /** … but for these places: gaps that were not read, and what was forgotten before an extension. */
  blind: number[];
  /** Places before `cover` that are not forgotten: settlements of what is in flight. */
  kept: number[];
  /** Attempts whose consequence this owner has written. */
  followed: string[];
  /** By dispatch taken, from `begin`: what `known` was then; -1 where that says nothing of others. */
  marks: number[];
  flights: Flight[];
}

/** What convergence decided for an event. */
export interface Trace {
  readonly endpoint: number;
  readonly since: Since;
}

export interface Scheduler {
  position: number;
  /** How long `dispatches` was when it was read back. */
  readBack: number;
}

export interface State {
  dispatches: Waiting[];
  attempts: Written[];
  tier: Waiting[];
  /** `dispatch.round` of the dead letters. */
  letters: string[];
  /** Answers of calls: `dispatch said`. */
  answers: string[];
  commit: { offset: number; restoreFrom: number };
  epoch: number;
  /** Which of the two processes the group gave the partition to; -1: none. */
  current: number;
  owners: [Owner | null, Owner | null];
  schedulers: Scheduler[];
  schedulerCommit: number;
  /** By event: what convergence wrote to `audit`. */
  traces: Trace[][];
  converging: { event: number; phase: 'deciding' | 'traced' | 'written' };
  /** The endpoint that events match now. */
  endpoint: number;
  operators: Waiting[];
  /** Appends of killed owners that are still on their way. */
  onTheWire: Written[];
  /** Attempts that were requested; a second request of one counts in `repeats`. */
  requested: string[];
  repeats: number;
  /** Requests that may be repeated: outcomes that nobody could know. */
  allowance: number;
  broken: string;
  left: Budget;
}

export const attemptKey = ({ dispatch, round, attempt }: Step): string => `${dispatch}.${round}.${attempt}`;
export const roundKey = ({ dispatch, round }: Pick<Step, 'dispatch' | 'round'>): string => `${dispatch}.${round}`;

/** Faster than a structured clone, and enough for plain data. */
export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** The dispatch of an event for an endpoint. */
export function firstDispatch(event: number, { endpoint, since }: Trace): Waiting {
  return { dispatch: event + 10 * endpoint, round: 0, attempt: 1, park: 0, since, from: -1 };
}

export function initialState(setup: Setup): State {
  const isConverged = (setup.budget.convergenceKill ?? 0) === 0;
  const since: Since = { attempts: 0, dispatches: 0 };
  const events = Array.from({ length: setup.events }, (_, event) => event);
  return {
    dispatches: isConverged ? events.map((event) => firstDispatch(event, { endpoint: 0, since })) : [],
    attempts: [],
    tier: [],
    letters: [],
    answers: [],
    commit: { offset: 0, restoreFrom: 0 },
    epoch: 0,
    current: -1,
    owners: [null, null],
    schedulers: [{ position: 0, readBack: 0 }],
    schedulerCommit: 0,
    traces: events.map(() => (isConverged ? [{ endpoint: 0, since }] : [])),
    converging: { event: isConverged ? setup.events : 0, phase: 'deciding' },
    endpoint: 0,
    operators: [],
    onTheWire: [],
    requested: [],
    repeats: 0,
    allowance: 0,
    broken: '',
    left: { ...noFaults, ...setup.budget },
  };
}

/** Merges states that nothing can tell apart: which process is which, and bookkeeping that no step can read any more. */
export function canonical(state: State): State {
  const { owners, left } = state;
  if (state.current === 1 || (state.current === -1 && owners[0] === null && owners[1] !== null)) {
    state.owners = [owners[1], owners[0]];
    if (state.current >= 0) state.current = 1 - state.current;
  }
  for (const owner of state.owners) owner?.followed.sort();
  state.requested.sort();
  state.letters.sort();
  if (left.schedulerKill === 0 && left.schedulerStall === 0) state.schedulerCommit = 0;
  if (left.kill + left.stall + left.forget === 0 && state.current >= 0 && state.owners[state.current]!.restored) {
    state.commit = { offset: 0, restoreFrom: 0 };
    for (const owner of state.owners) {
      if (!owner) continue;
      owner.marks = [];
      owner.begin = 0;
      owner.restoredFrom = 0;
      owner.othersUntil = 0;
    }
  }
  // Only what may still be repeated matters.
  if (state.broken === '') {
    state.allowance -= state.repeats;
    state.repeats = 0;
  }
  return state;
}
