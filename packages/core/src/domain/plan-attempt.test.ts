import { describe, expect, it } from 'vitest';
import type { Dispatch } from './dispatch.ts';
import type { Endpoint } from './endpoint.ts';
import { planAttempt, type AttemptPlan, type EndpointView, type PutOff } from './plan-attempt.ts';

const now = 1_900_000_000_000;
const hour = 3_600_000;

const endpoint = {
  endpointId: 'ep-1',
  version: 7,
  status: { kind: 'enabled' },
  maxAgeMs: hour,
} as unknown as Endpoint;

const dispatch = {
  dispatchId: 'dsp_a',
  round: 0,
  attempt: 1,
  park: 0,
  roundStartedMs: now - 1_000,
  dueMs: now - 1_000,
} as unknown as Dispatch;

const known = (over: Partial<Endpoint> = {}, disabledSince?: 'this-version'): EndpointView => ({
  kind: 'known',
  endpoint: { ...endpoint, ...over },
  disabledSince,
});
const paused = known({ status: { kind: 'paused' } });
const disabled = known({ status: { kind: 'disabled', reason: 'asked for' } });
const deleted: EndpointView = { kind: 'deleted' };
const unknown: EndpointView = { kind: 'unknown' };

interface Given {
  readonly dispatch?: Partial<Dispatch>;
  readonly endpoint?: EndpointView;
  readonly putOff?: PutOff;
}

function planOf(given: Given): AttemptPlan {
  return planAttempt({
    dispatch: { ...dispatch, ...given.dispatch },
    endpoint: given.endpoint ?? known(),
    putOff: given.putOff,
    nowMs: now,
  });
}

const full: PutOff = { reason: 'queue-full', dueMs: now + 7_000 };
const late = { dueMs: now + 10 };
const old = { roundStartedMs: now - hour - 1 };

describe('planAttempt', () => {
  it('sends to an endpoint that is enabled, when it is due', () => {
    const view = known();
    expect(planOf({ endpoint: view })).toEqual({ kind: 'send', endpoint: view.kind === 'known' && view.endpoint });
  });

  it.each<[string, Given, AttemptPlan]>([
    ['a deleted endpoint', { endpoint: deleted }, { kind: 'end', reason: 'endpoint-deleted' }],
    [
      'an endpoint never heard of',
      { endpoint: unknown },
      { kind: 'defer', reason: 'unknown-endpoint', dueMs: now + 5_000 },
    ],
    ['a disabled endpoint', { endpoint: disabled }, { kind: 'end', reason: 'endpoint-disabled' }],
    [
      'an endpoint that said 410',
      { endpoint: known({}, 'this-version') },
      { kind: 'end', reason: 'endpoint-disabled' },
    ],
    ['a round that is too old', { dispatch: old }, { kind: 'end', reason: 'expired' }],
    ['a due time ahead', { dispatch: late }, { kind: 'wait', untilMs: now + 10 }],
    ['a paused endpoint', { endpoint: paused }, { kind: 'defer', reason: 'paused', dueMs: now + 5_000 }],
    ['a full queue', { putOff: full }, { kind: 'defer', reason: 'queue-full', dueMs: now + 7_000 }],
  ])('given %s, plans accordingly', (_, given, plan) => {
    expect(planOf(given)).toEqual(plan);
  });

  it.each<[string, Given, AttemptPlan['kind'], string | undefined]>([
    ['deleted before due', { endpoint: deleted, dispatch: { ...old, ...late } }, 'end', 'endpoint-deleted'],
    [
      'unknown before due and queue',
      { endpoint: unknown, dispatch: { ...old, ...late }, putOff: full },
      'defer',
      'unknown-endpoint',
    ],
    [
      'disabled before expired and due',
      { endpoint: disabled, dispatch: { ...old, ...late } },
      'end',
      'endpoint-disabled',
    ],
    [
      'expired before due, paused and queue',
      { endpoint: paused, dispatch: { ...old, ...late }, putOff: full },
      'end',
      'expired',
    ],
    ['due before paused and queue', { endpoint: paused, dispatch: late, putOff: full }, 'wait', undefined],
    ['paused before queue', { endpoint: paused, putOff: full }, 'defer', 'paused'],
  ])('puts %s', (_, given, kind, reason) => {
    const plan = planOf(given);
    expect([plan.kind, 'reason' in plan ? plan.reason : undefined]).toEqual([kind, reason]);
  });

  it('sends at the due time itself and at the last moment of the age limit', () => {
    expect(planOf({ dispatch: { dueMs: now } }).kind).toBe('send');
    expect(planOf({ dispatch: { roundStartedMs: now - hour } }).kind).toBe('send');
  });

  it.each([
    [0, 5_000],
    [1, 10_000],
    [2, 20_000],
    [8, 1_280_000],
    [9, 1_800_000],
    [60, 1_800_000],
    [5_000, 1_800_000],
  ])('parks for the %i-th time (0-based) for %i ms', (park, waitMs) => {
    expect(planOf({ endpoint: unknown, dispatch: { park } })).toMatchObject({ dueMs: now + waitMs });
  });
});
