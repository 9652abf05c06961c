// Whether the columns of a row say what its bytes say, by comparing bytes with bytes. It answers for rows as the services write
// them, by the rules of project.ts and column-reader.ts; for every other one it does not know, and `auditRowOf` is asked. So it may
// only ever call rows the same that `auditRowOf` calls the same: the test beside it holds the two together.

import { hash } from 'node:crypto';
import { recordField, type RowBytes } from '@postrider/postgres';
import { JsonSpans, kinds, shapeOf, type Shape, type ShapeDefinition } from './json-spans.ts';
import { columnLongTextMax } from './limits.ts';
import {
  equal,
  integerOf,
  isText,
  isWord,
  sameEpochMs,
  sameInteger,
  sameMoment,
  sameNumber,
  sameText,
  startsWith,
  wholeMsAt,
} from './span-columns.ts';

const span = {
  dispatch: 0,
  round: 1,
  attempt: 2,
  attemptId: 3,
  endpoint: 4,
  project: 5,
  event: 6,
  eventType: 7,
  subject: 8,
  origin: 9,
  park: 10,
  endpointVersion: 11,
  url: 12,
  at: 13,
  durationMs: 14,
  outcome: 15,
  httpStatus: 16,
  detail: 17,
  status: 18,
  response: 19,
  digest: 20,
  responseBytes: 21,
  truncated: 22,
  disposition: 23,
  kind: 24,
  reason: 25,
  dueMs: 26,
  dispatches: 27,
  eachEndpoint: 28,
  eachDispatch: 29,
  due: 30,
  /** Never read: a second one makes the record another. */
  type: 31,
} as const;

const { type, dispatch, round, attempt, attemptId, endpoint, project, event, eventType, subject, origin } = span;
const f = recordField;
const eventFacts = {
  origin: { span: origin, column: f.origin },
  at: span.at,
  event: { span: event, column: f.event },
  eventType: { span: eventType, column: f.event_type },
  project: { span: project, column: f.project },
  subject: { span: subject, column: f.subject },
};
const { at: _, ...named } = eventFacts;
const facts = {
  ...named,
  dispatch: { span: dispatch, column: f.dispatch },
  round,
  attempt,
  attemptId,
  endpoint: { span: endpoint, column: f.endpoint },
};
const disposition = {
  span: span.disposition,
  within: { kind: { span: span.kind, column: f.disposition }, reason: span.reason, dueMs: span.dueMs },
};

interface Reading {
  /** What the record begins with. */
  readonly prefix: Buffer;
  readonly shape: Shape;
  readonly same: (row: RowBytes, spans: JsonSpans) => boolean;
  /** The columns that this type has; the others are null. */
  readonly others: readonly number[];
}

const always = new Set<number>(
  (['record_offset', 'recorded_at', 'key', 'value', 'chain', 'response_excerpt'] as const).map(
    (name) => recordField[name],
  ),
);
for (const name of ['type', 'unreadable', 'problem', 'duplicate', 'late'] as const) always.add(recordField[name]);

function reading(
  name: string,
  shape: ShapeDefinition,
  columns: readonly (keyof typeof recordField)[],
  same: Reading['same'],
): Reading {
  const own = new Set(columns.map((column) => recordField[column]));
  return {
    prefix: Buffer.from(`{"v":1,"type":${JSON.stringify(name)},`),
    shape: shapeOf({ type, ...shape }),
    same,
    others: Object.values(recordField).filter((field) => !own.has(field) && !always.has(field)),
  };
}

const factColumns = ['project', 'event', 'event_type', 'subject', 'origin', 'occurred_at'] as const;
const moveColumns = [...factColumns, 'dispatch', 'round', 'attempt', 'park', 'endpoint'] as const;
const attemptSettled = reading(
  'AttemptSettled',
  {
    ...facts,
    park: span.park,
    endpointVersion: span.endpointVersion,
    url: { span: span.url, column: f.url },
    startedAt: span.at,
    durationMs: span.durationMs,
    phases: 'passed',
    outcome: { span: span.outcome, column: f.outcome },
    httpStatus: span.httpStatus,
    detail: span.detail,
    status: { span: span.status, column: f.status },
    response: {
      span: span.response,
      within: {
        digest: { span: span.digest, column: f.response_digest },
        bytes: span.responseBytes,
        truncated: span.truncated,
      },
    },
    disposition,
    keyIds: 'passed',
    bodyDigest: 'passed',
    bodyBytes: 'passed',
    owner: 'passed',
  },
  [
    ...moveColumns,
    'endpoint_version',
    'duration_ms',
    'url',
    'status',
    'outcome',
    'http_status',
    'detail',
    'disposition',
    'reason',
    'due_at',
    'response_digest',
    'response_bytes',
    'response_truncated',
  ],
  (row, spans) =>
    sameMove(row, spans) &&
    sameInteger(row, f.endpoint_version, spans, span.endpointVersion) &&
    sameNumber(row, f.duration_ms, spans, span.durationMs) &&
    sameText(row, f.url, spans, span.url, columnLongTextMax) &&
    isWord(spans, span.status, statuses) &&
    sameText(row, f.status, spans, span.status) &&
    isText(spans, span.outcome) &&
    sameText(row, f.outcome, spans, span.outcome) &&
    sameInteger(row, f.http_status, spans, span.httpStatus) &&
    sameText(row, f.detail, spans, span.detail, columnLongTextMax) &&
    sameDisposition(row, spans) &&
    sameResponse(row, spans),
);

const eventAccepted = reading(
  'EventAccepted',
  {
    ...eventFacts,
    source: 'passed',
    reply: 'passed',
    eventTime: 'passed',
    dispatches: {
      span: span.dispatches,
      each: { endpoint: span.eachEndpoint, dispatch: span.eachDispatch, bodyDigest: 'passed', correlation: 'passed' },
      check: (spans) =>
        isText(spans, span.eachEndpoint) && isText(spans, span.eachDispatch) && isDispatchId(spans, span.eachDispatch),
    },
    refused: 'passed',
  },
  factColumns,
  (row, spans) => sameFacts(row, spans) && spans.kinds[span.dispatches] === kinds.list,
);

const eventUnmatched = reading(
  'EventUnmatched',
  { ...eventFacts, source: 'passed', reason: span.reason, detail: span.detail, reply: 'passed' },
  [...factColumns, 'reason', 'detail'],
  (row, spans) =>
    sameFacts(row, spans) &&
    sameText(row, f.reason, spans, span.reason) &&
    sameText(row, f.detail, spans, span.detail, columnLongTextMax),
);

const attemptStarted = reading(
  'AttemptStarted',
  { ...facts, park: span.park, at: span.at, deadline: 'passed', owner: 'passed' },
  moveColumns,
  sameMove,
);

const dispatchDeferred = reading(
  'DispatchDeferred',
  {
    ...facts,
    park: span.park,
    at: span.at,
    reason: span.reason,
    due: span.due,
    detail: span.detail,
    owner: 'passed',
  },
  [...moveColumns, 'reason', 'detail', 'due_at'],
  (row, spans) =>
    sameMove(row, spans) &&
    spans.kinds[span.park] === kinds.number &&
    isText(spans, span.reason) &&
    sameText(row, f.reason, spans, span.reason) &&
    sameText(row, f.detail, spans, span.detail, columnLongTextMax) &&
    sameMoment(row, f.due_at, spans, span.due),
);

/** The most frequent first. */
const readings = [attemptSettled, eventAccepted, eventUnmatched, dispatchDeferred, attemptStarted];
const typeAt = '{"v":1,"type":"'.length;
const spans = new JsonSpans();

/** @returns true: the columns are those of the bytes, and the kept answer is the one that came. False: not known. */
export function columnsAreSame(row: RowBytes): boolean {
  const { buffer: bytes, starts, lengths } = row;
  const length = lengths[f.value]!;
  const start = starts[f.value]!;
  if (lengths[f.problem]! >= 0 || bytes[starts[f.unreadable]!] !== 0 || Number.isNaN(wholeMsAt(row, f.recorded_at)))
    return false;
  for (const { prefix, shape, same, others } of readings) {
    if (length <= prefix.length || !startsWith(bytes, start, prefix)) continue;
    // The type between its quotes, and as long as it.
    const typeLength = prefix.length - typeAt - 2;
    if (lengths[f.type] !== typeLength || !equal(bytes, start + typeAt, bytes, starts[f.type]!, typeLength))
      return false;
    for (let index = 0; index < others.length; index += 1) if (lengths[others[index]!]! >= 0) return false;
    if (!spans.read(row, { at: start + prefix.length, end: start + length }, shape)) return false;
    return spans.kinds[type] === kinds.absent && same(row, spans) && sameExcerpt(row);
  }
  return false;
}

function sameFacts(row: RowBytes, at: JsonSpans): boolean {
  return (
    isText(at, project) &&
    isText(at, event) &&
    isText(at, eventType) &&
    isText(at, origin) &&
    sameText(row, f.project, at, project) &&
    sameText(row, f.event, at, event) &&
    sameText(row, f.event_type, at, eventType) &&
    sameText(row, f.subject, at, subject) &&
    sameText(row, f.origin, at, origin) &&
    at.kinds[span.at] === kinds.text &&
    sameMoment(row, f.occurred_at, at, span.at)
  );
}

function sameMove(row: RowBytes, at: JsonSpans): boolean {
  return (
    isText(at, dispatch) &&
    isText(at, endpoint) &&
    at.kinds[round] === kinds.number &&
    at.kinds[attempt] === kinds.number &&
    isDispatchId(at, dispatch) &&
    isAttemptId(at) &&
    sameText(row, f.dispatch, at, dispatch) &&
    sameInteger(row, f.round, at, round) &&
    sameInteger(row, f.attempt, at, attempt) &&
    sameInteger(row, f.park, at, span.park) &&
    sameText(row, f.endpoint, at, endpoint) &&
    sameFacts(row, at)
  );
}

const statuses = ['SUCCESS', 'FAIL', 'ERROR'].map((word) => Buffer.from(word));
const [delivered, retry] = [Buffer.from('delivered'), Buffer.from('retry')];
const ended = [Buffer.from('dead'), Buffer.from('suppressed')];

function sameDisposition(row: RowBytes, at: JsonSpans): boolean {
  const { lengths } = row;
  if (at.kinds[span.disposition] !== kinds.object || !sameText(row, f.disposition, at, span.kind)) return false;
  if (isWord(at, span.kind, [delivered])) return lengths[f.reason]! < 0 && lengths[f.due_at]! < 0;
  if (isWord(at, span.kind, [retry])) return lengths[f.reason]! < 0 && sameEpochMs(row, f.due_at, at, span.dueMs);
  return (
    isWord(at, span.kind, ended) &&
    lengths[f.due_at]! < 0 &&
    isText(at, span.reason) &&
    sameText(row, f.reason, at, span.reason)
  );
}

function sameResponse(row: RowBytes, at: JsonSpans): boolean {
  const { buffer: bytes, starts, lengths } = row;
  const kind = at.kinds[span.response];
  if (kind === kinds.absent) {
    return lengths[f.response_digest]! < 0 && lengths[f.response_bytes]! < 0 && lengths[f.response_truncated]! < 0;
  }
  const truncated = at.kinds[span.truncated];
  return (
    kind === kinds.object &&
    sameText(row, f.response_digest, at, span.digest) &&
    sameInteger(row, f.response_bytes, at, span.responseBytes) &&
    (truncated === kinds.true || truncated === kinds.false) &&
    lengths[f.response_truncated] === 1 &&
    bytes[starts[f.response_truncated]!] === Number(truncated === kinds.true)
  );
}

/** The excerpt lies in no column's place in the record: its digest does. */
function sameExcerpt({ buffer: bytes, starts, lengths }: RowBytes): boolean {
  const length = lengths[f.response_excerpt]!;
  if (length < 0) return true;
  if (lengths[f.response_digest]! < 0) return false;
  const at = starts[f.response_excerpt]!;
  const digest = starts[f.response_digest]!;
  const kept = bytes.toString('latin1', digest, digest + lengths[f.response_digest]!);
  return hash('sha256', bytes.subarray(at, at + length), 'hex') === kept;
}

const dispatchIdLength = 'dsp_'.length + 26;

function isDispatchId({ bytes, starts, ends }: JsonSpans, of: number): boolean {
  const start = starts[of]!;
  if (ends[of]! - start !== dispatchIdLength || !startsWith(bytes, start, dsp)) return false;
  for (let at = start + dsp.length; at < start + dispatchIdLength; at += 1) {
    const byte = bytes[at]!;
    if (!((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x32 && byte <= 0x37))) return false;
  }
  return true;
}
const dsp = Buffer.from('dsp_');

/** Made of its own parts: `<dispatch>.<round>.<attempt>`, in their own figures, of nine at most and without a zero before them. */
function isAttemptId(at: JsonSpans): boolean {
  const { bytes, starts, ends } = at;
  const roundFrom = starts[round]!;
  const attemptFrom = starts[attempt]!;
  const roundLength = ends[round]! - roundFrom;
  const attemptLength = ends[attempt]! - attemptFrom;
  const start = starts[attemptId]!;
  const dotted = start + dispatchIdLength;
  return (
    at.kinds[attemptId] === kinds.text &&
    ends[attemptId]! - start === dispatchIdLength + 2 + roundLength + attemptLength &&
    roundLength <= 9 &&
    attemptLength <= 9 &&
    integerOf(at, round) >= 0 &&
    integerOf(at, attempt) >= 1 &&
    bytes[dotted] === 0x2e /* . */ &&
    bytes[dotted + 1 + roundLength] === 0x2e &&
    equal(bytes, start, bytes, starts[dispatch]!, dispatchIdLength) &&
    equal(bytes, dotted + 1, bytes, roundFrom, roundLength) &&
    equal(bytes, dotted + 2 + roundLength, bytes, attemptFrom, attemptLength)
  );
}
