import { deadLetterHeaders, dispatchHeaders } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { letterOf, newestFirst } from './dead-letters.ts';
import { nextRound } from './replay.ts';

const dispatch = {
  dispatchId: 'dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa',
  round: 2,
  attempt: 3,
  endpointId: 'shop-eu',
  projectId: 'shop',
  eventId: 'o1',
  eventType: 'order.paid',
  subject: 's1',
  createdMs: 1_000,
  roundStartedMs: 2_000,
  dueMs: 3_000,
  hop: 1,
  park: 4,
  origin: 'test.events/0/7',
  traceparent: '00-a-b-01',
  body: Buffer.from('{"id":1998600000000026050}'),
} as unknown as Dispatch;

function letterRecord(
  headers: Readonly<Record<string, string>>,
  value: Buffer | null = Buffer.from(dispatch.body),
): KafkaRecord {
  const entries = Object.entries(headers).map(([name, text]): [string, Buffer[]] => [name, [Buffer.from(text)]]);
  return {
    topic: 'test.dlq',
    partition: 1,
    offset: 9,
    timestamp: 5_000,
    key: Buffer.from('shop-eu'),
    value,
    headers: new Map(entries),
  };
}

const cause = {
  topic: 'test.dispatches',
  partition: 1,
  offset: 4,
  group: 'test.dispatch',
  attempts: 3,
  message: 'HTTP 500',
};

describe('a dead letter', () => {
  it('whose body is not the one that its id stands for cannot be replayed', () => {
    const headers = dispatchHeaders({ ...dispatch, mustEnd: 'invalid-configuration' });
    const letter = letterOf(letterRecord(deadLetterHeaders(headers, { ...cause, reason: 'invalid-configuration' })));
    expect(letter.dispatch).toMatchObject({ ok: false, problem: expect.stringContaining('its body') as string });
  });

  it('tells why and where its dispatch ended, and gives it back', () => {
    const letter = letterOf(
      letterRecord(deadLetterHeaders(dispatchHeaders(dispatch), { ...cause, reason: 'retries-exhausted' })),
    );
    expect(letter).toMatchObject({
      reason: 'retries-exhausted',
      dispatchId: dispatch.dispatchId,
      endpointId: 'shop-eu',
      round: 2,
      deadAtMs: 5_000,
      from: cause,
    });
    expect(letter.dispatch).toMatchObject({
      ok: true,
      value: { dispatchId: dispatch.dispatchId, subject: 's1', round: 2 },
    });
  });

  it('that could not be read keeps its place, its key as the endpoint and the reason', () => {
    const letter = letterOf(letterRecord({ 'pr-reason': 'undecodable', '__dlq.errors.message': 'pr-v missing' }, null));
    expect(letter).toMatchObject({
      reason: 'undecodable',
      dispatchId: undefined,
      endpointId: 'shop-eu',
      round: 0,
      bodyBytes: 0,
    });
    expect(letter.dispatch).toEqual({ ok: false, problem: 'pr-v missing' });
  });

  it('is listed newest first', () => {
    const at = (deadAtMs: number, offset: number) => ({ ...letterOf(letterRecord({})), deadAtMs, offset });
    expect([at(1, 5), at(2, 1), at(2, 3)].toSorted(newestFirst).map(({ offset }) => offset)).toEqual([3, 1, 5]);
  });
});

describe('the round that a replay opens', () => {
  it('is the next one of the same dispatch, due since it was planned, with the same body', () => {
    expect(nextRound(dispatch, { replay: 'rpl_1', nowMs: 9_000, plannedMs: 8_000 })).toEqual({
      ...dispatch,
      round: 3,
      attempt: 1,
      roundStartedMs: 9_000,
      dueMs: 8_000,
      hop: 0,
      park: 0,
      replay: 'rpl_1',
    });
  });
});
