import { describe, expect, it } from 'vitest';
import type { AttemptId, DispatchId, EndpointId, EventId, Origin, ProjectId } from '../domain/index.ts';
import {
  decodeAudit,
  encodeAudit,
  identityOf,
  timestamp,
  type AuditRecord,
  type AuditRecordType,
} from './audit-record.ts';

const at = '2026-01-02T03:04:05.006Z';
const owner = { generation: 3, member: 'm-1' };
const facts = {
  dispatch: 'dsp_a' as DispatchId,
  round: 1,
  attempt: 2,
  attemptId: 'dsp_a.1.2' as AttemptId,
  endpoint: 'ep-1' as EndpointId,
  project: 'acme' as ProjectId,
  event: 'evt-1' as EventId,
  eventType: 'check.done',
  subject: 'sub-1',
  origin: 'live.events/0/7' as Origin,
};
const event = {
  origin: facts.origin,
  at,
  source: '/s',
  event: facts.event,
  eventType: facts.eventType,
  project: facts.project,
};

/** One record of every type. */
const records: { readonly [Type in AuditRecordType]: Extract<AuditRecord, { type: Type }> } = {
  AttemptSettled: {
    type: 'AttemptSettled',
    ...facts,
    park: 0,
    endpointVersion: 4,
    url: 'https://a.example/hook?key=***',
    startedAt: at,
    durationMs: 12.345,
    phases: { dnsMs: 1, firstByteMs: 9.5 },
    outcome: 'http-status',
    httpStatus: 500,
    status: 'FAIL',
    response: { digest: 'ab', bytes: 3, truncated: false },
    disposition: { kind: 'retry', dueMs: 5, attempt: 3 },
    keyIds: ['k1'],
    bodyDigest: 'cd',
    bodyBytes: 10,
    owner,
  },
  AttemptStarted: { type: 'AttemptStarted', ...facts, at, deadline: at, owner },
  PartitionClosed: {
    type: 'PartitionClosed',
    at,
    actor: 'ann',
    reason: 'older than 90d',
    day: '2026-01-01',
    topic: 'live.attempts',
    partition: 3,
    from: 10,
    next: 25,
    rows: 15,
    total: 24,
    head: 'ab'.repeat(32),
  },
  ClassClosed: {
    type: 'ClassClosed',
    at,
    actor: 'ann',
    reason: 'class trial, older than 30d',
    day: '2026-01-01',
    class: 'trial',
    topic: 'live.attempts',
    partition: 3,
    from: 11,
    next: 24,
    rows: 6,
    digest: 'cd'.repeat(32),
  },
  SecretRotated: {
    type: 'SecretRotated',
    at,
    actor: 'ops',
    endpoint: facts.endpoint,
    project: facts.project,
    endpointVersion: 5,
    change: 'rotated',
    secrets: [{ id: 's2', purpose: 'signing', state: 'added', fingerprint: '0a1b2c3d' }],
  },
  DispatchDeferred: { type: 'DispatchDeferred', ...facts, park: 0, at, reason: 'paused', due: at, owner },
  DispatchEnded: { type: 'DispatchEnded', ...facts, at, disposition: { kind: 'dead', reason: 'expired' }, owner },
  EndpointDisabled: {
    type: 'EndpointDisabled',
    endpoint: facts.endpoint,
    endpointVersion: 4,
    project: facts.project,
    at,
    reason: 'gone',
    attemptId: facts.attemptId,
    owner,
  },
  PartitionReleased: { type: 'PartitionReleased', partition: 2, at, owner },
  RangeLost: { type: 'RangeLost', at, service: 'dispatch', topic: 'live.dispatches', partition: 2, from: 7, to: 9 },
  EventAccepted: {
    type: 'EventAccepted',
    ...event,
    dispatches: [{ endpoint: facts.endpoint, dispatch: facts.dispatch, bodyDigest: 'cd' }],
  },
  EventUnmatched: { type: 'EventUnmatched', ...event, reason: 'no-endpoint' },
  EventRejected: { type: 'EventRejected', origin: facts.origin, at, reason: 'empty', detail: 'the value has 0 bytes' },
  ReplayRequested: {
    type: 'ReplayRequested',
    at,
    replay: 'rp-1',
    actor: 'ops',
    reason: 'asked',
    filter: { dispatch: facts.dispatch },
    planned: 1,
    openCircuits: [facts.endpoint],
  },
  ReplayFinished: { type: 'ReplayFinished', at, replay: 'rp-1', actor: 'ops', sent: 1, skipped: 0, failed: 0 },
  EndpointChanged: {
    type: 'EndpointChanged',
    at,
    actor: 'ops',
    endpoint: facts.endpoint,
    change: 'created',
    after: { version: 1, url: 'https://a.example', digest: 'ef' },
  },
};

const identities: Readonly<Record<AuditRecordType, string | undefined>> = {
  AttemptStarted: 'started:dsp_a.1.2',
  SecretRotated: undefined,
  AttemptSettled: 'settled:dsp_a.1.2',
  DispatchDeferred: 'deferred:dsp_a.1.2/0',
  DispatchEnded: 'settled:dsp_a.1.2',
  EndpointDisabled: 'disabled:ep-1/4',
  PartitionReleased: undefined,
  RangeLost: 'lost:dispatch/live.dispatches/2/7-9',
  EventAccepted: 'event:live.events/0/7',
  EventUnmatched: 'event:live.events/0/7',
  EventRejected: 'event:live.events/0/7',
  PartitionClosed: `closed:2026-01-01/live.attempts/3/25/${'ab'.repeat(32)}`,
  ClassClosed: `closed:2026-01-01/trial/live.attempts/3/24/${'cd'.repeat(32)}`,
  ReplayRequested: 'ReplayRequested:rp-1',
  ReplayFinished: 'ReplayFinished:rp-1',
  EndpointChanged: undefined,
};

describe.each(Object.values(records))('$type', (record) => {
  it('comes back as it was written, with the version of its layout', () => {
    const bytes = encodeAudit(record);
    expect(decodeAudit(bytes)).toEqual({ ok: true, value: { v: 1, ...record } });
  });

  it('is told apart from copies by its identity', () => {
    expect(identityOf(record)).toBe(identities[record.type]);
  });
});

describe('decodeAudit', () => {
  it.each([
    ['a tombstone', null],
    ['0 bytes', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{"type":')],
    ['null', Buffer.from('null')],
    ['an array', Buffer.from('[]')],
    ['text', Buffer.from('"AttemptSettled"')],
    ['no type', Buffer.from('{}')],
    ['a type that is a number', Buffer.from('{"type":1}')],
    ['an unknown type', Buffer.from('{"type":"SomethingNew"}')],
    ['a type that every object has', Buffer.from('{"type":"constructor"}')],
    ['a type that is the prototype', Buffer.from('{"type":"__proto__"}')],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('says what is wrong with %s and does not throw', (_, value) => {
    const decoded = decodeAudit(value);
    expect(decoded.ok).toBe(false);
    expect(decoded.ok ? '' : decoded.problem).not.toBe('');
  });

  it('reads its part of a larger buffer only', () => {
    const whole = Buffer.concat([Buffer.from('xx'), encodeAudit(records.PartitionReleased), Buffer.from('yy')]);
    expect(decodeAudit(new Uint8Array(whole.buffer, whole.byteOffset + 2, whole.length - 4))).toMatchObject({
      ok: true,
    });
  });
});

describe('identityOf', () => {
  it('takes a parked copy of one attempt for another deferral', () => {
    expect(identityOf({ ...records.DispatchDeferred, park: 1 })).not.toBe(identityOf(records.DispatchDeferred));
  });

  it('takes the end of an attempt for its settlement: dispatch follows whichever stands first', () => {
    expect(identityOf(records.DispatchEnded)).toBe(identityOf(records.AttemptSettled));
  });
});

it('writes times as ISO 8601 in UTC with milliseconds', () => {
  expect(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe(at);
});
