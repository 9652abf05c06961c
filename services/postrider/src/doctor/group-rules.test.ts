import { expect, test } from 'vitest';
import { judgeGroup, type GroupFacts, type TopicLag } from './group-rules.ts';

const group = (change: Partial<GroupFacts> = {}): GroupFacts => ({
  service: 'dispatch',
  group: 'test.dispatch',
  state: 'Stable',
  members: 2,
  lags: [],
  ...change,
});
const lag = (oldestMs: number | undefined, expectedMs = 0): TopicLag => ({
  topic: 'test.dispatches',
  records: 40,
  oldestMs,
  expectedMs,
});

test('a group with members that keeps up is well, whatever it has to do', () => {
  expect(judgeGroup(group({ lags: [lag(5_000)] }))).toMatchObject([
    { level: 'ok', what: '2 members, 40 records to do' },
  ]);
});

test('nobody running is a warning, and a problem when work waits', () => {
  const idle = judgeGroup(group({ state: 'Empty', members: 0 }));
  expect(idle).toMatchObject([{ level: 'warning', mend: 'start one: `postrider run dispatch`' }]);
  expect(judgeGroup(group({ state: 'Empty', members: 0, lags: [lag(61_000)] }))).toMatchObject([{ level: 'problem' }]);
});

test('old work is told with its topic; what waits on purpose is not old', () => {
  expect(judgeGroup(group({ lags: [lag(90_500)] }))).toMatchObject([
    { level: 'warning', what: 'is behind on test.dispatches: 40 records, the oldest 1m31s old' },
  ]);
  expect(judgeGroup(group({ lags: [lag(300_000, 300_000)] }))).toMatchObject([{ level: 'ok' }]);
  expect(judgeGroup(group({ lags: [lag(370_000, 300_000)] }))).toMatchObject([{ level: 'warning' }]);
});

test('a group that is joining is worth another look', () => {
  expect(judgeGroup(group({ state: 'PreparingRebalance' }))).toMatchObject([
    { level: 'warning', mend: expect.stringContaining('look again') as string },
  ]);
});
