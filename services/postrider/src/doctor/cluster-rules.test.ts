import { expect, test } from 'vitest';
import { judgeCluster, type ClusterFacts } from './cluster-rules.ts';

const healthy: ClusterFacts = {
  brokers: 3,
  controller: 1,
  environment: 'live',
  replicationFactor: 3,
  minInsyncReplicas: 2,
};
const found = (change: Partial<ClusterFacts>) => judgeCluster({ ...healthy, ...change });

test('three brokers with three copies are well', () => {
  expect(found({})).toMatchObject([{ level: 'ok' }]);
});

test('more copies than brokers, or no controller, is a problem', () => {
  expect(found({ brokers: 1 })).toMatchObject([
    { level: 'problem', mend: expect.stringContaining('POSTRIDER_TOPICS_REPLICATION_FACTOR=1') as string },
  ]);
  expect(found({ controller: -1 })).toMatchObject([{ level: 'problem' }]);
  expect(found({ controller: null })).toMatchObject([{ level: 'problem' }]);
});

test('settings that stop with one broker, or lose with one, are warned of', () => {
  expect(found({ minInsyncReplicas: 3 })).toMatchObject([
    { level: 'warning', mend: expect.stringContaining('=2') as string },
  ]);
  expect(found({ replicationFactor: 1, minInsyncReplicas: 1 })).toMatchObject([{ level: 'warning' }]);
  expect(found({ environment: 'test', replicationFactor: 1, minInsyncReplicas: 1 })).toMatchObject([{ level: 'ok' }]);
});
