import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextReturnSlot, returnHorizonMs, returnStepMs } from './return-slots.ts';

test('slots follow each other at the pace of the endpoint', () => {
  expect(returnStepMs(16, undefined)).toBe(7);
  expect(returnStepMs(16, 2)).toBe(500);
  expect(returnStepMs(1_000, undefined)).toBe(1);
  let lastMs = 0;
  const slots = Array.from({ length: 3 }, () => (lastMs = nextReturnSlot({ lastMs, fromMs: 1_000, stepMs: 500 })));
  expect(slots).toEqual([1_000, 1_500, 2_000]);
});

test('whatever comes, nobody returns too early, waits beyond the horizon, or meets more others than the pace allows', () => {
  const step = fc.record({ gapMs: fc.nat(50), count: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.array(step, { maxLength: 50 }), (stepMs, steps) => {
      let nowMs = 1_000_000;
      let lastMs = 0;
      const given: number[] = [];
      for (const { gapMs, count } of steps) {
        nowMs += gapMs;
        for (let i = 0; i < count; i++) {
          const fromMs = nowMs + 5_000;
          lastMs = nextReturnSlot({ lastMs, fromMs, stepMs });
          expect(lastMs).toBeGreaterThanOrEqual(fromMs);
          expect(lastMs).toBeLessThanOrEqual(fromMs + returnHorizonMs);
          given.push(lastMs);
        }
      }
      // Once round the horizon they stand twice as close.
      const rounds = Math.ceil((given.length * stepMs) / returnHorizonMs) + 1;
      const inASecond = Map.groupBy(given, (slot) => Math.floor(slot / 1_000));
      for (const slots of inASecond.values())
        expect(slots.length).toBeLessThanOrEqual(rounds * (Math.ceil(1_000 / stepMs) + 1));
    }),
  );
});
