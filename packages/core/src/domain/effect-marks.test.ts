import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EffectMarks } from './effect-marks.ts';

describe('marks of effects', () => {
  test('with no effect beyond the watermark, restoring starts at the end of the output', () => {
    const marks = new EffectMarks();
    marks.note(3, 70);
    expect(marks.restoreStart(4, 90)).toBe(90);
  });

  test('an effect that was found in the log counts from where it stands', () => {
    const marks = new EffectMarks();
    marks.note(8, 95);
    marks.note(9, 40);
    expect(marks.restoreStart(8, 100)).toBe(40);
  });

  test('every effect of an uncommitted record stands at or after the restore start, whatever the order of finishing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 40 }), fc.nat(25), (offsets, watermark) => {
        const marks = new EffectMarks();
        const written = offsets.map((offset, i) => ({ offset, at: i }));
        for (const { offset, at } of written) marks.note(offset, at);
        const start = marks.restoreStart(watermark, offsets.length);
        const uncommitted = written.filter(({ offset }) => offset >= watermark);
        expect(uncommitted.every(({ at }) => at >= start)).toBe(true);
        expect(start).toBeLessThanOrEqual(offsets.length);
      }),
    );
  });
});
