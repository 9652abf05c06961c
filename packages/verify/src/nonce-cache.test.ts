import { describe, expect, it } from 'vitest';

import { createNonceCache } from './nonce-cache.ts';

describe('the nonce cache', () => {
  it('takes a nonce once, until its time is over', () => {
    const cache = createNonceCache({ ttlSeconds: 10 });
    expect(cache.take('a', 0)).toBe(true);
    expect(cache.take('a', 9_999)).toBe(false);
    expect(cache.take('b', 9_999)).toBe(true);
    expect(cache.take('a', 10_000)).toBe(true);
    expect(cache.take('b', 10_000)).toBe(false);
  });

  it('keeps a nonce for both sides of the tolerance by default', () => {
    const cache = createNonceCache();
    cache.take('a', 0);
    expect(cache.take('a', 599_999)).toBe(false);
  });

  it('forgets the oldest when it is full, and no others', () => {
    const cache = createNonceCache({ entriesMax: 2 });
    for (const nonce of ['a', 'b', 'c']) expect(cache.take(nonce, 0)).toBe(true);
    expect(cache.take('c', 0)).toBe(false);
    expect(cache.take('b', 0)).toBe(false);
    expect(cache.take('a', 0)).toBe(true);
  });
});
