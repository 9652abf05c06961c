import { expect, test } from 'vitest';
import { OriginGate } from './origin-gate.ts';

test('an origin is given as many requests as it may have, and another one its own', () => {
  const gate = new OriginGate(2);
  expect([
    gate.enter('a', '1', 'first'),
    gate.enter('a', '2', 'first'),
    gate.enter('a', '3', 'first'),
    gate.enter('b', '4', 'first'),
  ]).toEqual([true, true, false, true]);
});

test('endpoints that wait take turns, each once however often it asked', () => {
  const gate = new OriginGate(1);
  gate.enter('a', '1', 'first');
  for (const endpoint of ['2', '3', '2']) gate.enter('a', endpoint, 'first');
  expect([gate.leave('a', 'first'), gate.leave('a', 'first'), gate.leave('a', 'first')]).toEqual(['2', '3', undefined]);
});

test('a place that was left is free again', () => {
  const gate = new OriginGate(1);
  gate.enter('a', '1', 'first');
  gate.leave('a', 'first');
  expect(gate.enter('a', '2', 'first')).toBe(true);
});

test('late work never has all places of an origin, and what waits of it comes in when late work leaves', () => {
  const gate = new OriginGate(4);
  expect(['1', '2', '3', '4'].map((id) => gate.enter('a', id, 'late'))).toEqual([true, true, true, false]);
  expect([gate.enter('a', '5', 'first'), gate.enter('a', '6', 'first')]).toEqual([true, false]);
  expect([gate.leave('a', 'first'), gate.leave('a', 'late')]).toEqual(['6', '4']);
});
