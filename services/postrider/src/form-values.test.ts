import { describe, expect, it } from 'vitest';
import { formDuration, momentMs, statusRange } from './form-values.ts';

const hour = 3_600_000;

describe('values of the endpoints file', () => {
  it.each([
    ['20s', 20_000],
    ['1h30m', 1.5 * hour],
    ['7d', 168 * hour],
    ['1d12h', 36 * hour],
    ['0', 0],
    ['12h1d', undefined],
    ['d', undefined],
    ['1d5', undefined],
    ['20', undefined],
    [20, undefined],
    ['', undefined],
  ])('the duration %j is %s ms', (text, ms) => {
    expect(formDuration(text)).toBe(ms);
  });

  it.each([
    ['200-299', [200, 299]],
    ['200 - 299', [200, 299]],
    [304, [304, 304]],
    ['304', [304, 304]],
    ['2xx', undefined],
    [20, undefined],
    [['304'], undefined],
    [null, undefined],
  ])('the status %j is the range %j', (value, range) => {
    expect(statusRange(value)).toEqual(range);
  });

  it.each([
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    ['2026-01-31T12:00:00+01:00', Date.UTC(2026, 0, 31, 11)],
    ['2026-01-31T12:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:00', undefined],
    ['2026-13-31', undefined],
    ['tomorrow', undefined],
    [5, undefined],
  ])('the moment %j is %s', (value, ms) => {
    expect(momentMs(value)).toBe(ms);
  });
});
