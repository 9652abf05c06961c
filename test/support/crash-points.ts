// Every gap between two effects, by name: where a process can be killed or stopped on its n-th pass. Each is one call that
// is put into the source when it is loaded; source-edits.test.ts fails when a place has moved.

import { armVariable, writeArmed, type ArmedPoint } from './crash-arming.ts';
import { withSourceEdits, type SourceEdit } from './source-edits.ts';

interface Place {
  readonly file: string;
  /** The line before which, or after which, the process dies. */
  readonly line: string;
  readonly side: 'before' | 'after';
  /** Only where this holds, in words of the place. */
  readonly when?: string;
}

const converge = 'services/convergence/src/converge.ts';
const dispatcher = 'services/dispatch/src/dispatcher.ts';
const settler = 'services/dispatch/src/settler.ts';
const scheduler = 'services/retry-scheduler/src/scheduler.ts';
const produce = 'packages/kafka/src/produce.ts';
const projector = 'services/audit-projector/src/projector.ts';

/** The watermark is about to be committed. */
const beforeCommit = {
  file: 'packages/kafka/src/acked-consumer.ts',
  line: 'await group.commit(due.map((one) => one.commit));',
  side: 'before',
} as const;
const ofTopic = (ending: string): string => `due.some((one) => one.commit.topic.endsWith('${ending}'))`;

const places = {
  /** Planned, nothing written. */
  'convergence/before-trace': { file: converge, line: 'deps.traces.tracing(record);', side: 'before' },
  /** The trace is acknowledged, no dispatch is sent. */
  'convergence/after-trace': {
    file: converge,
    line: 'deps.traces.traced(record.partition, offset);',
    side: 'after',
  },
  /** What the trace promises is acknowledged too, nothing is committed. */
  'convergence/after-dispatches': {
    file: converge,
    line: '...(refused === undefined ? [] : [appendRejected(record, trace.origin, refused, deps)]),\n  ]);',
    side: 'after',
  },
  'convergence/before-commit': { ...beforeCommit, when: ofTopic('.events') },

  'dispatch/after-fetch': { file: dispatcher, line: 'state.mark(record);', side: 'before' },
  /** Request/reply: `AttemptStarted` is acknowledged, the call is not made. */
  'dispatch/after-started': {
    file: settler,
    line: 'await this.#deps.log.append(state, work.dispatch.endpointId, startedRecord(work, this.#deps.now()));',
    side: 'after',
  },
  /** The receiver has answered; nobody but this process knows what. */
  'dispatch/after-post': {
    file: dispatcher,
    line: 'this.#perform(this.#settler.settle(work, runtime, result));',
    side: 'before',
  },
  /** Records of `attempts` stand in the log; their acknowledgement is not known to whoever appended them. */
  'dispatch/append-unseen': {
    file: produce,
    line: 'readAnswer(answer, groups, result);',
    side: 'before',
    when: `groups.some((group) => group[0].topic.endsWith('.attempts'))`,
  },
  /** The settlement is acknowledged, its consequence is not sent. */
  'dispatch/after-append': {
    file: settler,
    line: 'await this.#deps.log.append(state, dispatch.endpointId, record, parts);',
    side: 'after',
  },
  /** Retry, dead letter or reply is acknowledged, nothing is committed. */
  'dispatch/after-consequence': {
    file: settler,
    line: 'await this.follow(work, { disposition, reply }, cause);',
    side: 'after',
  },
  /** A deferral is in the log, the record is not in its tier. */
  'dispatch/after-deferred': {
    file: settler,
    line: 'await this.#deps.log.append(state, dispatch.endpointId, deferredRecord(work, { reason, dueMs }, nowMs));',
    side: 'after',
    when: 'dispatch.park === 0',
  },
  'dispatch/before-commit': { ...beforeCommit, when: ofTopic('.dispatches') },

  'scheduler/before-forward': {
    file: scheduler,
    line: 'if (due.length > 0) {',
    side: 'before',
    when: 'due.length > 0',
  },
  /** Given back and acknowledged, nothing is committed. */
  'scheduler/after-forward': {
    file: scheduler,
    line: 'for (const [i, { held, record, isOverdue }] of due.entries()) {',
    side: 'before',
  },

  'scheduler/before-commit': { ...beforeCommit, when: `due.some((one) => one.commit.topic.includes('.retry.'))` },

  /** Rows are written in a transaction that is not committed. */
  'projector/before-commit': {
    file: 'packages/postgres/src/write-batch.ts',
    line: 'await callAppend(session, parameters);',
    side: 'after',
  },
  /** Committed; the process does not know it. */
  'projector/after-commit': { file: projector, line: 'lane.written(batch.rows.length, batch.next);', side: 'before' },
} as const satisfies Record<string, Place>;

export type CrashPoint = keyof typeof places;

export const crashPoints = Object.keys(places) as readonly CrashPoint[];

export function crashEdit(point: CrashPoint): SourceEdit {
  const { file, line, side, when }: Place = places[point];
  const call = `${when === undefined ? '' : `if (${when}) `}globalThis.crashPoint('${point}');`;
  return { name: point, file, find: line, replace: side === 'before' ? `${call} ${line}` : `${line} ${call}` };
}

/** The environment of a service process that dies or stands still at these points. */
export function crashAt(
  points: readonly (Omit<Partial<ArmedPoint>, 'point'> & { readonly point: CrashPoint })[],
  edits: readonly SourceEdit[] = [],
): Record<string, string> {
  const armed = points.map(({ point, onPass = 1, signal = 'SIGKILL' }) => ({ point, onPass, signal }) as const);
  return {
    ...withSourceEdits([...edits, ...new Set(points.map(({ point }) => crashEdit(point)))]),
    [armVariable]: writeArmed(armed),
  };
}
