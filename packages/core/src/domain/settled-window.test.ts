import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SettledWindow } from './settled-window.ts';

describe('SettledWindow', () => {
  it('leads a piece of work from new to under way to settled', () => {
    const window = new SettledWindow(10);
    expect(window.look('a')).toBe('new');
    window.accept('a');
    expect(window.look('a')).toBe('under-way');
    window.settle('a');
    expect(window.look('a')).toBe('settled');
    expect([window.underWay, window.settled]).toEqual([0, 1]);
  });

  it('forgets the oldest settled work first', () => {
    const window = new SettledWindow(2);
    for (const id of ['a', 'b', 'c']) {
      window.accept(id);
      window.settle(id);
    }
    expect(['a', 'b', 'c'].map((id) => window.look(id))).toEqual(['new', 'settled', 'settled']);
  });

  it('never forgets work under way, never keeps more settled work than it may, and tells the last ones right', () => {
    const ids = fc.integer({ min: 0, max: 30 }).map(String);
    const step = fc.record({ kind: fc.constantFrom('accept' as const, 'settle' as const), id: ids });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 200 }), (settledMax, steps) => {
        const window = new SettledWindow(settledMax);
        const underWay = new Set<string>();
        let settled: string[] = [];
        for (const { kind, id } of steps) {
          if (kind === 'accept' && window.look(id) === 'new') {
            window.accept(id);
            underWay.add(id);
          } else if (kind === 'settle' && underWay.has(id)) {
            window.settle(id);
            underWay.delete(id);
            settled = [...settled, id].slice(-settledMax);
          }
          expect(window.underWay).toBe(underWay.size);
          expect(window.settled).toBe(settled.length);
          for (const open of underWay) expect(window.look(open)).toBe('under-way');
          for (const done of settled) expect(window.look(done)).toBe('settled');
        }
      }),
    );
  });
});
