// The broker settings that the rest of the project counts on.

import { expect, test } from 'vitest';

import { brokerProperties, propertiesText } from './kafka-properties.ts';

const node = (nodeId: number) => ({ nodeId, brokerPort: 21_000 + nodeId, controllerPort: 22_000 + nodeId });

test('a broker listens on loopback only and never makes a topic by itself', () => {
  const properties = brokerProperties({ self: node(1), cluster: [node(1)], logDir: '/data' });
  expect(properties['listeners']).toBe('PLAINTEXT://127.0.0.1:21001,CONTROLLER://127.0.0.1:22001');
  expect(properties['auto.create.topics.enable']).toBe(false);
  expect(properties['offsets.topic.replication.factor']).toBe(1);
});

test('three brokers know each other, replicate everything and need two in sync', () => {
  const cluster = [node(1), node(2), node(3)];
  const properties = brokerProperties({ self: node(2), cluster, logDir: '/data' });
  expect(properties['controller.quorum.voters']).toBe('1@127.0.0.1:22001,2@127.0.0.1:22002,3@127.0.0.1:22003');
  expect(properties['default.replication.factor']).toBe(3);
  expect(properties['min.insync.replicas']).toBe(2);
});

test('overrides win, and the file has one line a property', () => {
  const overrides = { 'num.partitions': 9, 'log.segment.bytes': 1_048_576 };
  const properties = brokerProperties({ self: node(1), cluster: [node(1)], logDir: '/data', overrides });
  const text = propertiesText(properties);
  expect(text).toContain('num.partitions=9\n');
  expect(text).toContain('log.segment.bytes=1048576\n');
  expect(text.trimEnd().split('\n')).toHaveLength(Object.keys(properties).length);
});
