import { manualClock } from '@postrider/runtime/testing';
import { expect, test } from 'vitest';
import { originInFlightMax, youngMs, youngRequestsMax } from './limits.ts';
import { SendingGate } from './sending-gate.ts';
import { latePlaces } from './turns.ts';

function gateRig() {
  const time = manualClock(1_000_000);
  const turns: string[] = [];
  const gate = new SendingGate({ now: time.clock.now, timers: time.timers, onTurn: (id) => turns.push(id) });
  const fill = () =>
    Array.from({ length: youngRequestsMax }, (_, i) => gate.enter(`origin-${i}`, `busy-${i}`, 'first')!);
  return { time, turns, gate, fill };
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

test('a request that ended after it was old gives no second place', () => {
  const { gate, fill, time } = gateRig();
  const passes = fill();
  time.advance(youngMs);
  expect(fill().every(Boolean)).toBe(true);
  gate.leave(passes[0]!);
  expect(gate.enter('other', 'late', 'first')).toBeUndefined();
});

test('one origin is held at its own limit while others go on', () => {
  const { gate } = gateRig();
  const many = Array.from({ length: Math.min(originInFlightMax, youngRequestsMax) }, () =>
    gate.enter('one', 'x', 'first'),
  );
  expect(many.every(Boolean)).toBe(true);
  expect(gate.enter('one', 'y', 'first')).toBeUndefined();
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
  expect(entered).toHaveLength(latePlaces(youngRequestsMax));
  const first = () => gate.enter('healthy', 'healthy', 'first');
  for (let i = entered.length; i < youngRequestsMax; i++) expect(first()).toBeDefined();
  expect(first()).toBeUndefined();
  gate.leave(entered[0]!);
  expect(turns).toEqual(['healthy']);
});
