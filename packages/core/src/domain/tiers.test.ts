import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tierFor, type Tier, type Tiers } from './tiers.ts';

const tier = (name: string, delayMs: number): Tier => ({ name, delayMs });
const standard: Tiers = [
  tier('5s', 5_000),
  tier('10s', 10_000),
  tier('20s', 20_000),
  tier('1m', 60_000),
  tier('5m', 300_000),
  tier('30m', 1_800_000),
  tier('2h', 7_200_000),
  tier('6h', 21_600_000),
];

/** Tiers in rising order, at least one, no two alike. */
const anyTiers = fc
  .uniqueArray(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 9 })
  .map((delays) => delays.sort((a, b) => a - b).map((delayMs) => tier(`${delayMs}ms`, delayMs)) as unknown as Tiers);

describe('tierFor', () => {
  it.each([
    [0, '5s', 0],
    [1, '5s', 1],
    [4_999, '5s', 4_999],
    [5_000, '5s', 5_000],
    [9_999, '5s', 5_000],
    [10_000, '10s', 10_000],
    [59_999, '20s', 20_000],
    [60_000, '1m', 60_000],
    [24 * 3_600_000, '6h', 21_600_000],
  ])('puts a record that must wait %i ms into %s for %i ms', (remainingMs, name, stayMs) => {
    const stay = tierFor(standard, remainingMs);
    expect([stay.tier.name, stay.stayMs]).toEqual([name, stayMs]);
  });

  it('takes a remainder in the past for none at all', () => {
    expect(tierFor(standard, -1)).toEqual({ tier: standard[0], stayMs: 0 });
  });

  it('reaches the due time exactly by repeated hops, never passes it, and never hops to a larger tier', () => {
    fc.assert(
      fc.property(anyTiers, fc.integer({ min: 0, max: 300_000 }), (tiers, waitMs) => {
        // At most a thousand hops of the smallest tier: a tier of 1 ms would take long to say the same.
        let remainingMs = waitMs % (1_000 * tiers[0].delayMs);
        let last = Number.POSITIVE_INFINITY;
        while (remainingMs > 0) {
          const { tier: next, stayMs } = tierFor(tiers, remainingMs);
          if (stayMs <= 0) throw new Error(`a stay of ${stayMs} ms does not lead to an end`);
          if (next.delayMs > last) throw new Error(`from ${last} ms up to ${next.delayMs} ms`);
          last = next.delayMs;
          remainingMs -= stayMs;
        }
        expect(remainingMs).toBe(0);
      }),
    );
  });

  it('keeps every tier above the smallest first in, first out: the stay there is the nominal delay', () => {
    fc.assert(
      fc.property(anyTiers, fc.integer({ min: 0, max: 300_000 }), (tiers, waitMs) => {
        const { tier: chosen, stayMs } = tierFor(tiers, waitMs);
        expect(chosen === tiers[0] || stayMs === chosen.delayMs).toBe(true);
      }),
    );
  });
});
