import { describe, expect, it } from 'vitest';
import { judge, outcomeRules, type Exchange, type Outcome, type OutcomeKind } from './outcome.ts';
import { settleAttempt, type Settlement, type SettleInput } from './settle-attempt.ts';

const now = 1_900_000_000_000;
const hour = 3_600_000;

const outcome = (kind: OutcomeKind, over: Partial<Outcome> = {}): Outcome => ({
  kind,
  httpStatus: kind === 'success' ? 200 : kind === 'http-status' ? 500 : undefined,
  detail: undefined,
  retryAfterMs: undefined,
  ...over,
});

interface Given {
  readonly outcome: Outcome;
  readonly attempt?: number;
  readonly roundStartedMs?: number;
  readonly delaysMs?: readonly number[];
  readonly maxAgeMs?: number;
  readonly random?: number;
  readonly spread?: number;
}

function settle(given: Given): Settlement {
  const input: SettleInput = {
    dispatch: { attempt: given.attempt ?? 1, roundStartedMs: given.roundStartedMs ?? now - 1_000 },
    endpoint: {
      retry: { kind: 'delays', delaysMs: given.delaysMs ?? [1_000, 2_000, 3_000, 4_000], spread: given.spread },
      maxAgeMs: given.maxAgeMs ?? 48 * hour,
    },
    outcome: given.outcome,
    nowMs: now,
    random: given.random ?? 0,
  };
  return settleAttempt(input);
}

const retry = (afterMs: number, attempt: number) => ({ kind: 'retry', dueMs: now + afterMs, attempt });

describe('settleAttempt', () => {
  it('delivers on success', () => {
    expect(settle({ outcome: outcome('success') })).toEqual({
      status: 'SUCCESS',
      disposition: { kind: 'delivered' },
      disablesEndpoint: false,
    });
  });

  it.each<OutcomeKind>(['timeout', 'connect', 'reset', 'dns', 'tls', 'response-too-large', 'blocked-address'])(
    'retries after %s, as an error without a status line',
    (kind) => {
      expect(settle({ outcome: outcome(kind) })).toEqual({
        status: 'ERROR',
        disposition: retry(1_000, 2),
        disablesEndpoint: false,
      });
    },
  );

  it.each([301, 400, 401, 404, 408, 429, 500, 502, 503])('retries after HTTP %i, as a failure', (httpStatus) => {
    expect(settle({ outcome: outcome('http-status', { httpStatus }), attempt: 2 })).toEqual({
      status: 'FAIL',
      disposition: retry(2_000, 3),
      disablesEndpoint: false,
    });
  });

  it('ends and disables the endpoint on 410, whatever retries are left', () => {
    expect(settle({ outcome: outcome('http-status', { httpStatus: 410 }) })).toEqual({
      status: 'FAIL',
      disposition: { kind: 'dead', reason: 'gone' },
      disablesEndpoint: true,
    });
  });

  it('delivers a 410 that the endpoint counts as success', () => {
    expect(settle({ outcome: outcome('success', { httpStatus: 410 }) })).toMatchObject({
      disposition: { kind: 'delivered' },
      disablesEndpoint: false,
    });
  });

  it('ends what can never be sent as it is configured', () => {
    expect(settle({ outcome: outcome('invalid-configuration') }).disposition).toEqual({
      kind: 'dead',
      reason: 'invalid-configuration',
    });
  });

  it('refuses to settle what a drain cut short: it counts as never made', () => {
    expect(() => settle({ outcome: outcome('cancelled') })).toThrow(/sent again/);
  });

  it('ends when the policy has no delay left', () => {
    expect(settle({ outcome: outcome('timeout'), attempt: 5 }).disposition).toEqual({
      kind: 'dead',
      reason: 'retries-exhausted',
    });
    expect(settle({ outcome: outcome('timeout'), delaysMs: [] }).disposition).toMatchObject({
      reason: 'retries-exhausted',
    });
  });

  it('gives a blocked address up after three retries, before the policy would', () => {
    const at = (attempt: number) =>
      settle({ outcome: outcome('blocked-address'), attempt, delaysMs: [1_000, 2_000, 3_000, 4_000] }).disposition;
    expect(at(1)).toEqual(retry(1_000, 2));
    expect(at(3)).toEqual(retry(3_000, 4));
    expect(at(4)).toEqual({ kind: 'dead', reason: 'blocked-address' });
  });

  it('does not stretch the policy for a blocked address', () => {
    expect(settle({ outcome: outcome('blocked-address'), delaysMs: [] }).disposition).toEqual({
      kind: 'dead',
      reason: 'retries-exhausted',
    });
  });

  it.each([
    ['lengthens', 7_000, 7_000],
    ['never shortens', 10, 1_000],
    ['counts up to a day', 24 * hour, 24 * hour],
    ['is cut to a day', 240 * hour, 24 * hour],
    ['is nothing when it is zero', 0, 1_000],
  ])('Retry-After %s', (_, retryAfterMs, waitMs) => {
    const asked = outcome('http-status', { httpStatus: 503, retryAfterMs });
    expect(settle({ outcome: asked }).disposition).toEqual(retry(waitMs, 2));
  });

  it('does not let Retry-After make a retry that the policy does not have', () => {
    const asked = outcome('http-status', { httpStatus: 429, retryAfterMs: 1_000 });
    expect(settle({ outcome: asked, attempt: 5 }).disposition).toMatchObject({ reason: 'retries-exhausted' });
  });

  it('ends a round whose next attempt would start past the age limit, and not a millisecond before', () => {
    const given = { outcome: outcome('timeout'), roundStartedMs: now - 9_000 };
    expect(settle({ ...given, maxAgeMs: 10_000 }).disposition).toEqual(retry(1_000, 2));
    expect(settle({ ...given, maxAgeMs: 9_999 }).disposition).toEqual({ kind: 'dead', reason: 'expired' });
  });

  it('spreads the due time by the random number that it is given', () => {
    expect(settle({ outcome: outcome('timeout'), spread: 0.5, random: 0.5 }).disposition).toEqual(retry(1_250, 2));
  });
});

describe('judge', () => {
  const response = (status: number, over: Partial<Extract<Exchange, { kind: 'response' }>> = {}): Exchange => ({
    kind: 'response',
    status,
    retryAfterMs: undefined,
    bodyCut: false,
    ...over,
  });

  it('counts a status within one of the ranges, ends included, as success', () => {
    const ranges = [
      [200, 204],
      [409, 409],
    ] as const;
    const successes = [199, 200, 204, 205, 408, 409, 410].filter((s) => judge(response(s), ranges).kind === 'success');
    expect(successes).toEqual([200, 204, 409]);
  });

  it('keeps a success whose body was cut', () => {
    expect(judge(response(200, { bodyCut: true }), [[200, 299]]).kind).toBe('success');
  });

  it.each([
    [429, 5_000],
    [503, 5_000],
    [500, undefined],
    [404, undefined],
    [302, undefined],
  ])('of HTTP %i takes a Retry-After of %s', (status, kept) => {
    expect(judge(response(status, { retryAfterMs: 5_000 }), [[200, 299]]).retryAfterMs).toBe(kept);
  });

  it('takes no Retry-After from a success', () => {
    expect(judge(response(429, { retryAfterMs: 5_000 }), [[429, 429]])).toEqual({
      kind: 'success',
      httpStatus: 429,
      detail: undefined,
      retryAfterMs: undefined,
    });
  });

  it('passes a failure on with its detail and without a status', () => {
    expect(judge({ kind: 'failure', failure: 'dns', detail: 'NXDOMAIN' }, [[200, 299]])).toEqual({
      kind: 'dns',
      httpStatus: undefined,
      detail: 'NXDOMAIN',
      retryAfterMs: undefined,
    });
  });
});

describe('outcomeRules', () => {
  it('calls ERROR exactly what has no status line', () => {
    const withLine = Object.entries(outcomeRules)
      .filter(([, rule]) => rule.status !== 'ERROR')
      .map(([kind]) => kind);
    expect(withLine).toEqual(['success', 'http-status', 'invalid-reply', 'server-auth']);
  });

  it('holds neither our own mistakes nor an unfit reply against an endpoint', () => {
    const ignored = Object.entries(outcomeRules)
      .filter(([, rule]) => rule.breaker === 'ignores')
      .map(([kind]) => kind);
    expect(ignored.toSorted()).toEqual([
      'blocked-address',
      'cancelled',
      'invalid-configuration',
      'invalid-reply',
      'server-auth',
    ]);
  });
});
