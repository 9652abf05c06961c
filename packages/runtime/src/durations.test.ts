import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from './durations.ts';

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['5s', 5_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1m30s', 90_000],
    ['1s250ms', 1_250],
    ['1.5s', 1_500],
    ['0', 0],
    ['0s', 0],
    [' 5s ', 5_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '5', 's', '5 s', '-5s', '5d', '30m1h', '1s2s', '5S', '1e3s', 'five', '99999999999999h'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('formatDuration', () => {
  test.each([
    [0, '0s'],
    [1, '1ms'],
    [5_000, '5s'],
    [90_000, '1m30s'],
    [86_400_000, '24h'],
    [3_600_001, '1h1ms'],
    [-5_000, '-5s'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('writes what parseDuration reads back to the same milliseconds', () => {
    fc.assert(fc.property(fc.nat(1_000 * 3_600_000), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});
