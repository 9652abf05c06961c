import { describe, expect, it } from 'vitest';
import type { DispatchId } from './brand.ts';
import { attemptIdOf } from './dispatch.ts';

const work = { dispatchId: 'dsp_a' as DispatchId, round: 2, attempt: 3, park: 4 };

describe('attemptIdOf', () => {
  it('names an attempt by dispatch, round and number', () => {
    expect(attemptIdOf(work)).toBe('dsp_a.2.3');
  });

  it('gives a parked copy the id of the attempt that was put off', () => {
    const parked = { ...work, park: 5 };
    expect(attemptIdOf(parked)).toBe(attemptIdOf(work));
  });
});
