// Known mistakes, one a time put into the services' source as they load it, each with the faults that bring it to light. The
// checker must find every one; where it does not, it proves nothing.

import type { SourceEdit } from '../support/source-edits.ts';
import type { Fault } from './fault.ts';
import { eventsPerSecond } from './limits.ts';
import type { ChaosPlan } from './plan.ts';
import { planChaos } from './plan.ts';

export interface Mutation {
  readonly name: string;
  readonly edits: readonly Omit<SourceEdit, 'name'>[];
  readonly faults: readonly Fault[];
  readonly seconds: number;
  /** It shows while an endpoint hangs and all else is well. */
  readonly calm?: boolean;
  /** Rules of the checker of which at least one must speak. */
  readonly foundBy: readonly string[];
}

const dispatcher = 'services/dispatch/src/dispatcher.ts';
const copies = (atMs: number, of: 'newest' | 'old', count = 60): Fault => ({ atMs, kind: 'copies', of, count });
/** So much in a second that at its end, on a fast machine and on a slow one, some work waits in dispatch and some is under way. */
const bursts = (fromMs: number): Fault[] =>
  [0, 400, 800].map((afterMs) => ({ atMs: fromMs + afterMs, kind: 'burst', events: 400 }));

export const mutations: readonly Mutation[] = [
  {
    name: 'commit-before-settle',
    edits: [
      {
        file: dispatcher,
        find: 'else this.#carryOut(work, this.#plan(work, true));',
        replace: 'else { work.ack(); this.#carryOut(work, this.#plan(work, true)); }',
      },
    ],
    seconds: 8,
    faults: [...bursts(2_500), { atMs: 3_500, kind: 'kill', slot: 'dispatch-1', downMs: 0 }],
    foundBy: ['no-terminal-state'],
  },
  {
    name: 'no-compare-and-append',
    edits: [
      {
        file: 'services/dispatch/src/settler.ts',
        find: 'const earlier = state.window.standing(attemptId);',
        replace: 'const earlier = undefined as ReturnType<typeof state.window.standing>;',
      },
    ],
    seconds: 16,
    faults: [{ atMs: 3_000, kind: 'late-append', slot: 'dispatch-1', afterTakeoverMs: 150 }],
    foundBy: ['forked-retry', 'forked-dispatch', 'letter-of-the-living', 'attempt-from-nowhere'],
  },
  {
    name: 'no-coverage-check',
    edits: [
      {
        file: 'services/dispatch/src/late-records.ts',
        find: 'if (!isTooLate(work) || isNowhere(work)) this.#deps.take(work);',
        replace: 'if (work) this.#deps.take(work);',
      },
    ],
    // Restored is what was settled from ten seconds before the oldest open record on: on a busy machine that one may be old.
    seconds: 30,
    faults: [{ atMs: 20_000, kind: 'rolling-restart', slots: ['dispatch-1', 'dispatch-2'] }, copies(26_000, 'old')],
    foundBy: ['sent-without-need', 'flagged-without-cause'],
  },
  {
    name: 'retry-republished-early',
    edits: [
      {
        file: 'services/retry-scheduler/src/waiting-record.ts',
        find: 'const attemptDueMs = Math.max(dispatch.dueMs, times.appendedMs + (times.delayMs ?? 0));',
        replace: 'const attemptDueMs = times.appendedMs;',
      },
      {
        file: 'services/retry-scheduler/src/waiting-record.ts',
        find: 'headers: dispatchHeaders(dispatch) };',
        replace: 'headers: dispatchHeaders({ ...dispatch, dueMs: nowMs }) };',
      },
    ],
    seconds: 6,
    faults: [],
    foundBy: ['early'],
  },
  {
    name: 'no-restore',
    edits: [
      {
        file: 'services/dispatch/src/restore.ts',
        find: '      firstMs ??= entry.timestampMs;\n      remember(state, entry, learn);',
        replace: '      firstMs ??= entry.timestampMs;',
      },
    ],
    seconds: 8,
    faults: [{ atMs: 4_000, kind: 'kill', slot: 'dispatch-1', downMs: 0 }],
    foundBy: ['sent-without-need', 'flagged-without-cause'],
  },
  {
    name: 'accepted-ids-not-in-the-window',
    edits: [
      {
        file: 'packages/core/src/domain/settled-window.ts',
        find: "return this.#underWay.has(attemptId) ? 'under-way' : 'new';",
        replace: "return 'new';",
      },
    ],
    seconds: 8,
    faults: [copies(2_000, 'newest'), copies(3_000, 'newest'), copies(4_000, 'newest'), copies(5_000, 'newest')],
    foundBy: ['sent-without-need', 'flagged-without-cause'],
  },
  {
    name: 'zombie-goes-on',
    edits: [
      {
        file: 'services/dispatch/src/ownership.ts',
        find: 'if (this.#lease.holds()) return true;',
        replace: 'if (this.#lease) return true;',
      },
    ],
    seconds: 16,
    faults: [...bursts(3_000), { atMs: 4_000, kind: 'pause', slot: 'dispatch-1', forMs: 10_500 }],
    foundBy: ['sent-without-need'],
  },
  {
    name: 'metadata-advanced-too-early',
    edits: [
      {
        file: 'services/dispatch/src/partition-state.ts',
        find: 'if (watermark < this.inheritedUntil) return this.restoredFrom;',
        replace: 'if (watermark >= 0) return this.attemptsNext;',
      },
    ],
    seconds: 8,
    faults: [{ atMs: 4_000, kind: 'kill', slot: 'dispatch-1', downMs: 0 }],
    foundBy: ['sent-without-need', 'flagged-without-cause'],
  },
  {
    name: 'one-lane-for-all',
    edits: [
      {
        file: 'services/dispatch/src/endpoint-lanes.ts',
        find: 'readonly #lanes = new Map<string, Lane<T>>();',
        replace: `readonly #lanes = new (class extends Map<string, Lane<T>> {
          get(_endpoint: string) { return super.get('all'); }
          delete() { return super.delete('all'); }
          set(_endpoint: string, lane: Lane<T>) { return super.set('all', lane); }
        })();`,
      },
    ],
    seconds: 4,
    calm: true,
    faults: [],
    foundBy: ['held-up'],
  },
];

/** The faults that bring a mistake to light, on a world in which nothing else is wrong. */
export function planMutation({ name, seconds, faults, calm = false }: Mutation, seed: number): ChaosPlan {
  const plan = planChaos({ seed, seconds, brokers: 1 });
  if (mutations.every((one) => one.name !== name)) throw new Error(`there is no mutation ${name}`);
  const endpoints = plan.endpoints.map((endpoint) => ({ ...endpoint, breaker: false }));
  return {
    ...plan,
    eventsPerSecond,
    endpoints,
    calm: calm ? plan.calm : undefined,
    dispatchers: ['dispatch-1', 'dispatch-2'],
    clockOffsetsMs: {},
    faults,
  };
}

export function editsOf({ name, edits }: Mutation): SourceEdit[] {
  return edits.map((edit) => ({ name, ...edit }));
}
