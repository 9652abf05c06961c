import fc from 'fast-check';
import { expect, test } from 'vitest';
import { youngRequestsMax, youngRequestsMin, youngRequestsStart } from './limits.ts';
import { YoungLimit } from './young-limit.ts';

const after = (looks: readonly (readonly [busyShare: number, wasReached: boolean])[]): number => {
  const limit = new YoungLimit();
  for (const [busyShare, wasReached] of looks) limit.look(busyShare, wasReached);
  return limit.value;
};

test('a busy loop takes places away, down to what keeps it busy', () => {
  expect(after([[1, true]])).toBeLessThan(youngRequestsStart);
  expect(after(Array.from({ length: 50 }, () => [1, true] as const))).toBe(youngRequestsMin);
});

test('a loop with time to spare gives places to those that wait, up to the bound', () => {
  expect(after([[0.3, true]])).toBeGreaterThan(youngRequestsStart);
  expect(after(Array.from({ length: 50 }, () => [0.3, true] as const))).toBe(youngRequestsMax);
});

test('nobody waits: nothing grows', () => {
  expect(after([[0.3, false]])).toBe(youngRequestsStart);
});

test('whatever the loop does, the limit stays within its bounds', () => {
  const looks = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()));
  fc.assert(
    fc.property(looks, (seen) => {
      const value = after(seen);
      return Number.isInteger(value) && value >= youngRequestsMin && value <= youngRequestsMax;
    }),
  );
});
