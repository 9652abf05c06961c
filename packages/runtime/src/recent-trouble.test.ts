import { expect, test } from 'vitest';
import { recentTrouble } from './recent-trouble.ts';

const at = { ms: 0 };
const clock = { now: () => 0, monotonic: () => at.ms };

test('trouble is a reason until it was not told for a while', () => {
  at.ms = 0;
  const trouble = recentTrouble('Kafka', clock);
  expect(trouble.reasons()).toEqual([]);
  trouble.tell({ code: 'unavailable', message: 'heartbeat: connect ECONNREFUSED 127.0.0.1:9092' });
  expect(trouble.reasons()).toEqual([
    'Kafka does not answer, trying again: heartbeat: connect ECONNREFUSED 127.0.0.1:9092',
  ]);
  at.ms = 4_999;
  expect(trouble.reasons()).toHaveLength(1);
  trouble.tell({ code: 'timeout', message: 'no answer' });
  at.ms = 9_998;
  expect(trouble.reasons()).toEqual(['Kafka does not answer, trying again: no answer']);
  at.ms = 9_999;
  expect(trouble.reasons()).toEqual([]);
});

test('an error that is no outage is no reason', () => {
  const trouble = recentTrouble('Kafka', clock);
  trouble.tell({ code: 'undecodable', message: 'one partition' });
  trouble.tell({ code: 'generation-over', message: 'a rebalance' });
  expect(trouble.reasons()).toEqual([]);
});
