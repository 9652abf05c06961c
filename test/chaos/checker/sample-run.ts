// A small run in which everything went well, as the checker would be given it: for tests that spoil one thing at a time.

import { createHash } from 'node:crypto';
import type { Interruption } from '../interruption.ts';
import { receiverAddress, type DispatchSlot } from '../slots.ts';
import { dispatchIdOf, type Deferred, type Disposition, type Ended, type Settled, type Trace } from './decode.ts';
import type {
  AuditRow,
  Calm,
  CountRow,
  DeliveryRow,
  Evidence,
  JournalRequest,
  LoggedRecord,
  PublishedEvent,
} from './evidence.ts';
import { readAttempts } from './reader-rule.ts';

const environment = 'chaos1';
const endpoint = 'ep-0';
export const startMs = Date.UTC(2030, 0, 2);
const delaysMs = [500, 1_000];
const source = '/chaos';

/** Everything that was written and sent, before it became bytes and tables. */
export interface SampleRun {
  readonly published: PublishedEvent[];
  readonly journal: JournalRequest[];
  readonly traces: Trace[];
  readonly attempts: { timeMs: number; entry: Settled | Ended | Deferred }[];
  readonly dispatches: SampleWork[];
  readonly tiers: SampleWork[];
  readonly letters: SampleWork[];
  readonly interruptions: Interruption[];
  calm: Calm | undefined;
}

export interface SampleWork {
  timeMs: number;
  dispatch: string;
  attempt: number;
  dueMs: number;
  body: string;
  delayMs?: number | undefined;
  reason?: string | undefined;
}

/** Three events: delivered at once, delivered after a retry, dead after three attempts; one for nobody, one that is none. */
export function sampleRun(): SampleRun {
  const run: SampleRun = {
    published: [],
    journal: [],
    traces: [],
    attempts: [],
    dispatches: [],
    tiers: [],
    letters: [],
    interruptions: [],
    calm: undefined,
  };
  deliver(run, [200]);
  deliver(run, [500, 200]);
  deliver(run, [500, 500, 500]);
  publish(run, 'for-nobody', { type: 'EventUnmatched' });
  publish(run, 'without-type', { type: 'EventRejected' });
  return run;
}

export function dispatchOf(number: number): string {
  return dispatchIdOf({ environment, source, event: `e${number}`, endpoint });
}

export function bodyOf(number: number): string {
  return `{"number":${number}}`;
}

function publish(run: SampleRun, kind: PublishedEvent['kind'], trace: Omit<Trace, 'origin'>): number {
  const number = run.published.length;
  const atMs = startMs + number * 10_000;
  run.published.push({
    id: `e${number}`,
    type: kind === 'for-nobody' ? 'to.nobody' : 'to.0',
    kind,
    partition: 0,
    offset: number,
    sentMs: atMs,
    ackedMs: atMs + 2,
    bodySha256: sha256(bodyOf(number)),
  });
  run.traces.push({ ...trace, origin: `${environment}.events/0/${number}` });
  return atMs;
}

function deliver(run: SampleRun, statuses: readonly number[]): void {
  const number = run.published.length;
  const dispatch = dispatchOf(number);
  const body = bodyOf(number);
  let atMs = publish(run, 'for-endpoints', {
    type: 'EventAccepted',
    event: `e${number}`,
    dispatches: [{ endpoint, dispatch, bodyDigest: sha256(body) }],
  });
  run.dispatches.push({ timeMs: atMs + 5, dispatch, attempt: 1, dueMs: atMs + 4, body });
  for (const [index, status] of statuses.entries()) {
    const attempt = index + 1;
    const startedMs = atMs + 10;
    run.journal.push(requestOf({ dispatch, atMs: startedMs, n: attempt, status, body, seq: run.journal.length + 1 }));
    const delayMs = delaysMs[index];
    const settledMs = startedMs + 10;
    const disposition: Disposition =
      status === 200
        ? { kind: 'delivered' }
        : delayMs === undefined
          ? { kind: 'dead', reason: 'retries-exhausted' }
          : { kind: 'retry', dueMs: settledMs + delayMs, attempt: attempt + 1 };
    run.attempts.push({
      timeMs: settledMs + 2,
      entry: settledOf({ dispatch, attempt, startedMs, status, disposition, body }),
    });
    if (disposition.kind === 'retry') {
      const { dueMs } = disposition;
      run.tiers.push({
        timeMs: settledMs + 5,
        dispatch,
        attempt: attempt + 1,
        dueMs,
        body,
        delayMs: dueMs - settledMs - 3,
      });
      run.dispatches.push({ timeMs: dueMs + 5, dispatch, attempt: attempt + 1, dueMs, body });
      atMs = dueMs;
    } else if (disposition.kind === 'dead')
      run.letters.push({ timeMs: settledMs + 5, dispatch, attempt, dueMs: 0, body, reason: disposition.reason });
  }
}

export interface RequestFacts {
  readonly dispatch: string;
  readonly atMs: number;
  readonly n: number;
  readonly status: number;
  readonly body: string;
  readonly seq: number;
  readonly slot?: DispatchSlot;
}

export function requestOf({ dispatch, atMs, n, status, body, seq, slot = 'dispatch-1' }: RequestFacts): JournalRequest {
  return {
    seq,
    atMs,
    address: receiverAddress(slot),
    path: `/${endpoint}`,
    id: dispatch,
    n,
    answer: 'status',
    status,
    bodySha256: sha256(body),
    answeredMs: atMs + 2,
  };
}

export interface SettledFacts {
  readonly dispatch: string;
  readonly attempt: number;
  readonly startedMs: number;
  readonly status: number;
  readonly disposition: Disposition;
  readonly body: string;
  readonly slot?: DispatchSlot;
}

export function settledOf(facts: SettledFacts): Settled {
  const { dispatch, attempt, startedMs, status, disposition, body, slot = 'dispatch-1' } = facts;
  return {
    type: 'AttemptSettled',
    dispatch,
    round: 0,
    attempt,
    endpoint,
    project: 'acme',
    startedAt: new Date(startedMs).toISOString(),
    durationMs: 8,
    outcome: status === 200 ? 'success' : 'http-status',
    httpStatus: status,
    status: status === 200 ? 'SUCCESS' : 'FAIL',
    bodyDigest: sha256(body),
    disposition,
    owner: { generation: 1, member: `${slot}-1b9d` },
  };
}

export function evidenceOf(run: SampleRun): Evidence {
  const place = (topic: string, offset: number, timeMs: number): Omit<LoggedRecord, 'headers' | 'value'> => ({
    topic: `${environment}.${topic}`,
    partition: 0,
    offset,
    timeMs,
  });
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const work = (topic: string, works: readonly SampleWork[]): LoggedRecord[] =>
    works.map((one, offset) => ({
      ...place(topic, offset, one.timeMs),
      headers: headersOf(one),
      value: Buffer.from(one.body),
    }));
  const attempts = run.attempts.map(({ timeMs, entry }, offset) => ({
    ...place('attempts', offset, timeMs),
    headers: {},
    value: json(entry),
  }));
  const audit = run.traces.map((trace, offset) => ({
    ...place('audit', offset, startMs),
    headers: {},
    value: json(trace),
  }));
  const rejected = run.traces
    .filter(({ type }) => type === 'EventRejected')
    .map((_, offset) => place('rejected', offset, startMs));
  return {
    declared: {
      environment,
      source,
      partitions: 1,
      clockOffsetsMs: {},
      tiers: [`${environment}.retry.500ms`],
      endpoints: [{ id: endpoint, project: 'acme', eventTypes: ['to.0'], delaysMs, timeoutMs: 1_500, prompt: true }],
    },
    published: run.published,
    journal: run.journal,
    topics: {
      dispatches: work('dispatches', run.dispatches),
      tiers: work('retry.500ms', run.tiers),
      dlq: work('dlq', run.letters),
      attempts,
      audit,
      rejected: rejected.map((one) => ({ ...one, headers: {}, value: Buffer.from('x') })),
      eventEnds: new Map([[0, run.published.length]]),
    },
    tables: tablesOf(attempts, audit, run),
    interruptions: run.interruptions,
    calm: run.calm,
    leftBehind: [],
    badEnds: [],
  };
}

function headersOf({ dispatch, attempt, dueMs, delayMs, reason }: SampleWork): Record<string, string> {
  return {
    'pr-dispatch': dispatch,
    'pr-round': '0',
    'pr-attempt': String(attempt),
    'pr-endpoint': endpoint,
    'pr-hop': '0',
    'pr-park': '0',
    'pr-due': String(dueMs),
    ...(delayMs === undefined ? {} : { 'pr-delay': String(delayMs) }),
    ...(reason === undefined ? {} : { 'pr-reason': reason }),
  };
}

/** The tables as a right projector would have them. */
function tablesOf(
  attempts: readonly LoggedRecord[],
  audit: readonly LoggedRecord[],
  run: SampleRun,
): Evidence['tables'] {
  const { rounds, flagged } = readAttempts(attempts);
  const flagOf = ({ offset, topic }: LoggedRecord) =>
    flagged.find(({ record }) => record.offset === offset && record.topic === topic)?.why;
  const rows: AuditRow[] = [...attempts, ...audit].map((record) => ({
    topic: record.topic,
    partition: 0,
    offset: record.offset,
    value: record.value,
    duplicate: flagOf(record) === 'duplicate',
    late: flagOf(record) === 'late',
    unreadable: false,
  }));
  const counts: Record<string, { -readonly [K in keyof CountRow]: CountRow[K] }> = {};
  const deliveries: DeliveryRow[] = [];
  const dispatches = new Set(run.traces.flatMap((trace) => trace.dispatches?.map(({ dispatch }) => dispatch) ?? []));
  for (const dispatch of dispatches) {
    const round = rounds.get(`${dispatch}.0`);
    const standing = [...(round?.attempts.values() ?? [])].filter(({ late }) => !late);
    const closing = round?.closing?.disposition;
    deliveries.push({
      dispatch,
      round: 0,
      endpoint,
      state: closing?.kind ?? 'pending',
      reason: closing === undefined || closing.kind === 'delivered' ? null : closing.reason,
      attempts: standing.length,
    });
    for (const { record, settled } of standing) {
      const day = new Date(record.timeMs).toISOString().slice(0, 10);
      const row = (counts[day] ??= {
        project: 'acme',
        endpoint,
        day,
        success: 0,
        fail: 0,
        error: 0,
        delivered: 0,
        dead: 0,
      });
      row[settled.status.toLowerCase() as 'success' | 'fail' | 'error'] += 1;
      if (round?.closing?.record === record && (closing?.kind === 'delivered' || closing?.kind === 'dead'))
        row[closing.kind] += 1;
    }
  }
  return { audit: rows, deliveries, counts: Object.values(counts) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
