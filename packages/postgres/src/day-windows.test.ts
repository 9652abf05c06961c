import fc from 'fast-check';
import { expect, test } from 'vitest';
import { windowsBack } from './day-windows.ts';

const dayMs = 86_400_000;
const bound = fc.option(
  fc.nat(50 * dayMs).map((ms) => new Date(ms)),
  { nil: undefined },
);

test('windows cover the time that is asked for, from its end to its beginning, without a gap', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50)), bound, bound, (numbers, from, to) => {
      const days = numbers.toSorted((a, b) => a - b).map((day) => day * dayMs);
      const windows = windowsBack(days, { from, to });
      expect(windows[0]!.to).toEqual(to);
      expect(windows.at(-1)!.from).toEqual(from);
      expect(windows.slice(1).map((window) => window.to)).toEqual(windows.slice(0, -1).map((window) => window.from));
      expect(windows.length).toBeLessThanOrEqual(3);
    }),
  );
});

test('of a month the last two days come first', () => {
  const days = Array.from({ length: 30 }, (_, day) => day * dayMs);
  expect(windowsBack(days, { to: new Date(20 * dayMs + 1) })[0]).toEqual({
    from: new Date(19 * dayMs),
    to: new Date(20 * dayMs + 1),
  });
});
