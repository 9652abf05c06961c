import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parkDelayMs } from './reasons.ts';

describe('parkDelayMs', () => {
  it('doubles from five seconds to half an hour', () => {
    expect([0, 1, 2, 3, 8, 9, 10].map(parkDelayMs)).toEqual([
      5_000, 10_000, 20_000, 40_000, 1_280_000, 1_800_000, 1_800_000,
    ]);
  });

  it('never falls and never leaves its bounds, however often something was parked', () => {
    fc.assert(
      fc.property(fc.nat(), (park) => {
        expect(parkDelayMs(park + 1)).toBeGreaterThanOrEqual(parkDelayMs(park));
        expect(parkDelayMs(park)).toBeLessThanOrEqual(1_800_000);
      }),
    );
  });
});
