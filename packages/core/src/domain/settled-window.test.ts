import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptId } from './brand.ts';
import { SettledArchive, stretchOf } from './settled-archive.ts';
import { SettledWindow, type SettledConsequence } from './settled-window.ts';

const [a, b, c] = ['a', 'b', 'c'] as AttemptId[] as [AttemptId, AttemptId, AttemptId];
const delivered: SettledConsequence = { disposition: { kind: 'delivered' } };
const windowOf = (settledMax: number, keptMs = 0) => new SettledWindow({ settledMax, archivedMax: 100, keptMs });
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

  it('that was found further back comes before what is there, however often it is looked for', () => {
    const window = windowOf(10);
    window.restore(a, delivered, 0);
    window.restored({ fromMs: 90, offset: 90 });
    window.found(a, delivered);
    window.found(a, retry);
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

  it('does not count when it comes behind what this owner has recorded, whose consequence is still being written', () => {
    const window = windowOf(10);
    window.accept(a);
    window.recorded(a);
    window.restore(a, retry, 0);
    expect([window.look(a), window.standing(a)]).toEqual(['under-way', undefined]);
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

  it('gives up what was found further back with the older half', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 50, offset: 5 });
    window.found(b, retry);
    window.settle(a, at(60, 6));
    expect([window.look(a), window.look(b)]).toEqual(['settled', 'new']);
  });

  it('owes no consequence of what this owner settled itself, forgot, or has under way', () => {
    const window = windowOf(4);
    window.restored({ fromMs: 0, offset: 0 });
    window.accept(b);
    window.settle(a, at(1));
    for (const id of [a, b]) window.found(id, retry);
    window.settle(b, at(2));
    expect([window.takeConsequence(a), window.takeConsequence(b)]).toEqual([undefined, undefined]);
  });
});

describe('the archive', () => {
  const read = (fromMs: number, offset: number, to: number, ids: AttemptId[]): SettledArchive => {
    const archive = new SettledArchive(100);
    archive.push(stretchOf({ fromMs, offset }, to, ids));
    return archive;
  };

  it('knows where in the log everything stands that was forgotten, back to where the log was read', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 5, offset: 50 });
    for (const [n, id] of [a, b, c].entries()) window.settle(id, at(60 + n, 61 + n));
    expect([a, b, c].map((id) => window.look(id))).toEqual(['new', 'new', 'settled']);
    expect(window.archive.placesOf([a])).toEqual([{ from: 50, to: 61 }]);
    // What was appended before the window turned may have been counted after it.
    expect(window.archive.placesOf([b])).toEqual([{ from: 50, to: 62 }]);
    expect(window.archive.placesOf([c])).toEqual([]);
    expect([window.reach, window.cover]).toEqual([
      { fromMs: 5, offset: 50 },
      { fromMs: 62, offset: 62 },
    ]);
  });

  it('reaches further back by what was read from there', () => {
    const window = windowOf(2);
    window.restored({ fromMs: 50, offset: 5 });
    window.extend(read(0, 0, 5, [b]), 5);
    window.settle(a, at(60, 6));
    expect(window.reach).toEqual({ fromMs: 0, offset: 0 });
    expect(window.archive.placesOf([b])).toEqual([{ from: 0, to: 5 }]);
    expect(window.archive.placesOf([a])).toEqual([]);
  });

  it('takes no stretch that does not join it', () => {
    const window = new SettledWindow({ settledMax: 2, archivedMax: 1, keptMs: 0 });
    window.restored({ fromMs: 50, offset: 5 });
    for (const [n, id] of [a, b, c].entries()) window.settle(id, at(60 + n, 6 + n));
    // It has given up its oldest stretch while this was read.
    expect(window.reach.offset).toBe(6);
    window.extend(read(0, 0, 5, [a]), 5);
    expect([window.reach.offset, window.archive.placesOf([a])]).toEqual([6, []]);
  });

  it('joins places that touch, and leaves out what is asked for no more', () => {
    const archive = new SettledArchive(100);
    const ids = ['d', 'e', 'f', 'g', 'h'] as AttemptId[];
    for (const [n, id] of ids.entries()) archive.push(stretchOf({ fromMs: n, offset: n * 10 }, n * 10 + 10, [id]));
    expect(archive.placesOf(['d', 'e'] as AttemptId[])).toEqual([{ from: 0, to: 20 }]);
    expect(archive.placesOf(['d', 'h'] as AttemptId[])).toEqual([
      { from: 0, to: 10 },
      { from: 30, to: 50 },
    ]);
    expect(archive.placesOf(['d', 'h'] as AttemptId[], 20)).toEqual([{ from: 30, to: 50 }]);
  });

  it('keeps as much as it may, the youngest, and one stretch however large it is', () => {
    const archive = new SettledArchive(3);
    archive.push(stretchOf({ fromMs: 0, offset: 0 }, 10, ['a', 'b'] as AttemptId[]));
    archive.push(stretchOf({ fromMs: 1, offset: 10 }, 20, ['c', 'd'] as AttemptId[]));
    expect([archive.size, archive.cover]).toEqual([2, { fromMs: 1, offset: 10 }]);
    archive.push(stretchOf({ fromMs: 2, offset: 20 }, 30, ['e', 'f', 'g', 'h'] as AttemptId[]));
    expect([archive.size, archive.cover]).toEqual([4, { fromMs: 2, offset: 20 }]);
  });

  it('takes attempts of one dispatch, and dispatches that differ in one letter, for different ones', () => {
    const ids = new Set<AttemptId>();
    for (let n = 0; n < 20_000; n += 1)
      for (const attempt of [1, 2, 10]) ids.add(`dsp_${n.toString(32).padStart(26, 'a')}.0.${attempt}` as AttemptId);
    expect(new Set(stretchOf({ fromMs: 0, offset: 0 }, 1, ids).prints).size).toBe(ids.size);
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
          if (window.look(done) === 'settled') continue;
          const reached = atMs >= window.reach.fromMs || offset >= window.reach.offset;
          const places = window.archive.placesOf([done]);
          expect(!reached || places.some(({ from, to }) => offset >= from && offset < to)).toBe(true);
        }
      }
    }),
  );
});
