import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchLength, byPartition, takeApart } from './append-batch.ts';
import type { BatchEntry } from './append-batch.ts';
import { encodable } from './record-size.ts';

const entry = (partition: number, bytes: number): BatchEntry => ({
  topic: 't',
  partition,
  bytes,
  record: encodable({ topic: 't', partition, key: null, value: null }),
});
const limits = { recordsMax: 5, partitionBytesMax: 100, bytesMax: 150 };

describe('batchLength', () => {
  test('takes everything that fits', () => {
    expect(batchLength([entry(0, 10), entry(1, 10)], 0, limits)).toBe(2);
  });

  test('stops at the record limit', () => {
    expect(
      batchLength(
        Array.from({ length: 9 }, () => entry(0, 1)),
        0,
        limits,
      ),
    ).toBe(5);
  });

  test('stops before one partition grows too large', () => {
    expect(batchLength([entry(0, 60), entry(1, 10), entry(0, 60)], 0, limits)).toBe(2);
  });

  test('stops before the whole grows too large', () => {
    expect(batchLength([entry(0, 80), entry(1, 60), entry(2, 60)], 0, limits)).toBe(2);
  });

  test('sends an oversized record alone, so that the broker can refuse it', () => {
    expect(batchLength([entry(0, 1000), entry(0, 1)], 0, limits)).toBe(1);
    expect(batchLength([entry(0, 1), entry(0, 1000)], 1, limits)).toBe(1);
  });

  test('whatever the sizes, batches cover the queue in order, and only a record that is alone in its partition may exceed a limit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 200 }))), (sizes) => {
        const queue = sizes.map(([partition, bytes]) => entry(partition, bytes));
        let start = 0;
        while (start < queue.length) {
          const length = batchLength(queue, start, limits);
          expect(length).toBeGreaterThan(0);
          const batch = queue.slice(start, start + length);
          const bytes = batch.reduce((sum, e) => sum + e.bytes, 0);
          const crowded = [...byPartition(batch).values()].filter((group) => group.length > 1);
          expect(length).toBeLessThanOrEqual(limits.recordsMax);
          expect(length === 1 || bytes <= limits.bytesMax).toBe(true);
          expect(crowded.every((group) => group.reduce((sum, e) => sum + e.bytes, 0) <= limits.partitionBytesMax)).toBe(
            true,
          );
          start += length;
        }
        expect(start).toBe(queue.length);
      }),
    );
  });
});

describe('takeApart', () => {
  test('separates partitions first, because a broker refuses one partition as a whole', () => {
    const parts = takeApart([entry(0, 1), entry(1, 2), entry(0, 3)]);
    expect(parts.map((part) => part.map((e) => e.bytes))).toEqual([[1, 3], [2]]);
  });

  test('then halves, in order, until one stands alone', () => {
    expect(takeApart([entry(0, 1), entry(0, 2), entry(0, 3)]).map((part) => part.map((e) => e.bytes))).toEqual([
      [1, 2],
      [3],
    ]);
    expect(takeApart([entry(0, 1)])).toEqual([]);
  });

  test('always ends with every record alone, and loses none', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 60 }), (partitions) => {
        const alone: BatchEntry[] = [];
        const work = [partitions.map((partition, i) => entry(partition, i))];
        for (let part = work.shift(); part !== undefined; part = work.shift()) {
          if (part.length === 1) alone.push(part[0] as BatchEntry);
          else work.push(...takeApart(part));
        }
        expect(alone.map((e) => e.bytes).sort((a, b) => a - b)).toEqual(partitions.map((_, i) => i));
      }),
    );
  });
});
