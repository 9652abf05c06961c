// For tests only: the dispatch of the n-th event of a simulated run, as convergence makes it, and the log of
// attempts: as its owners read it, and in words.

import type { AttemptsRecord } from '@postrider/core/contracts';
import { attemptIdOf, type Dispatch } from '@postrider/core/domain';
import type { AttemptsEntry, AttemptsReader } from '../attempts-reader.ts';

/** What a window remembers: so little that everything is forgotten, looked up and given up some time. */
export const simulatedWindows = [2, 4].flatMap((settledMax) =>
  [3, 100].map((archivedMax) => ({ settledMax, archivedMax })),
);

export function simulatedDispatch(n: number, nowMs: number): Dispatch {
  return {
    dispatchId: `dsp_${'abc'[n]}`.padEnd(30, 'a') as Dispatch['dispatchId'],
    round: 0,
    attempt: 1,
    endpointId: 'a' as Dispatch['endpointId'],
    projectId: 'acme' as Dispatch['projectId'],
    eventId: `evt-${n}` as Dispatch['eventId'],
    eventType: 'check.done',
    eventTimeMs: undefined,
    subject: undefined,
    createdMs: nowMs,
    roundStartedMs: nowMs,
    dueMs: nowMs,
    hop: 0,
    park: 0,
    origin: `live.events/0/${n}` as Dispatch['origin'],
    deadlineMs: undefined,
    correlation: undefined,
    mustEnd: undefined,
    replay: undefined,
    traceparent: undefined,
    body: Buffer.from('{}'),
  };
}

/** A call: its body is what its profile takes, and names the event. */
export function simulatedCall(n: number, nowMs: number): Dispatch {
  const message = {
    transaction_id: `d0a3dcb5-589c-4450-a84d-54ef0b74ae7${n}`,
    timestamp: '2024-08-07T15:50:54.542992Z',
    counterparty: { id: '' },
    transfer_state: 'STARTED',
    error: { code: 1, message: 'm', retry: false },
  };
  return {
    ...simulatedDispatch(n, nowMs),
    endpointId: 'vasp' as Dispatch['endpointId'],
    correlation: `corr-${n}`,
    body: Buffer.from(JSON.stringify(message)),
  };
}

/** The body that tells a request apart: a call's is fixed, any other names its attempt. */
export function simulatedBody(dispatch: Dispatch): Buffer {
  return Buffer.from(dispatch.correlation === undefined ? attemptIdOf(dispatch) : dispatch.body);
}

/** Which attempt was requested, and whether it is a call. */
export function requestedAttempt(body: string): { readonly attemptId: string; readonly isCall: boolean } {
  if (!body.startsWith('{')) return { attemptId: body, isCall: false };
  const { transaction_id: id } = JSON.parse(body) as { transaction_id: string };
  return { attemptId: attemptIdOf(simulatedCall(Number(id.at(-1)), 0)), isCall: true };
}

/** A line of a run's journal. */
export function describeRecord(record: AttemptsRecord): string {
  const what = 'disposition' in record ? record.disposition.kind : '';
  return `${record.type} ${'attemptId' in record ? record.attemptId : ''} ${what}`;
}

/** Reads the log of attempts as it stands at that moment. */
export function simulatedReader(attempts: readonly AttemptsEntry[]): AttemptsReader {
  return {
    read: async (_partition, { from, to }, onRecord) => {
      const end = to ?? attempts.length;
      attempts.slice(from, end).forEach(onRecord);
      return end;
    },
    offsetAt: async (_partition, timestampMs) => {
      const at = attempts.findIndex((entry) => entry.timestampMs >= timestampMs);
      return at < 0 ? attempts.length : at;
    },
  };
}

/** In a tier, or a copy that somebody will write. */
export interface Waiting {
  readonly dispatch: Dispatch;
  readonly atMs: number;
  /** When it came to its tier. */
  readonly sinceMs: number;
  /** Where it stands in its tier; undefined of a copy that somebody else will write. */
  readonly place?: string;
}

/** The scheduler calls back what was put off before the endpoint's new record. */
export function recalled(one: Waiting, nowMs: number): Waiting {
  if (one.dispatch.park === 0 || one.atMs <= nowMs) return one;
  const dueMs = Math.min(one.dispatch.dueMs, one.sinceMs);
  return { ...one, dispatch: { ...one.dispatch, dueMs }, atMs: nowMs };
}
