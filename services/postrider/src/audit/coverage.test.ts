import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Coverage, explained, type PartitionCoverage } from './coverage.ts';

/** As the server folds them. */
function coverageOf(offsets: readonly number[], lost: { from: number; to: number }[] = []): PartitionCoverage {
  const words = new Map<number, number>();
  for (const offset of offsets) {
    const word = Math.floor(offset / 32);
    words.set(word, (words.get(word) ?? 0) | (1 << (offset % 32)));
  }
  const place = { topic: 'up', partition: 0 };
  const coverage = new Coverage(
    100,
    lost.map((range) => ({ ...place, ...range, at: new Date(0) })),
  );
  for (const [word, bits] of [...words].sort(([a], [b]) => a - b)) coverage.take({ ...place, word, bits });
  return coverage.finish()[0]!;
}

describe('coverage', () => {
  it('of offsets without a hole is one span', () => {
    const offsets = Array.from({ length: 100 }, (_, index) => index + 7);
    expect(coverageOf(offsets)).toEqual({
      topic: 'up',
      partition: 0,
      first: 7,
      next: 107,
      accounted: 100,
      gaps: [],
      missing: 0,
      unexplained: 0,
    });
  });

  it('tells lost ranges from those that nothing explains', () => {
    const { gaps, missing, unexplained } = coverageOf(
      [0, 1, 40, 200],
      [
        { from: 2, to: 10 },
        { from: 30, to: 60 },
      ],
    );
    expect(gaps).toEqual([
      { from: 2, to: 10, why: 'range-lost' },
      { from: 10, to: 30, why: 'unexplained' },
      { from: 30, to: 40, why: 'range-lost' },
      { from: 41, to: 60, why: 'range-lost' },
      { from: 60, to: 200, why: 'unexplained' },
    ]);
    expect({ missing, unexplained }).toEqual({ missing: 197, unexplained: 160 });
  });

  it('says of any set of offsets exactly which are missing between its ends', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200), { minLength: 1 }), (offsets) => {
        const { first, next, accounted, gaps, missing } = coverageOf(offsets);
        expect([first, next, accounted]).toEqual([Math.min(...offsets), Math.max(...offsets) + 1, offsets.length]);
        const inGaps = gaps.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index));
        const absent = Array.from({ length: next - first }, (_, index) => first + index).filter(
          (offset) => !offsets.includes(offset),
        );
        expect(inGaps).toEqual(absent);
        expect(missing).toBe(absent.length);
      }),
    );
  });

  it('cuts a gap into parts that make it up again, whatever was lost', () => {
    const span = fc.tuple(fc.nat(50), fc.nat(20)).map(([from, length]) => ({ from, to: from + length }));
    fc.assert(
      fc.property(fc.array(span), (lost) => {
        const parts = explained({ from: 10, to: 40 }, lost);
        expect(parts[0]?.from).toBe(10);
        expect(parts.at(-1)?.to).toBe(40);
        expect(parts.slice(1).map(({ from }) => from)).toEqual(parts.slice(0, -1).map(({ to }) => to));
        for (const { from, to, why } of parts) {
          for (let offset = from; offset < to; offset += 1) {
            const known = lost.some((range) => range.from <= offset && offset < range.to);
            expect(why).toBe(known ? 'range-lost' : 'unexplained');
          }
        }
      }),
    );
  });
});
