import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptId } from './brand.ts';
import { SettledWindow, type SettledConsequence } from './settled-window.ts';

const [a, b, c] = ['a', 'b', 'c'] as AttemptId[] as [AttemptId, AttemptId, AttemptId];
const delivered: SettledConsequence = { disposition: { kind: 'delivered' } };
const retry: SettledConsequence = { disposition: { kind: 'retry', dueMs: 9, attempt: 2 } };

describe('an attempt of this owner', () => {
  it('goes from new to under way to settled', () => {
    const window = new SettledWindow(10);
    expect(window.look(a)).toBe('new');
    window.accept(a);
    expect(window.look(a)).toBe('under-way');
    window.settle(a, 1);
    expect(window.look(a)).toBe('settled');
    expect([window.underWay, window.settled]).toEqual([0, 1]);
  });

  it('is new again when it was given up without a settlement', () => {
    const window = new SettledWindow(10);
    window.accept(a);
    window.release(a);
    expect([window.look(a), window.underWay]).toEqual(['new', 0]);
  });

  it('leaves no consequence to be written again: this owner wrote it', () => {
    const window = new SettledWindow(10);
    window.accept(a);
    window.settle(a, 1);
    expect([window.standing(a), window.takeConsequence(a)]).toEqual([undefined, undefined]);
  });
});

describe('an entry that was restored', () => {
  it('is settled, and gives its consequence out once', () => {
    const window = new SettledWindow(10);
    window.restore(a, retry, 1);
    expect([window.look(a), window.standing(a)]).toEqual(['settled', retry]);
    expect([window.takeConsequence(a), window.takeConsequence(a)]).toEqual([retry, undefined]);
    expect(window.look(a)).toBe('settled');
  });

  it('stands against an attempt that is under way here: somebody else settled it first', () => {
    const window = new SettledWindow(10);
    window.accept(a);
    window.restore(a, delivered, 1);
    expect([window.look(a), window.standing(a)]).toEqual(['settled', delivered]);
  });

  it('is the first of its attempt in the log, whatever comes later', () => {
    const window = new SettledWindow(10);
    window.restore(a, retry, 1);
    window.restore(a, delivered, 2);
    expect(window.standing(a)).toEqual(retry);
  });

  it('from further back comes before what is there, and the first of those counts', () => {
    const window = new SettledWindow(10);
    window.restore(a, delivered, 5);
    window.restoreOlder(a, retry, 1);
    window.restoreOlder(a, delivered, 2);
    expect(window.takeConsequence(a)).toEqual(retry);
  });

  it('does not undo what this owner settled', () => {
    const window = new SettledWindow(10);
    window.accept(a);
    window.settle(a, 3);
    window.restore(a, retry, 4);
    expect(window.takeConsequence(a)).toBeUndefined();
  });
});

describe('the cover', () => {
  it('is nothing before the log was read, and reaches as far back as it was read', () => {
    const window = new SettledWindow(10);
    expect(window.coveredFromMs).toBe(Number.POSITIVE_INFINITY);
    window.cover(100);
    window.cover(200);
    expect(window.coveredFromMs).toBe(100);
  });

  it('shrinks past what was forgotten, also when several were settled within one millisecond', () => {
    const window = new SettledWindow(2);
    window.cover(0);
    window.settle(a, 7);
    window.settle(b, 7);
    expect(window.coveredFromMs).toBe(0);
    window.settle(c, 7);
    expect([window.look(a), window.look(b), window.look(c)]).toEqual(['new', 'settled', 'settled']);
    expect(window.coveredFromMs).toBe(8);
  });

  it('gives up what was read from further back before it forgets what is newer', () => {
    const window = new SettledWindow(1);
    window.cover(50);
    window.settle(a, 60);
    window.restoreOlder(b, retry, 10);
    window.cover(0);
    window.settle(c, 70);
    expect([window.look(a), window.look(b), window.look(c)]).toEqual(['new', 'new', 'settled']);
    expect(window.coveredFromMs).toBe(61);
  });
});

it('never forgets work under way, never keeps more of its own than it may, and never lies about what it covers', () => {
  const id = fc.integer({ min: 0, max: 30 }).map((n) => String(n) as AttemptId);
  const step = fc.record({
    kind: fc.constantFrom('accept' as const, 'settle' as const, 'release' as const),
    id,
    afterMs: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 200 }), (settledMax, steps) => {
      const window = new SettledWindow(settledMax);
      window.cover(0);
      const underWay = new Set<AttemptId>();
      const settledAt = new Map<AttemptId, number>();
      let nowMs = 0;
      for (const { kind, id, afterMs } of steps) {
        nowMs += afterMs;
        // One attempt is settled once; what was forgotten is read again by whoever needs it.
        if (kind === 'accept' && window.look(id) === 'new' && !settledAt.has(id)) {
          window.accept(id);
          underWay.add(id);
        } else if (kind === 'settle' && underWay.delete(id)) {
          window.settle(id, nowMs);
          settledAt.set(id, nowMs);
        } else if (kind === 'release' && underWay.delete(id)) {
          window.release(id);
        }
        expect(window.underWay).toBe(underWay.size);
        expect(window.settled).toBe(Math.min(settledAt.size, settledMax));
        for (const open of underWay) expect(window.look(open)).toBe('under-way');
        for (const [done, atMs] of settledAt) {
          expect(atMs < window.coveredFromMs || window.look(done) === 'settled').toBe(true);
        }
      }
    }),
  );
});
