import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from './partition.ts';

describe('murmur2', () => {
  // The answers that Apache Kafka's own test of its hash expects (UtilsTest.testMurmur2).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])("gives Kafka's own answer for %s", (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it("gives Kafka's own answer for bytes", () => {
    expect(murmur2(Buffer.from('abc'))).toBe(479470107);
  });
});

describe('partitionOf', () => {
  it('is a partition that exists, the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 10_000 }), (key, partitions) => {
        const partition = partitionOf(key, partitions);
        expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
        expect(partitionOf(key, partitions)).toBe(partition);
      }),
    );
  });

  it('spreads endpoints evenly', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 48_000; i++) {
      const partition = partitionOf(`endpoint-${i}`, 48);
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect(counts.size).toBe(48);
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
    expect(Math.max(...counts.values())).toBeLessThan(1_150);
  });
});
