import { expect, it, vi } from 'vitest';
import type { Connections } from './connections.ts';
import { whenLed } from './group-preparation.ts';

vi.mock('./backoff.ts', () => ({ pause: () => new Promise((resolve) => setImmediate(resolve)) }));

/** Knows of the topics that it was told of, as the driver does; each connection anew begins with none. */
function connection() {
  const targetTopics = new Set<string>();
  let known: readonly string[] = [];
  return {
    addMultipleTargetTopics: async (topics: string[]) => topics.forEach((topic) => targetTopics.add(topic)),
    refreshMetadata: async () => void (known = [...targetTopics]),
    findTopicPartitionMetadata: (topic: string) => (known.includes(topic) ? [{ partitionId: 0, leader: 1 }] : []),
    brokerPool: { metadata: { topicMetadata: [] } },
    targetTopics,
    fetchTopicsOffset: async ([{ topic }]: [{ topic: string }]) => [
      { topic, partitions: [{ partition: 0, offset: '7' }] },
    ],
  };
}

it('a partition without a leader is found again by connections that never heard of its topic', async () => {
  const at = { topic: 't', partition: 0, committed: null, logStart: 0, logEnd: 0 };
  const cluster = connection();
  const connections = { get: async () => cluster, heal: async () => undefined } as unknown as Connections;
  const given = new AbortController();
  const led = whenLed({ connections, report: () => undefined }, at, given.signal);
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  given.abort();
  expect(await led).toBe(true);
  expect(at).toMatchObject({ logStart: 7, logEnd: 7 });
});
