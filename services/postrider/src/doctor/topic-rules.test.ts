import { expect, test } from 'vitest';
import type { TopicOutcome, TopicState } from '../topics.ts';
import { judgeTopics } from './topic-rules.ts';

const outcome = (state: TopicState): TopicOutcome => ({
  topic: `test.${state}`,
  state,
  partitions: 4,
  detail: 'what differs',
});

test('topics as in the table, and those of upstream, are well', () => {
  expect(judgeTopics([outcome('ok'), outcome('kept')])).toMatchObject([{ level: 'ok', subject: '2 topics' }]);
});

test('what is missing or cannot be changed is a problem, what differs a warning; each says what mends it', () => {
  const found = judgeTopics((['missing', 'drift', 'refused', 'stranded', 'ok'] as const).map(outcome));
  expect(found.map(({ level, subject }) => [level, subject])).toEqual([
    ['problem', 'test.missing'],
    ['warning', 'test.drift'],
    ['problem', 'test.refused'],
    ['warning', 'test.stranded'],
  ]);
  expect(found[0]!.mend).toContain('postrider topics apply');
  expect(found[3]!.mend).toContain('POSTRIDER_RETRY_TIERS');
});
