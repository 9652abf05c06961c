import { expect, test } from 'vitest';
import { coldConnectionsMax, handshakeMsUnknown, patienceMsMax, patienceMsMin, stuckMsMin } from './limits.ts';
import { PoolPace } from './pool-pace.ts';

const paceOf = (seen: { exchangeMs?: number; handshakeMs?: number }) => {
  const pace = new PoolPace();
  if (seen.exchangeMs !== undefined) pace.exchanged(seen.exchangeMs);
  if (seen.handshakeMs !== undefined) pace.connected(seen.handshakeMs);
  return pace;
};

test('the first request of an origin never waits', () => {
  expect(new PoolPace().shouldWait({ connections: 0, moving: 0, queued: 0 })).toBe(false);
});

test('an origin of unknown pace gets a few connections, then its requests wait', () => {
  const pace = new PoolPace();
  expect(pace.shouldWait({ connections: coldConnectionsMax - 1, moving: 1, queued: 0 })).toBe(false);
  expect(pace.shouldWait({ connections: coldConnectionsMax, moving: 1, queued: 0 })).toBe(true);
});

test('a request waits when a connection will be free sooner than a new one would be there', () => {
  const pace = paceOf({ exchangeMs: 3, handshakeMs: 12 });
  expect(pace.shouldWait({ connections: 4, moving: 4, queued: 10 })).toBe(true);
  expect(pace.shouldWait({ connections: 4, moving: 4, queued: 20 })).toBe(false);
});

test('a slow receiver is given connections rather than a queue', () => {
  expect(paceOf({ exchangeMs: 300, handshakeMs: 60 }).shouldWait({ connections: 4, moving: 4, queued: 0 })).toBe(false);
});

test('connections whose requests are stuck are not waited for', () => {
  const pace = paceOf({ exchangeMs: 3, handshakeMs: 12 });
  expect(pace.isStuck(stuckMsMin)).toBe(false);
  expect(pace.isStuck(stuckMsMin + 1)).toBe(true);
  expect(pace.shouldWait({ connections: 16, moving: 0, queued: 0 })).toBe(false);
});

test('patience is what a handshake takes, within bounds', () => {
  expect(new PoolPace().patienceMs).toBe(handshakeMsUnknown);
  expect(paceOf({ handshakeMs: 1 }).patienceMs).toBe(patienceMsMin);
  expect(paceOf({ handshakeMs: 30 }).patienceMs).toBe(30);
  expect(paceOf({ handshakeMs: 5_000 }).patienceMs).toBe(patienceMsMax);
});
