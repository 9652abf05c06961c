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
  const gate = new OriginGate(2);
  for (const endpoint of ['0', '1', '2', '3', '2']) gate.enter('a', endpoint, 'first');
  const turns: string[][] = [];
  for (let n = 0; n < 3; n++) {
    turns.push(gate.leave('a', 'first'));
    gate.enter('a', turns.at(-1)![0] ?? 'nobody', 'first');
  }
  expect(turns).toEqual([['2'], ['3'], []]);
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
  expect([gate.leave('a', 'first'), gate.leave('a', 'late')]).toEqual([['6'], ['4']]);
});

test('a place whose endpoint has nothing to send any more goes to the next one', () => {
  const gate = new OriginGate(2);
  for (const endpoint of ['1', '2', '3', '4', '5', '6']) gate.enter('a', endpoint, 'first');
  // Neither begins anything; with nothing under way nobody would be called again.
  expect(gate.leave('a', 'first')).toEqual(['3']);
  expect(gate.leave('a', 'first')).toEqual(['4', '5', '6']);
});
