import { describe, expect, test } from 'vitest';
import { visibleRecords } from './committed-records.ts';
import type { FetchedBatch } from './read-batches.ts';

interface Batch {
  first: number;
  last: number;
  offsets: number[];
  producer?: string;
  marker?: 'abort' | 'commit';
}

function batchesOf(batches: Batch[]): FetchedBatch[] {
  return batches.map(({ first, last, offsets, producer, marker }) => ({
    firstOffset: first,
    lastOffset: last,
    producerId: BigInt(producer ?? -1),
    inTransaction: producer !== undefined,
    isControl: marker !== undefined,
    records: offsets.map((offset) => ({
      topic: 't',
      partition: 0,
      offset,
      timestamp: 0,
      key: marker === undefined ? null : Buffer.from([0, 0, 0, marker === 'abort' ? 0 : 1]),
      value: null,
      headers: new Map(),
    })),
  }));
}
const visible = (from: number, batches: Batch[], aborted: { producerId: string; firstOffset: string }[] = []) => {
  const { records, nextOffset } = visibleRecords(from, batchesOf(batches), aborted);
  return { offsets: records.map((r) => r.offset), nextOffset };
};

describe('visibleRecords', () => {
  test('an empty fetch moves nothing', () => {
    expect(visible(5, [])).toEqual({ offsets: [], nextOffset: 5 });
  });

  test('leaves out what lies before the position in a batch that is sent whole', () => {
    expect(visible(12, [{ first: 10, last: 13, offsets: [10, 11, 12, 13] }])).toEqual({
      offsets: [12, 13],
      nextOffset: 14,
    });
  });

  test('steps over what compaction removed at the end of a batch in one go', () => {
    expect(visible(10, [{ first: 10, last: 5000, offsets: [10, 11] }])).toEqual({
      offsets: [10, 11],
      nextOffset: 5001,
    });
    expect(visible(12, [{ first: 10, last: 5000, offsets: [10, 11] }])).toEqual({ offsets: [], nextOffset: 5001 });
  });

  test('steps over a batch that compaction emptied', () => {
    expect(visible(40, [{ first: 40, last: 46, offsets: [], producer: '77' }])).toEqual({
      offsets: [],
      nextOffset: 47,
    });
  });

  test('hides control records and still moves past them', () => {
    expect(
      visible(0, [
        { first: 0, last: 0, offsets: [0], producer: '7' },
        { first: 1, last: 1, offsets: [1], producer: '7', marker: 'commit' },
      ]),
    ).toEqual({
      offsets: [0],
      nextOffset: 2,
    });
  });

  test('hides exactly the records of an aborted transaction', () => {
    const batches: Batch[] = [
      { first: 0, last: 1, offsets: [0, 1], producer: '7' }, // aborted
      { first: 2, last: 2, offsets: [2] }, // no transaction
      { first: 3, last: 3, offsets: [3], producer: '8' }, // another producer, committed
      { first: 4, last: 4, offsets: [4], producer: '7', marker: 'abort' },
      { first: 5, last: 5, offsets: [5], producer: '7' }, // its next transaction, committed
    ];
    expect(visible(0, batches, [{ producerId: '7', firstOffset: '0' }])).toEqual({ offsets: [2, 3, 5], nextOffset: 6 });
  });

  test('aborted transactions count in offset order, however the broker lists them', () => {
    const batches: Batch[] = [
      { first: 0, last: 0, offsets: [0], producer: '7' },
      { first: 1, last: 1, offsets: [1], producer: '7', marker: 'abort' },
      { first: 2, last: 2, offsets: [2], producer: '7' },
      { first: 3, last: 3, offsets: [3], producer: '7', marker: 'abort' },
      { first: 4, last: 4, offsets: [4], producer: '7' },
    ];
    const aborted = [
      { producerId: '7', firstOffset: '2' },
      { producerId: '7', firstOffset: '0' },
    ];
    expect(visible(0, batches, aborted).offsets).toEqual([4]);
  });
});
