import { expect, test } from 'vitest';
import { judgeClock, judgeNewestRecord } from './clock-rules.ts';

const level = (theirsMs: number, answeredMs = 1_000_010): string =>
  judgeClock('PostgreSQL', { askedMs: 1_000_000, answeredMs, theirsMs }).level;

test('clocks within a second are well, over it a warning, from 30 s a problem, in both directions', () => {
  expect(level(1_000_005)).toBe('ok');
  expect(level(1_000_990)).toBe('ok');
  expect(level(1_001_010)).toBe('warning');
  expect(level(998_900)).toBe('warning');
  expect(level(1_030_010)).toBe('problem');
  expect(level(970_000)).toBe('problem');
});

test('a slow answer makes the offset doubtful, and doubt is not complained of', () => {
  expect(level(1_005_000, 1_010_000)).toBe('ok');
  expect(level(1_010_500, 1_010_000)).toBe('ok');
  expect(level(1_012_000, 1_010_000)).toBe('warning');
});

test('the offset is told with its direction and doubt', () => {
  const found = judgeClock('PostgreSQL', { askedMs: 0, answeredMs: 10, theirsMs: -4_995 });
  expect(found).toMatchObject({
    what: '5000 ms behind this machine (± 5 ms)',
    mend: expect.stringContaining('NTP') as string,
  });
});

test('only a record of the future shows anything without writing', () => {
  expect(judgeNewestRecord('Kafka', undefined, 5_000).level).toBe('ok');
  expect(judgeNewestRecord('Kafka', 1_000, 500_000).level).toBe('ok');
  expect(judgeNewestRecord('Kafka', 505_000, 500_000)).toMatchObject({
    level: 'warning',
    what: expect.stringContaining('5s') as string,
  });
  expect(judgeNewestRecord('Kafka', 530_000, 500_000).level).toBe('problem');
});
