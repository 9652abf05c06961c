import { expect, test } from 'vitest';
import { OriginGate } from './origin-gate.ts';

test('an origin is given as many requests as it may have, and another one its own', () => {
  const gate = new OriginGate(2);
  expect([gate.enter('a', '1'), gate.enter('a', '2'), gate.enter('a', '3'), gate.enter('b', '4')]).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

test('endpoints that wait take turns, each once however often it asked', () => {
  const gate = new OriginGate(1);
  gate.enter('a', '1');
  for (const endpoint of ['2', '3', '2']) gate.enter('a', endpoint);
  expect([gate.leave('a'), gate.leave('a'), gate.leave('a')]).toEqual(['2', '3', undefined]);
});

test('a place that was left is free again', () => {
  const gate = new OriginGate(1);
  gate.enter('a', '1');
  gate.leave('a');
  expect(gate.enter('a', '2')).toBe(true);
});
