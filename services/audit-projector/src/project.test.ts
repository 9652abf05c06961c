import { dispatchIdOf, encodeAudit, responseHeader, type AuditRecord } from '@postrider/core/contracts';
import type { AttemptId, EndpointId, EventId, Origin, ProjectId } from '@postrider/core/domain';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditRowOf } from './project.ts';

const at = Date.UTC(2030, 0, 1, 12);
const dispatch = dispatchIdOf({
  environment: 'test',
  source: 's',
  eventId: 'ev' as EventId,
  endpointId: 'ep' as EndpointId,
});

const settled = {
  type: 'AttemptSettled',
  dispatch,
  round: 0,
  attempt: 1,
  attemptId: `${dispatch}.0.1` as AttemptId,
  park: 0,
  endpoint: 'ep' as EndpointId,
  project: 'prj' as ProjectId,
  event: 'ev' as EventId,
  eventType: 'kyc.approved',
  subject: 'sub',
  origin: 'test.events/0/1' as Origin,
  endpointVersion: 2,
  url: 'https://hooks.example.com/kyc',
  startedAt: '2030-01-01T11:59:59.500Z',
  durationMs: 12.5,
  outcome: 'http-status',
  httpStatus: 500,
  status: 'FAIL',
  response: { digest: 'a'.repeat(64), bytes: 7, truncated: true },
  disposition: { kind: 'retry', dueMs: at + 5_000, attempt: 2 },
  keyIds: ['k1'],
  bodyDigest: 'b'.repeat(64),
  bodyBytes: 3,
  owner: { generation: 1, member: 'm' },
} as const satisfies AuditRecord;

describe('a rotation of secrets', () => {
  it('is found by its endpoint, and its columns hold no secret', () => {
    const record = {
      type: 'SecretRotated',
      at: '2030-01-01T12:00:00.000Z',
      actor: 'ops',
      endpoint: 'ep' as EndpointId,
      project: 'prj' as ProjectId,
      endpointVersion: 3,
      change: 'rotated',
      secrets: [{ id: 'k2', purpose: 'signing', state: 'added', fingerprint: '01234567' }],
    } as const satisfies AuditRecord;
    const columns = {
      endpoint: 'ep',
      project: 'prj',
      endpointVersion: 3,
      actor: 'ops',
      reason: 'rotated',
      occurredMs: at,
    };
    expect(rowOf(record)).toMatchObject({ unreadable: false, effects: [], columns });
    expect(rowOf(Buffer.from('{"type":"SecretRotated"}')).unreadable).toBe(true);
  });
});

function rowOf(record: object | Buffer | null, headers: [string, Buffer][] = []) {
  const value = record === null || Buffer.isBuffer(record) ? record : encodeAudit(record as AuditRecord);
  return auditRowOf({
    offset: 7,
    timestamp: at,
    key: Buffer.from('ep'),
    value,
    headers: new Map(headers.map(([name, each]) => [name, [each]])),
  });
}

describe('auditRowOf', () => {
  it('takes every column out of a settled attempt, and the excerpt out of its header', () => {
    const row = rowOf(settled, [[responseHeader, Buffer.from([0, 255])]]);
    expect(row).toMatchObject({
      offset: 7,
      recordedMs: at,
      unreadable: false,
      problem: null,
      identity: `settled:${dispatch}.0.1`,
    });
    expect(row.responseExcerpt).toEqual(Buffer.from([0, 255]));
    expect(row.columns).toEqual({
      type: 'AttemptSettled',
      dispatch,
      round: 0,
      attempt: 1,
      park: 0,
      endpoint: 'ep',
      endpointVersion: 2,
      project: 'prj',
      event: 'ev',
      eventType: 'kyc.approved',
      subject: 'sub',
      origin: 'test.events/0/1',
      actor: null,
      occurredMs: at - 500,
      durationMs: 12.5,
      url: 'https://hooks.example.com/kyc',
      status: 'FAIL',
      outcome: 'http-status',
      httpStatus: 500,
      detail: null,
      disposition: 'retry',
      reason: null,
      dueMs: at + 5_000,
      responseDigest: 'a'.repeat(64),
      responseBytes: 7,
      responseTruncated: true,
    });
    expect(row.effects).toEqual([
      expect.objectContaining({
        kind: 'settled',
        dispatch,
        round: 0,
        status: 'FAIL',
        next: { kind: 'retry', dueMs: at + 5_000 },
      }),
    ]);
  });

  it('makes a delivery of each dispatch of an accepted event', () => {
    const other = dispatchIdOf({
      environment: 'test',
      source: 's',
      eventId: 'ev' as EventId,
      endpointId: 'ep2' as EndpointId,
    });
    const row = rowOf({
      type: 'EventAccepted',
      origin: 'test.events/0/1',
      at: '2030-01-01T11:00:00.000Z',
      source: 's',
      event: 'ev',
      eventType: 't',
      project: 'prj',
      dispatches: [
        { endpoint: 'ep', dispatch, bodyDigest: 'x' },
        { endpoint: 'ep2', dispatch: other, bodyDigest: 'x' },
      ],
    });
    expect(row.identity).toBe('event:test.events/0/1');
    expect(
      row.effects.map((effect) => [effect.kind, effect.dispatch, effect.facts.endpoint, effect.facts.seenMs]),
    ).toEqual([
      ['accepted', dispatch, 'ep', at - 3_600_000],
      ['accepted', other, 'ep2', at - 3_600_000],
    ]);
  });

  it('gives the end of a round without an attempt its state and reason', () => {
    const { type: _, ...facts } = settled;
    const row = rowOf({
      ...facts,
      type: 'DispatchEnded',
      at: '2030-01-01T11:00:00.000Z',
      disposition: { kind: 'dead', reason: 'expired' },
    });
    expect(row.columns).toMatchObject({ disposition: 'dead', reason: 'expired' });
    expect(row.effects).toEqual([expect.objectContaining({ kind: 'ended', state: 'dead', reason: 'expired' })]);
  });

  it('replaces what a column cannot hold, says so, and still counts the attempt', () => {
    const row = rowOf({ ...settled, subject: 'a\0b', detail: '\ud800', httpStatus: 2 ** 40 });
    expect(row).toMatchObject({
      unreadable: true,
      columns: { subject: 'a\uFFFDb', detail: '\uFFFD', httpStatus: null },
    });
    expect(row.problem).toMatch(/subject.*httpStatus.*detail|httpStatus/);
    expect(row.effects).toHaveLength(1);
  });

  it('tells identities apart that a column could not', () => {
    const event = {
      type: 'EventUnmatched',
      at: '2030-01-01T11:00:00.000Z',
      event: 'e',
      eventType: 't',
      project: 'p',
      reason: 'no-endpoint',
    };
    const [a, b] = [rowOf({ ...event, origin: 'x\0' }), rowOf({ ...event, origin: 'x\uFFFD' })];
    expect(a.identity).not.toBe(b.identity);
    expect(a.identity).toMatch(/^sha256:/);
  });

  it.each([
    ['no value', null],
    ['no JSON', Buffer.from('{"type":')],
    ['an unknown type', Buffer.from('{"type":"SecretRotated"}')],
    ['the name of a property of every object as its type', Buffer.from('{"type":"toString"}')],
    ['an attempt id of another dispatch', { ...settled, attemptId: `${dispatch}.0.2` }],
    ['a status that is none', { ...settled, status: 'OK' }],
    ['a disposition that is none', { ...settled, disposition: { kind: 'lost' } }],
    ['a round out of range', { ...settled, round: 2 ** 31, attemptId: `${dispatch}.${2 ** 31}.1` }],
  ])('keeps the bytes alone of a record with %s', (_, record) => {
    const row = rowOf(record);
    expect(row).toMatchObject({ unreadable: true, identity: null, effects: [], columns: { type: null } });
    expect(row.problem).toBeTruthy();
    expect(row.key).toEqual(Buffer.from('ep'));
  });

  it('keeps the bytes of a record that is told from others by something that is no text', () => {
    const record = { type: 'EventAccepted', origin: { toString: 1, valueOf: 1 }, dispatches: [], next: [] };
    const value = Buffer.from(JSON.stringify(record));
    const row = auditRowOf({ offset: 1, timestamp: at, key: null, value, headers: new Map() });
    expect(row).toMatchObject({ value, unreadable: true, identity: null, effects: [], columns: { type: null } });
  });

  it('makes of any JSON under any known type a row whose text PostgreSQL takes', () => {
    const types = [
      'AttemptSettled',
      'DispatchDeferred',
      'DispatchEnded',
      'EndpointDisabled',
      'PartitionReleased',
      'EventAccepted',
    ];
    const more = [
      'EventUnmatched',
      'EventRejected',
      'RangeLost',
      'ReplayRequested',
      'ReplayFinished',
      'EndpointChanged',
      'SecretRotated',
    ];
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(-1, 1e300, 2 ** 53, '\0', '\ud800'),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...types, ...more),
        fc.dictionary(fc.constantFrom(...Object.keys(settled)), strange),
        (type, changes) => {
          const row = rowOf(Buffer.from(JSON.stringify({ ...settled, ...changes, type })));
          const values: unknown[] = Object.values(row.columns);
          const texts = [...values, row.identity, row.problem].filter((each) => typeof each === 'string');
          for (const text of texts) {
            expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
            expect(text.length).toBeLessThanOrEqual(8_192);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
