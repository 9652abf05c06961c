import { describe, expect, test } from 'vitest';
import { planTopicChanges } from './topic-plan.ts';

const spec = { name: 't', partitions: 4, replicationFactor: 1, config: { 'cleanup.policy': 'compact' } };
const found = {
  partitions: 4,
  replicationFactor: 1,
  config: { 'cleanup.policy': 'compact', 'retention.ms': '7' },
  overrides: ['cleanup.policy'],
};
const plan = (existing: Record<string, typeof found>) => planTopicChanges([spec], new Map(Object.entries(existing)));

describe('planTopicChanges', () => {
  test('an absent topic is created', () => {
    expect(plan({})).toEqual([{ topic: 't', kind: 'created' }]);
  });

  test('a topic as specified is left alone, whatever else is set on it', () => {
    expect(plan({ t: found })).toEqual([{ topic: 't', kind: 'unchanged' }]);
  });

  test('a different setting is changed, and named', () => {
    expect(plan({ t: { ...found, config: { 'cleanup.policy': 'delete', 'retention.ms': '7' } } })).toEqual([
      { topic: 't', kind: 'config-changed', changes: [{ key: 'cleanup.policy', from: 'delete', to: 'compact' }] },
    ]);
  });

  test('another number of partitions is refused, because it decides who owns an endpoint', () => {
    expect(plan({ t: { ...found, partitions: 8 } })).toMatchObject([
      { kind: 'refused', reason: expect.stringContaining('8 partitions') as string },
    ]);
  });

  test('another replication factor is refused', () => {
    expect(plan({ t: { ...found, replicationFactor: 3 } })).toMatchObject([{ kind: 'refused' }]);
  });
});
