import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delayAfter, namedPolicies, retryAfterMsMax, type RetryPolicy, type RetryPolicyName } from './retry-policy.ts';

const seconds = (n: number): number => n * 1_000;
const minutes = (n: number): number => n * 60_000;
const hours = (n: number): number => n * 3_600_000;

/** All delays of a policy, in order. */
function delaysOf(policy: RetryPolicy, random = 0): number[] {
  const delays: number[] = [];
  for (let attempt = 1; attempt < 100; attempt++) {
    const delay = delayAfter(policy, attempt, random);
    if (delay === undefined) return delays;
    delays.push(delay);
  }
  throw new Error('the policy does not end');
}

describe('delayAfter', () => {
  it.each<[RetryPolicyName, number[]]>([
    ['none', []],
    ['advance', [seconds(5), seconds(10), seconds(20)]],
    ['argos', [seconds(5), seconds(15), seconds(45)]],
    ['standard', [seconds(5), minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24)]],
  ])('follows the named policy %s to the letter', (name, delays) => {
    expect(delaysOf({ kind: 'named', name })).toEqual(delays);
    // A named policy is a promise to the customer: chance changes nothing.
    expect(delaysOf({ kind: 'named', name }, 0.999)).toEqual(delays);
  });

  it('has exactly the four named policies', () => {
    expect(Object.keys(namedPolicies).toSorted()).toEqual(['advance', 'argos', 'none', 'standard']);
  });

  it('takes a list of delays one after the other and then ends', () => {
    expect(delaysOf({ kind: 'delays', delaysMs: [200, 400, 100] })).toEqual([200, 400, 100]);
    expect(delaysOf({ kind: 'delays', delaysMs: [] })).toEqual([]);
  });

  it('grows an exponential policy by its factor up to its cap, for its count of retries', () => {
    const policy: RetryPolicy = { kind: 'exponential', baseMs: 1_000, factor: 2, capMs: 5_000, count: 5 };
    expect(delaysOf(policy)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(delaysOf({ ...policy, count: 0 })).toEqual([]);
  });

  it('stays at the cap where the power is beyond every number', () => {
    const policy: RetryPolicy = { kind: 'exponential', baseMs: 1_000, factor: 10, capMs: hours(1), count: 2_000 };
    expect(delayAfter(policy, 1_999, 0)).toBe(hours(1));
  });

  it('spreads later only, by at most the fraction asked for, in whole milliseconds', () => {
    const policies = fc.oneof(
      fc.record({
        kind: fc.constant('delays' as const),
        delaysMs: fc.array(fc.integer({ min: 0, max: hours(24) }), { minLength: 1, maxLength: 9 }),
        spread: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({
        kind: fc.constant('exponential' as const),
        baseMs: fc.integer({ min: 100, max: hours(1) }),
        factor: fc.double({ min: 1, max: 10, noNaN: true }),
        capMs: fc.integer({ min: 100, max: hours(24) }),
        count: fc.integer({ min: 1, max: 50 }),
        spread: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(policies, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (policy, random) => {
        const plain = delayAfter({ ...policy, spread: 0 }, 1, random)!;
        const spread = delayAfter(policy, 1, random)!;
        expect(Number.isInteger(spread)).toBe(true);
        expect(spread).toBeGreaterThanOrEqual(plain);
        expect(spread).toBeLessThanOrEqual(Math.ceil(plain * (1 + policy.spread)) + 1);
      }),
    );
  });

  it('honours Retry-After up to a day', () => {
    expect(retryAfterMsMax).toBe(hours(24));
  });
});
