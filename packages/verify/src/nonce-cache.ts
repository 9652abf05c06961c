// A small memory of used nonces for one process. Where several processes receive, they need one that they share
// (a table with a unique key does): a replay would otherwise go to the other one.

import type { NonceCache } from './verification.ts';

/** Both sides of the tolerance of 300 s: older requests are refused by their timestamp. */
const ttlSecondsDefault = 600;
/** About 10 MB. A receiver with more requests within the time should share a store. */
const entriesMaxDefault = 100_000;

/**
 * `ttlSeconds`: at least the whole span in which a timestamp is accepted. Above `entriesMax` the oldest are forgotten, so that
 * a flood cannot exhaust memory; only nonces of genuine requests are ever taken.
 */
export function createNonceCache(
  options: { readonly ttlSeconds?: number; readonly entriesMax?: number } = {},
): NonceCache {
  const ttlMs = (options.ttlSeconds ?? ttlSecondsDefault) * 1_000;
  const entriesMax = options.entriesMax ?? entriesMaxDefault;
  const taken = new Map<string, number>();
  return {
    take(nonce, nowMs) {
      for (const [old, expiresMs] of taken) {
        if (expiresMs > nowMs && taken.size <= entriesMax) break;
        taken.delete(old);
      }
      if (taken.has(nonce)) return false;
      taken.set(nonce, nowMs + ttlMs);
      return true;
    },
  };
}
