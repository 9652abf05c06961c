import { expect, test } from 'vitest';
import { EventTopics } from './event-topics.ts';

test('a topic that is not there is told once, and until it is there', async () => {
  const there = new Set(['a']);
  const told: string[] = [];
  const topics = new EventTopics({
    names: ['a', 'b', 'c'],
    list: async () => [...there],
    onAbsent: (message) => told.push(message),
  });
  expect(topics.reasons()).toEqual([]);
  await topics.look();
  await topics.look();
  expect(told).toEqual([expect.stringMatching(/^not reading b, c: .*create it, or take it out/)]);
  expect(topics.reasons()).toEqual(told);

  there.add('b');
  await topics.look();
  expect(told).toHaveLength(1);
  expect(topics.reasons()[0]).toMatch(/^not reading c: /);

  there.add('c');
  there.delete('a');
  await topics.look();
  expect(told[1]).toMatch(/^not reading a: /);
});

test('what was known stands while nobody answers', async () => {
  let answers = true;
  const topics = new EventTopics({
    names: ['a'],
    list: () => (answers ? Promise.resolve([]) : Promise.reject(new Error('no broker'))),
    onAbsent: () => undefined,
  });
  await topics.look();
  answers = false;
  await expect(topics.look()).rejects.toThrow('no broker');
  expect(topics.reasons()).toHaveLength(1);
});
