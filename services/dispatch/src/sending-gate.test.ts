import { manualClock } from '@postrider/runtime/testing';
import { expect, test } from 'vitest';
import { originInFlightMax, youngLimitLookMs, youngMs, youngRequestsStart } from './limits.ts';
import { SendingGate } from './sending-gate.ts';
import { latePlaces } from './turns.ts';

function gateRig() {
  const time = manualClock(1_000_000);
  const turns: string[] = [];
  let busy = 0.9;
  const gate = new SendingGate({
    now: time.clock.now,
    timers: time.timers,
    busyShare: () => busy,
    onTurn: (id) => turns.push(id),
  });
  const fill = () =>
    Array.from({ length: youngRequestsStart }, (_, i) => gate.enter(`origin-${i}`, `busy-${i}`, 'first')!);
  const busyIs = (share: number) => (busy = share);
  return { time, turns, gate, fill, busyIs };
}

test('a burst over many origins is held at so many young requests, and goes on as they end', () => {
  const { gate, turns, fill } = gateRig();
  const passes = fill();
  expect(passes.every(Boolean)).toBe(true);
  expect(gate.enter('other', 'late', 'first')).toBeUndefined();
  gate.leave(passes[0]!);
  expect(turns).toEqual(['late']);
  expect(gate.enter('other', 'late', 'first')).toBeDefined();
});

test('requests that hang cost the others their places for a moment only', () => {
  const { gate, turns, fill, time } = gateRig();
  fill();
  for (const id of ['a', 'b']) expect(gate.enter('other', id, 'first')).toBeUndefined();
  time.advance(youngMs);
  expect(turns).toEqual(['a', 'b']);
  expect(gate.enter('other', 'a', 'first')).toBeDefined();
});

test('a wall clock that is set back keeps nobody young', () => {
  const { gate, fill, time } = gateRig();
  fill();
  expect(gate.enter('other', 'a', 'first')).toBeUndefined();
  time.stepWallClock(-30_000);
  time.advance(youngMs + youngLimitLookMs * 4);
  expect(gate.enter('other', 'a', 'first')).toBeDefined();
});

test('a request that ended after it was old gives no second place', () => {
  const { gate, fill, time, busyIs } = gateRig();
  busyIs(0);
  const passes = fill();
  time.advance(youngMs);
  expect(fill().every(Boolean)).toBe(true);
  gate.leave(passes[0]!);
  expect(gate.enter('other', 'late', 'first')).toBeUndefined();
});

test('what our own loop holds up while it stands still is not taken for old', () => {
  const { gate, fill, time, busyIs } = gateRig();
  fill();
  busyIs(1);
  time.advance(youngMs * 3);
  expect(gate.enter('other', 'late', 'first')).toBeUndefined();
});

test('while the loop has time to spare, those that waited make the limit grow', () => {
  const { gate, fill, time, busyIs } = gateRig();
  fill();
  expect(gate.enter('other', 'late', 'first')).toBeUndefined();
  busyIs(0.1);
  time.advance(youngLimitLookMs);
  expect(gate.enter('other', 'late', 'first')).toBeDefined();
});

test('one origin is held at its own limit while others go on', () => {
  const { gate, time, busyIs } = gateRig();
  busyIs(0);
  const started: unknown[] = [];
  while (started.length < originInFlightMax) {
    const pass = gate.enter('one', 'x', 'first');
    if (pass) started.push(pass);
    else time.advance(youngLimitLookMs);
  }
  expect(gate.enter('one', 'y', 'first')).toBeUndefined();
  expect(gate.enter('other', 'y', 'first')).toBeDefined();
});

test('a hundred thousand requests that come and go leave nothing behind', () => {
  const { gate, time } = gateRig();
  for (let i = 0; i < 100_000; i++) {
    gate.leave(gate.enter('one', 'x', 'first')!);
    if (i % 100 === 0) time.advance(10);
  }
  expect(gate.kept).toBeLessThan(20_000);
});

test('a storm of late work leaves places for first attempts, and endpoints of both take turns', () => {
  const { gate, turns } = gateRig();
  const storm = Array.from({ length: 1_000 }, (_, i) => gate.enter(`origin-${i}`, `late-${i}`, 'late'));
  const entered = storm.filter((pass) => pass !== undefined);
  expect(entered).toHaveLength(latePlaces(youngRequestsStart));
  const first = () => gate.enter('healthy', 'healthy', 'first');
  for (let i = entered.length; i < youngRequestsStart; i++) expect(first()).toBeDefined();
  expect(first()).toBeUndefined();
  gate.leave(entered[0]!);
  expect(turns).toEqual(['healthy']);
});
