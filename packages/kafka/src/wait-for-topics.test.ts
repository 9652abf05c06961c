import { expect, it } from 'vitest';
import type { KafkaAdmin } from './admin.ts';
import type { TopicDescription } from './topic-plan.ts';
import { waitForTopics } from './wait-for-topics.ts';

function rig(...counts: Readonly<Record<string, number>>[]) {
  const told: string[] = [];
  const describeTopics: KafkaAdmin['describeTopics'] = async () => {
    const rows = Object.entries(counts.shift() ?? {});
    return new Map(rows.map(([name, partitions]) => [name, { partitions } as TopicDescription]));
  };
  const wait = (names: readonly string[], alike: readonly string[]) =>
    waitForTopics({ describeTopics } as unknown as KafkaAdmin, names, {
      alike,
      signal: new AbortController().signal,
      sleep: () => Promise.resolve(),
      onWaiting: (message) => told.push(message),
    });
  return { told, wait };
}

it('waits for those that are missing, and tells it once', async () => {
  const { told, wait } = rig({ a: 4 }, { a: 4 }, { a: 4, b: 1 });
  expect((await wait(['a', 'b'], ['a']))?.size).toBe(2);
  expect(told).toEqual([expect.stringMatching(/topics b: create them with `postrider topics apply`/)]);
});

it('waits while topics that belong together have not as many partitions: an endpoint has one place in all of them', async () => {
  const { told, wait } = rig({ d: 8, a: 4, r: 4, other: 1 }, { d: 4, a: 4, r: 4, other: 1 });
  expect((await wait(['d', 'a', 'r', 'other'], ['d', 'a', 'r']))?.get('d')?.partitions).toBe(4);
  expect(told).toEqual([expect.stringMatching(/as many partitions: d has 8, a has 4, r has 4.*topics check/)]);
});

it('starts nothing when the stop came while it asked', async () => {
  const stop = new AbortController();
  const describeTopics = async () => {
    stop.abort();
    return new Map([['a', { partitions: 1 } as TopicDescription]]);
  };
  const waiting = waitForTopics({ describeTopics } as unknown as KafkaAdmin, ['a'], {
    signal: stop.signal,
    sleep: () => Promise.resolve(),
    onWaiting: () => undefined,
  });
  expect(await waiting).toBeUndefined();
});
