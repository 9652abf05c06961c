import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('the rate of an endpoint', () => {
  it('lets a second’s worth through at once, then one at a time', () => {
    const bucket = new TokenBucket(2, 0);
    for (let i = 0; i < 2; i++) {
      expect(bucket.waitMs(0)).toBe(0);
      bucket.take(0);
    }
    expect(bucket.waitMs(0)).toBe(500);
    expect(bucket.waitMs(500)).toBe(0);
  });

  it('holds for rates below one a second', () => {
    const bucket = new TokenBucket(0.1, 0);
    bucket.take(0);
    expect(bucket.waitMs(0)).toBe(10_000);
    expect(bucket.waitMs(10_000)).toBe(0);
  });

  it('gives nothing for a clock that was set back', () => {
    const bucket = new TokenBucket(1, 10_000);
    bucket.take(10_000);
    expect(bucket.waitMs(5_000)).toBe(1_000);
    expect(bucket.waitMs(5_500)).toBe(500);
  });

  it('never lets more through in a stretch of time than the rate and one burst', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(300), { maxLength: 200 }), (rate, steps) => {
        const bucket = new TokenBucket(rate, 0);
        let now = 0;
        let taken = 0;
        for (const step of steps) {
          now += step;
          while (bucket.waitMs(now) === 0) {
            bucket.take(now);
            taken++;
          }
        }
        expect(taken).toBeLessThanOrEqual(rate + (now / 1_000) * rate + 1e-6);
      }),
    );
  });
});
