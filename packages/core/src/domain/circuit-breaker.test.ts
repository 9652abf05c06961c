import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  breakerAfter,
  breakerAfterDeferral,
  breakerDefaults,
  breakerPolicyOf,
  breakerRunGapMs,
  breakerSamplesMin,
  breakerState,
  breakerWindowMs,
  openForMs,
  type Breaker,
  type BreakerEvidence,
  type BreakerPolicy,
} from './circuit-breaker.ts';
import { breakerEffect, type OutcomeKind } from './outcome.ts';

const policy: BreakerPolicy = { failures: 3, failureShare: 0.5, openMs: 1_000, openMsMax: 8_000, probes: 1 };

const attempt = (effect: BreakerEvidence['effect'], startedAtMs: number, over: Partial<BreakerEvidence> = {}) => ({
  endpointVersion: 1,
  effect,
  startedAtMs,
  endedAtMs: startedAtMs + 10,
  ...over,
});

/** Folds attempts, each a millisecond after the one before. */
function after(effects: readonly BreakerEvidence['effect'][], fromMs = 0, before?: Breaker): Breaker | undefined {
  let breaker = before;
  for (const [i, effect] of effects.entries()) breaker = breakerAfter(breaker, attempt(effect, fromMs + i), policy);
  return breaker;
}

const failing = (count: number) => Array.from({ length: count }, () => 'counts' as const);

describe('a closed breaker', () => {
  it('opens at the n-th failure in a row, and tells when to probe', () => {
    expect(after(failing(2))).toMatchObject({ kind: 'closed', run: 2 });
    expect(after(failing(3))).toMatchObject({ kind: 'open', sinceMs: 12, probeAtMs: 1_012, openings: 1 });
  });

  it('begins to count anew when the endpoint answers, and when failures lie far apart', () => {
    expect(after(['counts', 'counts', 'closes', 'counts', 'counts'])).toMatchObject({ kind: 'closed', run: 2 });
    const late = breakerAfter(after(failing(2)), attempt('counts', breakerRunGapMs + 100), policy);
    expect(late).toMatchObject({ kind: 'closed', run: 1 });
  });

  it('opens when most of a window fails, though never in a row', () => {
    const lenient = { ...policy, failures: 1_000 };
    let breaker: Breaker | undefined;
    let n = 0;
    while (breaker?.kind !== 'open' && n < 1_000)
      breaker = breakerAfter(breaker, attempt(n % 2 === 0 ? 'counts' : 'closes', n++), lenient);
    // The share is looked at when something fails.
    expect(n).toBe(breakerSamplesMin + 1);
    const slow = Array.from({ length: 200 }).reduce<Breaker | undefined>(
      (state, _, i) =>
        breakerAfter(state, attempt(i % 2 === 0 ? 'counts' : 'closes', i * (breakerWindowMs / 10)), lenient),
      undefined,
    );
    expect(slow?.kind).not.toBe('open');
  });

  it('is forgotten when it carries no stain any more', () => {
    expect(after(['closes', 'ignores'])).toBeUndefined();
    expect(breakerAfter(after(['counts']), attempt('closes', breakerWindowMs + 100), policy)).toBeUndefined();
  });
});

describe('an open breaker', () => {
  const open = after(failing(3))!;

  it('is half-open from its probe time on', () => {
    expect([breakerState(open, 1_011), breakerState(open, 1_012), breakerState(undefined, 0)]).toEqual([
      'open',
      'half-open',
      'closed',
    ]);
  });

  it('learns nothing from what was under way before', () => {
    for (const effect of ['closes', 'counts', 'ignores'] as const)
      expect(breakerAfter(open, attempt(effect, 5, { endedAtMs: 60_000 }), policy)).toBe(open);
  });

  it('closes when a probe is answered', () => {
    const closed = breakerAfter(open, attempt('closes', 1_012), policy);
    expect(closed).toMatchObject({ kind: 'closed', run: 0, sinceMs: 1_022 });
  });

  it('stays open twice as long when a probe fails, up to the most', () => {
    let breaker: Breaker | undefined = open;
    const stays: number[] = [];
    for (let i = 0; i < 6; i++) {
      const probeAtMs = breaker?.kind === 'open' ? breaker.probeAtMs : 0;
      breaker = breakerAfter(breaker, attempt('counts', probeAtMs), policy);
      if (breaker?.kind === 'open') stays.push(breaker.probeAtMs - probeAtMs - 10);
    }
    expect(stays).toEqual([2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
    expect(breaker).toMatchObject({ kind: 'open', sinceMs: 12 });
  });

  it('remembers how often it opened until it has stayed closed for the longest time', () => {
    const closed = after(['closes'], 1_012, open);
    expect(after(failing(3), 2_000, closed)).toMatchObject({ kind: 'open', openings: 2 });
    expect(after(failing(3), 1_022 + policy.openMsMax, closed)).toMatchObject({ kind: 'open', openings: 1 });
  });
});

describe('versions of an endpoint', () => {
  it('have a breaker each: a new one begins closed, and the old one’s stragglers do not touch it', () => {
    const open = after(failing(3))!;
    const next = breakerAfter(open, attempt('counts', 20, { endpointVersion: 2 }), policy);
    expect(next).toMatchObject({ kind: 'closed', endpointVersion: 2, run: 1 });
    expect(breakerAfter(next, attempt('counts', 21), policy)).toBe(next);
    expect(breakerAfter(open, attempt('closes', 20, { endpointVersion: 2 }), policy)).toBeUndefined();
  });
});

describe('a breaker that is restored', () => {
  it('is open when a dispatch was put off because of it, though its failures were not read', () => {
    const restored = breakerAfterDeferral(undefined, { endpointVersion: 1, atMs: 5_000, dueMs: 90_000 }, policy);
    expect(restored).toMatchObject({ kind: 'open', sinceMs: 5_000, probeAtMs: 13_000 });
    const open = after(failing(3))!;
    expect(breakerAfterDeferral(open, { endpointVersion: 1, atMs: 5_000, dueMs: 6_000 }, policy)).toBe(open);
  });
});

describe('the setting', () => {
  it('is the default, overridden or off', () => {
    expect(breakerPolicyOf(undefined)).toEqual(breakerDefaults);
    expect(breakerPolicyOf({ kind: 'on', failures: 2, openMs: undefined })).toEqual({
      ...breakerDefaults,
      failures: 2,
    });
    expect(breakerPolicyOf({ kind: 'off' })).toBeUndefined();
    expect(breakerAfter(undefined, attempt('counts', 1), undefined)).toBeUndefined();
  });
});

describe('any sequence of attempts', () => {
  const evidence = fc.record({
    effect: fc.constantFrom<BreakerEvidence['effect']>('closes', 'counts', 'counts', 'ignores'),
    gapMs: fc.integer({ min: 0, max: 3_000 }),
    tookMs: fc.integer({ min: 0, max: 2_000 }),
  });
  const policies = fc.record({
    failures: fc.integer({ min: 1, max: 6 }),
    failureShare: fc.double({ min: 0.1, max: 1, noNaN: true }),
    openMs: fc.integer({ min: 1, max: 2_000 }),
    openMsMax: fc.integer({ min: 2_000, max: 10_000 }),
    probes: fc.constant(1),
  });

  it('opens only on a failure, for a bounded time, and closes only on a probe that was answered', () => {
    fc.assert(
      fc.property(policies, fc.array(evidence, { maxLength: 120 }), (any, steps) => {
        let breaker: Breaker | undefined;
        let nowMs = 0;
        for (const { effect, gapMs, tookMs } of steps) {
          nowMs += gapMs;
          const before = breaker;
          const endedAtMs = nowMs + tookMs;
          breaker = breakerAfter(before, { endpointVersion: 1, effect, startedAtMs: nowMs, endedAtMs }, any);
          const isOpen = breaker?.kind === 'open';
          const wasOpen = before?.kind === 'open';
          const isProbe = wasOpen && nowMs >= before.probeAtMs;
          expect({
            opensOnAFailure: !isOpen || wasOpen || effect === 'counts',
            staysOpenForAProbeOnly: !isOpen || !wasOpen || breaker === before || isProbe,
            closesForAnAnsweredProbe: isOpen || !wasOpen || (effect === 'closes' && isProbe),
            // One that stays as it was may have been opened by an attempt that ended later than this one.
            isBounded: breaker?.kind !== 'open' || breaker === before || breaker.probeAtMs <= endedAtMs + any.openMsMax,
            counts: breaker?.kind !== 'open' || breaker.openings >= 1,
          }).toEqual({
            opensOnAFailure: true,
            staysOpenForAProbeOnly: true,
            closesForAnAnsweredProbe: true,
            isBounded: true,
            counts: true,
          });
          nowMs = Math.max(nowMs, endedAtMs - 500);
        }
      }),
    );
  });

  it('never keeps an endpoint that answers shut: one probe after the longest time opens the way', () => {
    fc.assert(
      fc.property(policies, fc.array(evidence, { maxLength: 60 }), (any, steps) => {
        let breaker: Breaker | undefined;
        let nowMs = 0;
        for (const { effect, gapMs, tookMs } of steps) {
          breaker = breakerAfter(
            breaker,
            { endpointVersion: 1, effect, startedAtMs: nowMs, endedAtMs: nowMs + tookMs },
            any,
          );
          nowMs += gapMs;
        }
        const probeMs = nowMs + 2_000 + any.openMsMax;
        expect(breakerState(breaker, probeMs)).not.toBe('open');
        const answered = attempt('closes', probeMs);
        expect(breakerState(breakerAfter(breaker, answered, any), probeMs)).toBe('closed');
      }),
    );
  });

  it('an opening lasts at least the first time and at most the longest', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 100_000 }), (any, openings) => {
        expect(openForMs(any, openings)).toBeGreaterThanOrEqual(any.openMs);
        expect(openForMs(any, openings)).toBeLessThanOrEqual(any.openMsMax);
      }),
    );
  });
});

describe('what counts', () => {
  it.each<[OutcomeKind, number | undefined, string]>([
    ['success', 200, 'closes'],
    ['http-status', 500, 'counts'],
    ['http-status', 503, 'counts'],
    ['http-status', 429, 'counts'],
    ['http-status', 404, 'closes'],
    ['http-status', 301, 'closes'],
    ['http-status', 410, 'ignores'],
    ['timeout', undefined, 'counts'],
    ['connect', undefined, 'counts'],
    ['reset', undefined, 'counts'],
    ['dns', undefined, 'counts'],
    ['tls', undefined, 'counts'],
    ['response-too-large', undefined, 'counts'],
    ['blocked-address', undefined, 'ignores'],
    ['invalid-configuration', undefined, 'ignores'],
    ['invalid-reply', 200, 'ignores'],
    ['server-auth', 401, 'ignores'],
    ['cancelled', undefined, 'ignores'],
  ])('%s %s %s', (kind, httpStatus, effect) => {
    expect(breakerEffect({ kind, httpStatus })).toBe(effect);
  });
});
