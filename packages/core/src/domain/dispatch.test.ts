import { describe, expect, it } from 'vitest';
import type { DispatchId } from './brand.ts';
import { attemptIdOf, workIdOf } from './dispatch.ts';

const work = { dispatchId: 'dsp_a' as DispatchId, round: 2, attempt: 3, park: 4 };

describe('ids of a dispatch', () => {
  it('names an attempt by dispatch, round and number', () => {
    expect(attemptIdOf(work)).toBe('dsp_a.2.3');
  });

  it('takes a parked copy for other work than the one that was parked, under the same attempt id', () => {
    const parked = { ...work, park: 5 };
    expect([workIdOf(work), workIdOf(parked)]).toEqual(['dsp_a.2.3/4', 'dsp_a.2.3/5']);
    expect(attemptIdOf(parked)).toBe(attemptIdOf(work));
  });
});
