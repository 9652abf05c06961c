// Which Java is new enough, from the version it tells.

import { expect, test } from 'vitest';

import { majorOf } from './java.ts';

test.each([
  ['17.0.15', 17],
  ['21', 21],
  ['25-ea', 25],
  ['24+36', 24],
  ['1.8.0_402', 8],
  ['nonsense', 0],
])('the major number of %s is %i', (version, major) => {
  expect(majorOf(version)).toBe(major);
});
