import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptId } from './brand.ts';
import { SettledWindow, type SettledConsequence } from './settled-window.ts';

const [a, b, c] = ['a', 'b', 'c'] as AttemptId[] as [AttemptId, AttemptId, AttemptId];
const delivered: SettledConsequence = { disposition: { kind: 'delivered' } };
const windowOf = (settledMax: number, keptMs = 0) => new SettledWindow({ settledMax, keptMs });
const at = (atMs: number, logEnd = atMs) => ({ atMs, logEnd, positionMs: atMs });
const retry: SettledConsequence = { disposition: { kind: 'retry', dueMs: 9, attempt: 2 } };

describe('an attempt of this owner', () => {
  it('goes from new to under way to settled', () => {
    const window = windowOf(10);
    expect(window.look(a)).toBe('new');
    window.accept(a);
    expect(window.look(a)).toBe('under-way');
    window.settle(a, at(1));
    expect(window.look(a)).toBe('settled');
    expect([window.underWay, window.settled]).toEqual([0, 1]);
  });

  it('is new again when it was given up without a settlement', () => {
    const window = windowOf(10);
    window.accept(a);
    window.release(a);
    expect([window.look(a), window.underWay]).toEqual(['new', 0]);
  });

  it('leaves no consequence to be written again: this owner wrote it', () => {
    const window = windowOf(10);
    window.accept(a);
    window.settle(a, at(1));
    expect([window.standing(a), window.takeConsequence(a)]).toEqual([undefined, undefined]);
  });
});

describe('an entry that was restored', () => {
  it('is settled, and gives its consequence out once', () => {
    const window = windowOf(10);
    window.restore(a, retry, 0);
    expect([window.look(a), window.standing(a)]).toEqual(['settled', retry]);
    expect([window.takeConsequence(a), window.takeConsequence(a)]).toEqual([retry, undefined]);
    expect(window.look(a)).toBe('settled');
  });

  it('stands against an attempt that is under way here: somebody else settled it first', () => {
    const window = windowOf(10);
    window.accept(a);
    window.restore(a, delivered, 0);
    expect([window.look(a), window.standing(a)]).toEqual(['settled', delivered]);
  });

  it('is the first of its attempt in the log, whatever comes later', () => {
    const window = windowOf(10);
    window.restore(a, retry, 0);
    window.restore(a, delivered, 0);
    expect(window.standing(a)).toEqual(retry);
  });

  it('from further back comes before what is there, however often the window is extended', () => {
    const window = windowOf(10);
    window.restore(a, delivered, 0);
    window.restored({ fromMs: 90, offset: 90 });
    window.extend({ fromMs: 50, offset: 50 }, 90, new Map([[a, delivered]]));
    window.extend({ fromMs: 10, offset: 10 }, 50, new Map([[a, retry]]));
    expect([window.standing(a), window.takeConsequence(a)]).toEqual([retry, retry]);
  });

  it('stands against an attempt that is under way although a copy has written its consequence already', () => {
    const window = windowOf(10);
    window.accept(a);
    window.restore(a, delivered, 0);
    window.takeConsequence(a);
    expect(window.standing(a)).toEqual(delivered);
  });

  it('owes nothing any more once this owner has followed it', () => {
    const window = windowOf(10);
    window.accept(a);
    window.restore(a, retry, 0);
    window.settle(a, at(5));
    expect([window.look(a), window.takeConsequence(a)]).toEqual(['settled', undefined]);
  });

  it('does not undo what this owner settled', () => {
    const window = windowOf(10);
    window.accept(a);
    window.settle(a, at(3));
    window.restore(a, retry, 0);
    expect(window.takeConsequence(a)).toBeUndefined();
  });
});

describe('the cover', () => {
  it('is no time at all before the log was read, and reaches as far back as it was read', () => {
    const window = windowOf(10);
    expect(window.cover.fromMs).toBe(Number.POSITIVE_INFINITY);
    window.restored({ fromMs: 100, offset: 7 });
    expect(window.cover).toEqual({ fromMs: 100, offset: 7 });
  });

  it('shrinks past what was forgotten, also when several were settled within one millisecond', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 0, offset: 0 });
    window.settle(a, at(7, 1));
    expect(window.cover).toEqual({ fromMs: 0, offset: 0 });
    window.settle(b, at(7, 2));
    expect([window.look(a), window.look(b)]).toEqual(['new', 'settled']);
    expect(window.cover).toEqual({ fromMs: 8, offset: 1 });
  });

  it('keeps what is young, however much it is', () => {
    const window = windowOf(2, 10);
    window.restored({ fromMs: 0, offset: 0 });
    window.settle(a, at(1));
    window.settle(b, at(10));
    expect([window.look(a), window.look(b)]).toEqual(['settled', 'settled']);
    window.settle(c, at(11));
    expect([window.look(a), window.cover.fromMs]).toEqual(['new', 2]);
  });

  it('keeps it as long as this owner does not get on in the log, whatever the clock says', () => {
    const window = windowOf(2, 10);
    window.restored({ fromMs: 0, offset: 0 });
    for (const [n, id] of [a, b, c].entries()) window.settle(id, { atMs: n * 60_000, logEnd: n, positionMs: 5 });
    expect([window.look(a), window.look(b), window.cover.fromMs]).toEqual(['settled', 'settled', 0]);
  });

  it('keeps what somebody else settled until this owner is past it', () => {
    const window = windowOf(2, 10);
    window.restore(a, delivered, 100);
    const pass = (positionMs: number): void =>
      window.settle(`at-${positionMs}` as AttemptId, { atMs: 900, logEnd: 1, positionMs });
    for (const positionMs of [20, 40, 60, 80, 100, 109]) pass(positionMs);
    expect(window.look(a)).toBe('settled');
    for (const positionMs of [120, 140]) pass(positionMs);
    expect(window.look(a)).toBe('new');
  });

  it('keeps what somebody else settled as long as it is under way here', () => {
    const window = windowOf(2);
    window.accept(a);
    window.restore(a, delivered, 0);
    for (const [n, id] of [b, c, 'd' as AttemptId].entries()) window.settle(id, at(10 + n));
    expect(window.standing(a)).toEqual(delivered);
  });

  it('gives up what was read from further back with the older half, and says from where it must be read again', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 50, offset: 5 });
    window.extend({ fromMs: 0, offset: 0 }, 5, new Map([[b, retry]]));
    window.settle(a, at(60, 6));
    expect([window.look(a), window.look(b)]).toEqual(['settled', 'new']);
    expect(window.cover).toEqual({ fromMs: 50, offset: 5 });
  });

  it('does not reach further back when more was forgotten while it was read', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 50, offset: 5 });
    for (const [n, id] of [a, b, c].entries()) window.settle(id, at(60 + n, 6 + n));
    window.extend({ fromMs: 0, offset: 0 }, 5, new Map());
    expect(window.cover).toEqual({ fromMs: 62, offset: 7 });
  });

  it('owes no consequence of what this owner settled itself, forgot, or has under way', () => {
    const window = windowOf(4);
    window.restored({ fromMs: 0, offset: 0 });
    window.accept(b);
    window.settle(a, at(1));
    window.extend({ fromMs: 0, offset: 0 }, 2, new Map([a, b].map((id) => [id, retry])));
    window.settle(b, at(2));
    expect([window.takeConsequence(a), window.takeConsequence(b)]).toEqual([undefined, undefined]);
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
      const window = windowOf(settledMax);
      window.restored({ fromMs: 0, offset: 0 });
      const underWay = new Set<AttemptId>();
      /** In the order of the log. */
      const settledAt = new Map<AttemptId, number>();
      let nowMs = 0;
      for (const { kind, id, afterMs } of steps) {
        nowMs += afterMs;
        // One attempt is settled once; what was forgotten is read again by whoever needs it.
        if (kind === 'accept' && window.look(id) === 'new' && !settledAt.has(id)) {
          window.accept(id);
          underWay.add(id);
        } else if (kind === 'settle' && underWay.delete(id)) {
          settledAt.set(id, nowMs);
          window.settle(id, at(nowMs, settledAt.size));
        } else if (kind === 'release' && underWay.delete(id)) {
          window.release(id);
        }
        expect(window.underWay).toBe(underWay.size);
        expect(window.settled).toBeLessThanOrEqual(settledMax + 1);
        for (const open of underWay) expect(window.look(open)).toBe('under-way');
        for (const [offset, [done, atMs]] of [...settledAt].entries()) {
          const { fromMs, offset: fromOffset } = window.cover;
          expect((atMs < fromMs && offset < fromOffset) || window.look(done) === 'settled').toBe(true);
        }
      }
    }),
  );
});
