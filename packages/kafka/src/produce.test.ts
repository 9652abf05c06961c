import { describe, expect, test } from 'vitest';
import { readAnswer } from './produce.ts';

const at = (partition: number, id: string) => ({ topic: 't', partition, id });
const read = (topics: Parameters<typeof readAnswer>[0]['topics'], groups: ReturnType<typeof at>[][]) => {
  const result = {
    appended: [] as { entry: ReturnType<typeof at>; offset: number }[],
    uncovered: [] as ReturnType<typeof at>[],
  };
  readAnswer({ topics }, groups, result);
  return {
    offsets: result.appended.map(({ entry, offset }) => [entry.id, offset]),
    uncovered: result.uncovered.map((e) => e.id),
  };
};

describe('readAnswer', () => {
  const groups = [[at(0, 'a'), at(0, 'b')], [at(1, 'c')]];

  test('gives base offset plus index within the partition', () => {
    const topics = [
      {
        topicName: 't',
        partitions: [
          { partition: 1, baseOffset: '7' },
          { partition: 0, baseOffset: '100' },
        ],
      },
    ];
    expect(read(topics, groups)).toEqual({
      offsets: [
        ['a', 100],
        ['b', 101],
        ['c', 7],
      ],
      uncovered: [],
    });
  });

  test('a partition that the answer does not name is not acknowledged', () => {
    const topics = [{ topicName: 't', partitions: [{ partition: 0, baseOffset: '100' }] }];
    expect(read(topics, groups)).toEqual({
      offsets: [
        ['a', 100],
        ['b', 101],
      ],
      uncovered: ['c'],
    });
    expect(read([], groups).uncovered).toEqual(['a', 'b', 'c']);
  });

  test('the same partition number of another topic does not count', () => {
    expect(
      read([{ topicName: 'other', partitions: [{ partition: 1, baseOffset: '1' }] }], [[at(1, 'c')]]).uncovered,
    ).toEqual(['c']);
  });

  test('a partition without a usable offset is not acknowledged', () => {
    expect(
      read([{ topicName: 't', partitions: [{ partition: 1, baseOffset: '-1' }] }], [[at(1, 'c')]]).uncovered,
    ).toEqual(['c']);
    expect(
      read([{ topicName: 't', partitions: [{ partition: 1, baseOffset: '9007199254740993' }] }], [[at(1, 'c')]])
        .uncovered,
    ).toEqual(['c']);
  });
});
