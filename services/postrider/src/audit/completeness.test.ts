import type { KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { judgeByKafka, type CompletenessKafka } from './completeness.ts';
import type { PartitionCoverage } from './coverage.ts';

const partition = (gaps: PartitionCoverage['gaps'], missing: number): PartitionCoverage => ({
  topic: 'up',
  partition: 0,
  first: 0,
  next: 100,
  accounted: 100 - missing,
  gaps,
  missing,
  unexplained: missing,
});

/** A log of partition 0 of `up` that begins at `start` and holds records at these offsets. */
function kafkaWith(start: number, offsets: readonly number[]): CompletenessKafka {
  return {
    admin: {
      committed: async () => [],
      endOffsets: async () => new Map(),
      startOffsets: async () => new Map([[0, start]]),
    },
    cluster: {
      scan: async ({ from, to, onRecord }) => {
        const [low, high] = [from === 'earliest' ? 0 : from.get(0)!, to!.get(0)!];
        const found = offsets.filter((offset) => low <= offset && offset < high);
        for (const offset of found) onRecord({ offset } as KafkaRecord);
        return { records: found.length, ends: new Map() };
      },
    },
    eventTopics: ['up'],
    timeoutMs: 1_000,
  };
}

const nothingRead = { committed: [], lost: [], current: true };

describe('a gap held against Kafka', () => {
  it('is no gap where the log holds no record', async () => {
    const coverage = partition([{ from: 10, to: 12, why: 'unexplained' }], 2);
    const [judged] = await judgeByKafka([coverage], nothingRead, kafkaWith(0, [9, 12]));
    expect(judged).toMatchObject({ unexplained: 0, gaps: [{ from: 10, to: 12, why: 'no-record' }] });
  });

  it('stays one at the offset of a record', async () => {
    const coverage = partition([{ from: 10, to: 14, why: 'unexplained' }], 4);
    const [judged] = await judgeByKafka([coverage], nothingRead, kafkaWith(0, [11]));
    expect(judged?.unexplained).toBe(1);
    expect(judged?.gaps).toEqual([
      { from: 10, to: 11, why: 'no-record' },
      { from: 11, to: 12, why: 'unexplained' },
      { from: 12, to: 14, why: 'no-record' },
    ]);
  });

  it('stays one where the log does not reach any more', async () => {
    const coverage = partition([{ from: 10, to: 14, why: 'unexplained' }], 4);
    const [judged] = await judgeByKafka([coverage], nothingRead, kafkaWith(12, []));
    expect(judged).toMatchObject({
      unexplained: 2,
      gaps: [{ from: 10, to: 12, why: 'unexplained' }, { why: 'no-record' }],
    });
  });
});

describe('what was committed', () => {
  const committed = [{ topic: 'up', partition: 0, offset: 103 }];

  it('and left no trace at the end is a gap', async () => {
    const [judged] = await judgeByKafka(
      [partition([], 0)],
      { committed, lost: [], current: true },
      kafkaWith(0, [100, 101]),
    );
    expect(judged).toMatchObject({ next: 103, unexplained: 2, missing: 3 });
  });

  it('is not judged while the tables are behind', async () => {
    const [judged] = await judgeByKafka(
      [partition([], 0)],
      { committed, lost: [], current: false },
      kafkaWith(0, [100, 101]),
    );
    expect(judged).toMatchObject({ next: 100, unexplained: 0 });
  });

  it('of a partition without any trace is a gap from the start of its log', async () => {
    const [judged] = await judgeByKafka([], { committed, lost: [], current: true }, kafkaWith(100, [100, 101, 102]));
    expect(judged).toMatchObject({ first: 100, next: 103, unexplained: 3 });
  });

  it('is no gap where it says that everything before was lost', async () => {
    const lost = [{ topic: 'up', partition: 0, from: 98, to: 102, at: new Date(0) }];
    const [judged] = await judgeByKafka([partition([], 0)], { committed, lost, current: true }, kafkaWith(102, [102]));
    expect(judged).toMatchObject({ next: 103, missing: 3, unexplained: 1 });
    expect(judged?.gaps).toEqual([
      { from: 100, to: 102, why: 'range-lost' },
      { from: 102, to: 103, why: 'unexplained' },
    ]);
  });
});
