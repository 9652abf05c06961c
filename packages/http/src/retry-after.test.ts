import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseRetryAfter } from './retry-after.ts';

const nowMs = Date.UTC(1994, 10, 6, 8, 49, 0);

describe('parseRetryAfter', () => {
  it('reads seconds', () => {
    expect(parseRetryAfter('120', nowMs)).toBe(120_000);
    expect(parseRetryAfter(' 0 ', nowMs)).toBe(0);
  });

  it('reads each of the three date forms as UTC', () => {
    for (const date of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ]) {
      expect(parseRetryAfter(date, nowMs)).toBe(37_000);
    }
  });

  it('takes a date that has passed as now', () => {
    expect(parseRetryAfter('Sat, 05 Nov 1994 08:49:37 GMT', nowMs)).toBe(0);
  });

  it('cuts absurdly many seconds instead of overflowing', () => {
    expect(parseRetryAfter('9'.repeat(400), nowMs)).toBe(999_999_999_000);
  });

  it('ignores everything else, also what Date.parse would take', () => {
    for (const text of ['', 'soon', '-1', '1.5', '1e3', '0x10', '1994-11-06', '2 days', 'Sun, 06 Nov 1994']) {
      expect(parseRetryAfter(text, nowMs)).toBeUndefined();
    }
  });

  it('never throws and never gives a negative or broken time', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ms = parseRetryAfter(text, nowMs);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});
