// The handler: one record of `audit` or `attempts` to one row of the tables. Pure, and total: every record becomes a row,
// if need be one of bytes alone.

import { createHash } from 'node:crypto';
import {
  decodeAudit,
  identityOf,
  parseAttemptId,
  responseHeader,
  type AuditRecord,
  type AuditRecordType,
} from '@postrider/core/contracts';
import type { KafkaRecord } from '@postrider/kafka';
import {
  bareRow,
  type AuditColumns,
  type AuditRow,
  type DeliveryEffect,
  type DeliveryFacts,
} from '@postrider/postgres';
import { ColumnReader } from './column-reader.ts';
import { columnLongTextMax, columnTextMax } from './limits.ts';

/** Where a row's time must lie to be written at all; a broker that says otherwise is misconfigured. */
const recordedMax = 253_402_300_799_999;

export type LogRecord = Pick<KafkaRecord, 'offset' | 'timestamp' | 'key' | 'value' | 'headers'>;

interface Extracted {
  readonly columns: Partial<AuditColumns>;
  readonly effects: readonly DeliveryEffect[];
}

/** The row of a record. Never throws. */
export function auditRowOf(record: LogRecord): AuditRow {
  const timely = record.timestamp >= 0 && record.timestamp <= recordedMax;
  const kept = {
    offset: record.offset,
    recordedMs: timely ? record.timestamp : 0,
    key: record.key,
    value: record.value,
    responseExcerpt: record.headers.get(responseHeader)?.at(-1) ?? null,
  };
  const decoded = decodeAudit(record.value);
  if (!decoded.ok) return bareRow(kept, storable(decoded.problem, columnLongTextMax));

  const reader = new ColumnReader(decoded.value, timely ? [] : [`the broker's time ${record.timestamp} is none`]);
  const extracted = extract(decoded.value, reader, kept.recordedMs);
  const problem = reader.problem();
  if (extracted === undefined) {
    return bareRow(kept, `${decoded.value.type}: ${problem ?? 'a field that it needs is missing'}`);
  }
  const identity = identityIn(decoded.value);
  if (identity === undefined) return bareRow(kept, `${decoded.value.type}: what tells it from others is no text`);
  return {
    ...kept,
    columns: columnsOf(decoded.value.type, extracted.columns),
    unreadable: problem !== null,
    problem,
    identity,
    effects: extracted.effects,
  };
}

/** Written out: spreading one object over another takes as long as decoding the record. */
function columnsOf(type: AuditRecordType, of: Partial<AuditColumns>): AuditColumns {
  return {
    type,
    dispatch: of.dispatch ?? null,
    round: of.round ?? null,
    attempt: of.attempt ?? null,
    park: of.park ?? null,
    endpoint: of.endpoint ?? null,
    endpointVersion: of.endpointVersion ?? null,
    project: of.project ?? null,
    event: of.event ?? null,
    eventType: of.eventType ?? null,
    subject: of.subject ?? null,
    origin: of.origin ?? null,
    actor: of.actor ?? null,
    occurredMs: of.occurredMs ?? null,
    durationMs: of.durationMs ?? null,
    url: of.url ?? null,
    status: of.status ?? null,
    outcome: of.outcome ?? null,
    httpStatus: of.httpStatus ?? null,
    detail: of.detail ?? null,
    disposition: of.disposition ?? null,
    reason: of.reason ?? null,
    dueMs: of.dueMs ?? null,
    responseDigest: of.responseDigest ?? null,
    responseBytes: of.responseBytes ?? null,
    responseTruncated: of.responseTruncated ?? null,
  };
}

/** Columns and effects by type; undefined when a field is missing without which the record says nothing. */
function extract(record: AuditRecord, reader: ColumnReader, recordedMs: number): Extracted | undefined {
  switch (record.type) {
    case 'AttemptSettled':
      return attemptSettled(reader, recordedMs);
    case 'AttemptStarted': {
      const atMs = reader.moment('at') ?? recordedMs;
      const move = moving(reader, atMs);
      return move && { columns: { ...move.columns, occurredMs: atMs }, effects: [] };
    }
    case 'DispatchDeferred':
    case 'DispatchEnded':
      return withoutAttempt(record.type, reader, recordedMs);
    case 'EventAccepted':
      return eventAccepted(reader, recordedMs);
    case 'EventUnmatched':
    case 'EventRejected': {
      const columns = eventColumns(reader);
      if (columns.origin === null) return undefined;
      return {
        columns: { ...columns, reason: reader.text('reason'), detail: reader.text('detail', columnLongTextMax) },
        effects: [],
      };
    }
    case 'RangeLost': {
      const [actor, topic] = [reader.text('service'), reader.text('topic')];
      const partition = reader.integer('partition');
      const from = reader.integer('from', Number.MAX_SAFE_INTEGER);
      const to = reader.integer('to', Number.MAX_SAFE_INTEGER);
      if ([actor, topic, partition, from, to].includes(null)) return undefined;
      return { columns: { ...statement(reader), actor, detail: `${topic}/${partition}/${from}-${to}` }, effects: [] };
    }
    case 'ReplayRequested':
    case 'ReplayFinished': {
      const filter = reader.within('filter');
      const replay = reader.text('replay');
      if (replay === null) return undefined;
      return {
        columns: {
          ...statement(reader),
          detail: replay,
          dispatch: filter?.text('dispatch') ?? null,
          endpoint: filter?.text('endpoint') ?? null,
        },
        effects: [],
      };
    }
    case 'EndpointChanged': {
      const after = reader.within('after');
      return {
        columns: {
          ...statement(reader),
          endpoint: reader.text('endpoint'),
          project: reader.text('project'),
          reason: reader.text('change'),
          endpointVersion: after?.integer('version', Number.MAX_SAFE_INTEGER) ?? null,
          url: after?.text('url', columnLongTextMax) ?? null,
        },
        effects: [],
      };
    }
    case 'SecretRotated': {
      const endpoint = reader.text('endpoint');
      if (endpoint === null) return undefined;
      const endpointVersion = reader.integer('endpointVersion', Number.MAX_SAFE_INTEGER);
      const told = { project: reader.text('project'), reason: reader.text('change') };
      return { columns: { ...statement(reader), endpoint, endpointVersion, ...told }, effects: [] };
    }
    case 'EndpointDisabled': {
      const endpoint = reader.text('endpoint');
      const endpointVersion = reader.integer('endpointVersion', Number.MAX_SAFE_INTEGER);
      if (endpoint === null || endpointVersion === null) return undefined;
      const detail = reader.text('attemptId');
      return {
        columns: { ...statement(reader), endpoint, project: reader.text('project'), endpointVersion, detail },
        effects: [],
      };
    }
    case 'PartitionClosed': {
      const closing = closingWords(reader);
      return closing === undefined ? undefined : { columns: { ...statement(reader), detail: closing }, effects: [] };
    }
    case 'ClassClosed': {
      const closing = classClosingWords(reader);
      return closing === undefined ? undefined : { columns: { ...statement(reader), detail: closing }, effects: [] };
    }
    case 'PartitionReleased':
      return { columns: statement(reader), effects: [] };
  }
}

const statement = (reader: ColumnReader): Partial<AuditColumns> => ({
  occurredMs: reader.moment('at'),
  actor: reader.text('actor'),
  reason: reader.text('reason'),
});

/** What is closed, in the words that migration 0006 looks for (`audit_closing`). */
function closingWords(reader: ColumnReader): string | undefined {
  const [day, topic, head] = [reader.text('day'), reader.text('topic'), reader.text('head')];
  const partition = reader.integer('partition');
  const [from, next, rows] = ['from', 'next', 'rows'].map((name) => reader.integer(name, Number.MAX_SAFE_INTEGER));
  if (day === null || topic === null || head === null || partition === null) return undefined;
  if (typeof from !== 'number' || typeof next !== 'number' || typeof rows !== 'number') return undefined;
  return `${day} ${topic}/${partition} ${from}-${next} ${rows} ${head}`;
}

/** As `closingWords`, in those of migration 0013 (`audit_class_closing`). */
function classClosingWords(reader: ColumnReader): string | undefined {
  const [day, name, topic, digest] = ['day', 'class', 'topic', 'digest'].map((field) => reader.text(field));
  const partition = reader.integer('partition');
  const [from, next, rows] = ['from', 'next', 'rows'].map((field) => reader.integer(field, Number.MAX_SAFE_INTEGER));
  if ([day, name, topic, digest, partition, from, next, rows].includes(null)) return undefined;
  return `${day} ${name} ${topic}/${partition} ${from}-${next} ${rows} ${digest}`;
}

interface Moving {
  readonly columns: Partial<AuditColumns>;
  readonly dispatch: string;
  readonly round: number;
  readonly attempt: number;
  readonly facts: DeliveryFacts;
}

/** What every record of the attempts of a dispatch says. `attemptId` must be made of its own parts: the tables count by those. */
function moving(reader: ColumnReader, seenMs: number): Moving | undefined {
  const id = parseAttemptId(reader.text('attemptId') ?? '');
  const dispatch = reader.text('dispatch');
  const round = reader.integer('round');
  const attempt = reader.integer('attempt');
  if (id === undefined || id.dispatchId !== dispatch || id.round !== round || id.attempt !== attempt) return undefined;
  const facts = factsOf(reader, reader.text('endpoint'), seenMs);
  if (facts === undefined) return undefined;
  const { project, endpoint, event, eventType, subject, origin } = facts;
  const columns = {
    dispatch,
    round,
    attempt,
    park: reader.integer('park'),
    project,
    endpoint,
    event,
    eventType,
    subject,
    origin,
  };
  return { columns, dispatch, round, attempt, facts };
}

function factsOf(reader: ColumnReader, endpoint: string | null, seenMs: number): DeliveryFacts | undefined {
  const project = reader.text('project');
  const event = reader.text('event');
  const eventType = reader.text('eventType');
  const origin = reader.text('origin');
  if (endpoint === null || project === null || event === null || eventType === null || origin === null)
    return undefined;
  return { project, endpoint, event, eventType, subject: reader.text('subject'), origin, seenMs };
}

function attemptSettled(reader: ColumnReader, recordedMs: number): Extracted | undefined {
  const startedMs = reader.moment('startedAt') ?? recordedMs;
  const move = moving(reader, startedMs);
  const status = reader.word('status', ['SUCCESS', 'FAIL', 'ERROR']);
  const outcome = reader.text('outcome');
  const disposition = reader.within('disposition');
  const kind = disposition?.word('kind', ['delivered', 'retry', 'dead', 'suppressed']) ?? null;
  if (move === undefined || status === null || outcome === null || disposition === null || kind === null)
    return undefined;
  const reason = kind === 'dead' || kind === 'suppressed' ? (disposition.text('reason') ?? 'unknown') : null;
  const dueMs = kind === 'retry' ? disposition.epochMs('dueMs') : null;
  const httpStatus = reader.integer('httpStatus');
  const response = reader.within('response');
  return {
    columns: {
      ...move.columns,
      endpointVersion: reader.integer('endpointVersion', Number.MAX_SAFE_INTEGER),
      occurredMs: startedMs,
      durationMs: reader.number('durationMs'),
      url: reader.text('url', columnLongTextMax),
      status,
      outcome,
      httpStatus,
      detail: reader.text('detail', columnLongTextMax),
      disposition: kind,
      reason,
      dueMs,
      responseDigest: response?.text('digest') ?? null,
      responseBytes: response?.integer('bytes', Number.MAX_SAFE_INTEGER) ?? null,
      responseTruncated: response?.boolean('truncated') ?? null,
    },
    effects: [
      {
        kind: 'settled',
        dispatch: move.dispatch,
        round: move.round,
        facts: move.facts,
        attempt: move.attempt,
        status,
        outcome,
        httpStatus,
        startedMs,
        next:
          kind === 'dead' || kind === 'suppressed'
            ? { kind, reason: reason ?? 'unknown' }
            : kind === 'retry'
              ? { kind, dueMs }
              : { kind },
      },
    ],
  };
}

function withoutAttempt(
  type: 'DispatchDeferred' | 'DispatchEnded',
  reader: ColumnReader,
  recordedMs: number,
): Extracted | undefined {
  const atMs = reader.moment('at') ?? recordedMs;
  const move = moving(reader, atMs);
  if (move === undefined) return undefined;
  const { columns, dispatch, round, facts } = move;
  const delivery = { dispatch, round, facts };
  const detail = reader.text('detail', columnLongTextMax);
  if (type === 'DispatchDeferred') {
    if (columns.park === null) return undefined;
    const reason = reader.text('reason') ?? 'unknown';
    const dueMs = reader.moment('due');
    return {
      columns: { ...columns, occurredMs: atMs, detail, reason, dueMs },
      effects: [{ kind: 'deferred', ...delivery, reason, dueMs }],
    };
  }
  const disposition = reader.within('disposition');
  const state = disposition?.word('kind', ['dead', 'suppressed']) ?? null;
  if (disposition === null || state === null) return undefined;
  const reason = disposition.text('reason') ?? 'unknown';
  return {
    columns: { ...columns, occurredMs: atMs, detail, disposition: state, reason },
    effects: [{ kind: 'ended', ...delivery, attempt: move.attempt, state, reason }],
  };
}

const eventColumns = (reader: ColumnReader): Partial<AuditColumns> => ({
  occurredMs: reader.moment('at'),
  project: reader.text('project'),
  event: reader.text('event'),
  eventType: reader.text('eventType'),
  subject: reader.text('subject'),
  origin: reader.text('origin'),
});

function eventAccepted(reader: ColumnReader, recordedMs: number): Extracted | undefined {
  const columns = eventColumns(reader);
  const seenMs = columns.occurredMs ?? recordedMs;
  const effects: DeliveryEffect[] = [];
  for (const each of reader.list('dispatches') ?? []) {
    const dispatch = each.text('dispatch');
    const facts = factsOf(reader, each.text('endpoint'), seenMs);
    if (dispatch === null || parseAttemptId(`${dispatch}.0.1`) === undefined || facts === undefined) return undefined;
    effects.push({ kind: 'accepted', dispatch, facts });
  }
  return reader.list('dispatches') === null ? undefined : { columns, effects };
}

/** Undefined: a part of it is an object that refuses to be written out, `{"toString":1}` for one; whoever may write to the topic can make it. */
function identityIn(record: AuditRecord): string | null | undefined {
  try {
    return identityText(identityOf(record));
  } catch {
    return undefined;
  }
}

/** An identity that a column cannot hold as it stands is told apart by its digest. */
function identityText(identity: string | undefined): string | null {
  if (identity === undefined) return null;
  if (identity.length <= columnTextMax && identity.isWellFormed() && !identity.includes('\0')) return identity;
  return `sha256:${createHash('sha256').update(JSON.stringify(identity)).digest('hex')}`;
}

function storable(text: string, max: number): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, max).toWellFormed();
}
