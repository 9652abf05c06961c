// What is compared by bytes is held against what is made of the bytes: the first may not know, and never errs.

import { encodeAudit, responseHeader, sha256Hex, type AuditRecord } from '@postrider/core/contracts';
import { BinaryRows, recordField, StoredRecord, type AuditRow } from '@postrider/postgres';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditRowOf } from './project.ts';
import { columnsAreSame } from './same-columns.ts';

const dispatch = `dsp_${'a2'.repeat(13)}`;
const moving = {
  dispatch,
  round: 0,
  attempt: 3,
  attemptId: `${dispatch}.0.3`,
  endpoint: 'ep_1',
  project: 'prj_ü',
  event: 'evt_1',
  eventType: 'kyc.approved',
  subject: 'sub_1',
  origin: 'live.events/0/17',
};
const event = {
  origin: 'live.events/0/17',
  at: '2030-05-02T12:00:00.000Z',
  source: 'kafka:upstream',
  event: 'evt_1',
  eventType: 'kyc.approved',
  project: 'prj_1',
  subject: 'sub_1',
};
const settled = {
  type: 'AttemptSettled',
  ...moving,
  park: 0,
  endpointVersion: 12,
  url: 'https://hooks.example/in?token=***',
  startedAt: '2030-05-02T11:59:59.987Z',
  durationMs: 12.345,
  phases: { dnsMs: 0.1, connectMs: 2e-7 },
  outcome: 'success',
  httpStatus: 200,
  status: 'SUCCESS',
  response: { digest: sha256Hex(Buffer.from('ok')), bytes: 2, truncated: false },
  disposition: { kind: 'delivered' },
  keyIds: ['k1', 'k"2'],
  bodyDigest: 'b'.repeat(64),
  bodyBytes: 100,
  owner: { generation: 7, member: 'dispatch-1' },
};
const owner = { generation: 1, member: 'm' };

/** As the services write them. */
const records = [
  settled,
  { ...settled, subject: undefined, detail: 'reset', httpStatus: undefined, status: 'ERROR', response: undefined },
  { ...settled, status: 'FAIL', disposition: { kind: 'retry', dueMs: 1_900_000_000_000, attempt: 4 } },
  { ...settled, status: 'FAIL', disposition: { kind: 'dead', reason: 'retries-exhausted' } },
  {
    type: 'EventAccepted',
    ...event,
    dispatches: [
      { endpoint: 'ep_1', dispatch, bodyDigest: 'c' },
      { endpoint: 'é', dispatch },
    ],
  },
  {
    type: 'EventAccepted',
    ...event,
    subject: undefined,
    eventTime: event.at,
    dispatches: [],
    refused: [{ endpoint: 'ep_2', reason: 'x' }],
  },
  { type: 'EventUnmatched', ...event, reason: 'no-endpoint' },
  { type: 'AttemptStarted', ...moving, at: event.at, deadline: event.at, owner },
  {
    type: 'DispatchDeferred',
    ...moving,
    park: 2,
    at: event.at,
    reason: 'breaker-open',
    due: '2030-05-02T12:00:30.000Z',
    owner,
  },
] as unknown as readonly AuditRecord[];

/** Others, which nobody is to take for the same. */
const unusual = [
  { ...settled, url: 'https://hooks.example/"' },
  { ...settled, subject: 'x'.repeat(600) },
  { ...settled, attemptId: `${dispatch}.0.4` },
  { ...settled, startedAt: '2030-02-31T00:00:00.000Z' },
  { ...settled, httpStatus: -1 },
  { ...settled, durationMs: 1e21 },
  { type: 'EndpointChanged', at: event.at, actor: 'op', endpoint: 'ep_1', change: 'created' },
  { type: 'EventAccepted', ...event, dispatches: [{ endpoint: 'ep_1', dispatch: 'dsp_short' }] },
] as unknown as readonly AuditRecord[];

const at = { offset: 5, timestamp: 1_900_000_000_000, key: Buffer.from('key') };
const headersOf = (excerpt: Buffer | null): Map<string, Buffer[]> =>
  new Map(excerpt === null ? [] : [[responseHeader, [excerpt]]]);
const rowOf = (value: Buffer, excerpt: Buffer | null): AuditRow =>
  auditRowOf({ ...at, value, headers: headersOf(excerpt) });

const sized = (bytes: number, write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
};
const int32 = (value: number): Buffer => sized(4, (buffer) => buffer.writeInt32BE(value));
const int64 = (value: number): Buffer => sized(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)));
const moment = (ms: number): Buffer => int64((ms - Date.UTC(2000, 0, 1)) * 1_000);
const truth = (value: boolean): Buffer => Buffer.from([Number(value)]);

/** Fields of the row, as a COPY gives them. */
function fieldsOf(row: AuditRow): (Buffer | null)[] {
  const { columns } = row;
  const maybe = <T>(value: T | null, encode: (value: T) => Buffer): Buffer | null =>
    value === null ? null : encode(value);
  const text = (value: string | null): Buffer | null => maybe(value, (given) => Buffer.from(given));
  const fields: Readonly<Record<keyof typeof recordField, Buffer | Uint8Array | null>> = {
    record_offset: int64(row.offset),
    recorded_at: moment(row.recordedMs),
    key: row.key,
    value: row.value,
    chain: Buffer.alloc(32),
    response_excerpt: row.responseExcerpt,
    unreadable: truth(row.unreadable),
    problem: text(row.problem),
    duplicate: truth(false),
    late: truth(false),
    type: text(columns.type),
    dispatch: text(columns.dispatch),
    round: maybe(columns.round, int32),
    attempt: maybe(columns.attempt, int32),
    park: maybe(columns.park, int32),
    endpoint: text(columns.endpoint),
    endpoint_version: maybe(columns.endpointVersion, int64),
    project: text(columns.project),
    event: text(columns.event),
    event_type: text(columns.eventType),
    subject: text(columns.subject),
    origin: text(columns.origin),
    actor: text(columns.actor),
    occurred_at: maybe(columns.occurredMs, moment),
    duration_ms: maybe(columns.durationMs, (value) => sized(8, (buffer) => buffer.writeDoubleBE(value))),
    url: text(columns.url),
    status: text(columns.status),
    outcome: text(columns.outcome),
    http_status: maybe(columns.httpStatus, int32),
    detail: text(columns.detail),
    disposition: text(columns.disposition),
    reason: text(columns.reason),
    due_at: maybe(columns.dueMs, moment),
    response_digest: text(columns.responseDigest),
    response_bytes: maybe(columns.responseBytes, int64),
    response_truncated: maybe(columns.responseTruncated, truth),
  };
  return Object.keys(recordField).map((name) => {
    const field = fields[name as keyof typeof recordField];
    return field === null ? null : Buffer.from(field);
  });
}

function stored(fields: readonly (Buffer | null)[]): { rows: BinaryRows; record: StoredRecord } {
  const rows = new BinaryRows();
  const content = Buffer.concat([
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
    int32(0),
    int32(0),
    sized(2, (buffer) => buffer.writeInt16BE(fields.length)),
    ...fields.flatMap((field) => (field === null ? [int32(-1)] : [int32(field.length), field])),
  ]);
  rows.push(Buffer.concat([Buffer.from('d'), int32(4 + content.length), content]));
  if (!rows.next()) throw new Error('no row');
  return { rows, record: new StoredRecord(rows) };
}

/** What the verification says of a row that is not compared by bytes. */
function isSame(record: StoredRecord): boolean {
  const excerpt = record.responseExcerpt;
  const { offset, recordedMs, key, value } = record;
  const expected = auditRowOf({ offset, timestamp: recordedMs, key, value, headers: headersOf(excerpt) });
  const { responseDigest } = expected.columns;
  return (
    record.differing(expected).length === 0 &&
    (excerpt === null || responseDigest === null || sha256Hex(excerpt) === responseDigest)
  );
}

describe('columns that are compared by bytes', () => {
  it.each(records.map((record, index) => [index, record.type, record] as const))(
    'are the same for record %i as it is written: %s',
    (_index, type, record) => {
      const excerpt =
        type === 'AttemptSettled' && record.type === 'AttemptSettled' && record.response ? Buffer.from('ok') : null;
      const { rows } = stored(fieldsOf(rowOf(encodeAudit(record), excerpt)));
      expect(columnsAreSame(rows)).toBe(true);
    },
  );

  it.each(unusual.map((record, index) => [index, record] as const))(
    'are left to the others for record %i',
    (_, record) => {
      const { rows } = stored(fieldsOf(rowOf(encodeAudit(record), null)));
      expect(columnsAreSame(rows)).toBe(false);
    },
  );

  it('are never called the same where the others differ, whatever is done to value or columns', () => {
    const change = fc.record({
      // The value, and each column.
      field: fc.oneof(fc.constant(recordField.value), fc.nat(Object.keys(recordField).length - 1)),
      how: fc.constantFrom('flip', 'drop', 'insert', 'null', 'other', 'repeat'),
      place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:019.-eE tfn '))),
    });
    const all = [...records, ...unusual];
    let same = 0;
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.boolean(), fc.array(change, { maxLength: 3 }), (which, kept, changes) => {
        const record = all[which]!;
        const fields = fieldsOf(rowOf(encodeAudit(record), kept ? Buffer.from('ok') : null));
        for (const { field, how, place, byte } of changes) {
          const before = fields[field] ?? null;
          const index = Math.floor((before?.length ?? 0) * place);
          // A time and flags have a length that the server sees to.
          const fixed = new Set(['record_offset', 'recorded_at', 'unreadable', 'duplicate', 'late', 'chain']);
          const name = Object.keys(recordField)[field]!;
          if (before === null) {
            if (how === 'other') fields[field] = fields[recordField.event] ?? null;
          } else if (how === 'flip' || fixed.has(name) || before.length === 4 || before.length === 8) {
            const flipped = Buffer.from(before);
            if (flipped.length > 0) flipped[index] = byte;
            fields[field] = flipped;
          } else if (how === 'null') fields[field] = null;
          else if (how === 'drop')
            fields[field] = Buffer.concat([before.subarray(0, index), before.subarray(index + 1)]);
          else if (how === 'insert')
            fields[field] = Buffer.concat([before.subarray(0, index), Buffer.from([byte]), before.subarray(index)]);
          else if (how === 'repeat')
            // A second member of some name.
            fields[field] = Buffer.concat([before.subarray(0, -1), Buffer.from(',"project":"other"}')]);
        }
        const { rows, record: row } = stored(fields);
        if (!columnsAreSame(rows)) return;
        same += 1;
        expect(isSame(row)).toBe(true);
      }),
      { numRuns: 4_000 },
    );
    expect(same).toBeGreaterThan(200);
  });
});
