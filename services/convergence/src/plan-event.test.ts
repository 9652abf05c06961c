import { dispatchIdOf, sha256Hex } from '@postrider/core/contracts';
import { EndpointIndex, type Endpoint, type EventId, type EndpointId } from '@postrider/core/domain';
import type { KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { planEvent, type EventPlan, type PlanContext } from './plan-event.ts';

const now = 1_900_000_000_000;

function endpoint(id: string, over: Partial<Endpoint> = {}): Endpoint {
  return {
    endpointId: id,
    projectId: 'acme',
    eventTypes: ['*'],
    status: { kind: 'enabled' },
    profile: 'plain',
    profileOptions: {},
    ...over,
  } as unknown as Endpoint;
}

function contextOf(...endpoints: Endpoint[]): PlanContext {
  const index = new EndpointIndex();
  for (const one of endpoints) index.put(one);
  return { environment: 'live', mappings: new Map(), endpoints: index, nowMs: now };
}

function event(
  over: Readonly<Record<string, string>> = {},
  value: Buffer | null = Buffer.from('{"a":1}'),
  offset = 42,
): KafkaRecord {
  const headers = {
    ce_specversion: '1.0',
    ce_id: 'evt-1',
    ce_source: '/checks',
    ce_type: 'check.done',
    ce_project: 'acme',
    ...over,
  };
  return {
    topic: 'live.events',
    partition: 3,
    offset,
    timestamp: now - 500,
    key: Buffer.from('sub-1'),
    value,
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, [Buffer.from(text)]])),
  };
}

function acceptedOf(plan: EventPlan) {
  if (plan.kind !== 'accepted') throw new Error(`the event was ${plan.kind}`);
  return plan;
}

describe('planEvent', () => {
  it('makes one dispatch an endpoint that takes the event, with everything that sending needs', () => {
    const plan = acceptedOf(
      planEvent(
        event({ ce_subject: 'sub-1', ce_time: '2026-01-02T03:04:05Z' }),
        contextOf(endpoint('b'), endpoint('a'), endpoint('x', { eventTypes: ['other'] })),
      ),
    );
    expect(plan.dispatches.map((dispatch) => dispatch.endpointId)).toEqual(['a', 'b']);
    const id = dispatchIdOf({
      environment: 'live',
      source: '/checks',
      eventId: 'evt-1' as EventId,
      endpointId: 'a' as EndpointId,
    });
    expect(plan.dispatches[0]).toEqual({
      dispatchId: id,
      round: 0,
      attempt: 1,
      endpointId: 'a',
      projectId: 'acme',
      eventId: 'evt-1',
      eventType: 'check.done',
      eventTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      appendedMs: now - 500,
      subject: 'sub-1',
      createdMs: now,
      roundStartedMs: now,
      dueMs: now,
      hop: 0,
      park: 0,
      origin: 'live.events/3/42',
      deadlineMs: undefined,
      correlation: undefined,
      replay: undefined,
      traceparent: undefined,
      body: Buffer.from('{"a":1}'),
    });
    expect(plan.audit).toMatchObject({
      type: 'EventAccepted',
      origin: 'live.events/3/42',
      source: '/checks',
      event: 'evt-1',
      eventType: 'check.done',
      project: 'acme',
      subject: 'sub-1',
      eventTime: '2026-01-02T03:04:05.000Z',
      dispatches: [
        { endpoint: 'a', dispatch: id, bodyDigest: sha256Hex(Buffer.from('{"a":1}')) },
        { endpoint: 'b', bodyDigest: sha256Hex(Buffer.from('{"a":1}')) },
      ],
    });
    expect(plan.audit).not.toHaveProperty('refused');
  });

  it('gives the same dispatch ids and bodies to the same event published twice', () => {
    const first = acceptedOf(planEvent(event(), contextOf(endpoint('a'), endpoint('b'))));
    const again = acceptedOf(
      planEvent(event({}, undefined, 99), { ...contextOf(endpoint('a'), endpoint('b')), nowMs: now + 60_000 }),
    );
    expect(again.dispatches.map((one) => one.dispatchId)).toEqual(first.dispatches.map((one) => one.dispatchId));
    expect(again.dispatches.map((one) => one.body)).toEqual(first.dispatches.map((one) => one.body));
    expect(again.audit.origin).not.toBe(first.audit.origin);
  });

  it('gives other ids to the same event id from another source', () => {
    const here = acceptedOf(planEvent(event(), contextOf(endpoint('a'))));
    const there = acceptedOf(planEvent(event({ ce_source: '/other' }), contextOf(endpoint('a'))));
    expect(there.dispatches[0]?.dispatchId).not.toBe(here.dispatches[0]?.dispatchId);
  });

  it('builds one body for endpoints of one profile and one set of options, and another for others', () => {
    const enveloped = { profile: 'standard-webhooks', profileOptions: { payload: 'envelope' } };
    const plan = acceptedOf(
      planEvent(event(), contextOf(endpoint('a'), endpoint('b'), endpoint('c', enveloped), endpoint('d', enveloped))),
    );
    const [a, b, c, d] = plan.dispatches.map((one) => one.body);
    expect([a === b, c === d, a === c]).toEqual([true, true, false]);
    expect(Buffer.from(c!).toString()).toBe(
      `{"type":"check.done","timestamp":"${new Date(now - 500).toISOString()}","data":{"a":1}}`,
    );
  });

  it('rejects what is no event, with its reason and what could be read of it', () => {
    expect(planEvent(event({ ce_project: 'a/b' }), contextOf(endpoint('a')))).toEqual({
      kind: 'rejected',
      audit: {
        type: 'EventRejected',
        origin: 'live.events/3/42',
        at: new Date(now).toISOString(),
        reason: 'invalid-project',
        detail: expect.any(String) as string,
        event: 'evt-1',
        eventType: 'check.done',
        project: 'a/b',
      },
    });
    expect(planEvent(event({}, null), contextOf(endpoint('a'))).audit).toMatchObject({
      type: 'EventRejected',
      reason: 'empty',
    });
  });

  it('leaves an event unmatched that nobody takes, and one that brings its own callback', () => {
    expect(
      planEvent(event(), contextOf(endpoint('a', { projectId: 'other' as Endpoint['projectId'] }))).audit,
    ).toMatchObject({ type: 'EventUnmatched', reason: 'no-endpoint' });
    expect(planEvent(event(), contextOf(endpoint('a', { status: { kind: 'disabled' } }))).audit).toMatchObject({
      reason: 'no-endpoint',
    });
    expect(planEvent(event({ ce_callbackurl: 'https://a.example' }), contextOf(endpoint('a'))).audit).toMatchObject({
      type: 'EventUnmatched',
      reason: 'callback-url',
    });
  });

  it('makes dispatches for a paused endpoint: they wait', () => {
    expect(
      acceptedOf(planEvent(event(), contextOf(endpoint('a', { status: { kind: 'paused' } })))).dispatches,
    ).toHaveLength(1);
  });

  it('tells the endpoints that can be told, and names the others', () => {
    const plan = acceptedOf(planEvent(event(), contextOf(endpoint('a'), endpoint('b', { profile: 'of-next-year' }))));
    expect(plan.dispatches.map((one) => one.endpointId)).toEqual(['a']);
    expect(plan.audit.refused).toEqual([{ endpoint: 'b', reason: 'profile:unknown' }]);
  });

  it('rejects an event that none of its endpoints can be told', () => {
    expect(planEvent(event(), contextOf(endpoint('a', { profile: 'of-next-year' }))).audit).toMatchObject({
      type: 'EventRejected',
      reason: 'profile:unknown',
      detail: 'endpoint a cannot be told',
      event: 'evt-1',
    });
  });
});
