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
  const wait = (names: readonly string[], sameNumbers: readonly string[]) =>
    waitForTopics({ describeTopics } as unknown as KafkaAdmin, names, {
      sameNumbers,
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

it('waits while one has fewer partitions than the first: a record has one number in all of them', async () => {
  const { told, wait } = rig({ d: 8, a: 4, r: 8, other: 1 }, { d: 8, a: 8, r: 8, other: 1 });
  expect((await wait(['d', 'a', 'r', 'other'], ['d', 'a', 'r']))?.get('a')?.partitions).toBe(8);
  expect(told).toEqual([expect.stringMatching(/^waiting for partitions: a has 4, and d 8; .*add those.*topics check/)]);
});

it('does not wait for one that has more: nothing is written there, and it could not be mended', async () => {
  const { told, wait } = rig({ d: 4, a: 8 });
  expect((await wait(['d', 'a'], ['d', 'a']))?.size).toBe(2);
  expect(told).toEqual([]);
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
