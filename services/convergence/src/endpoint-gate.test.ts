import { describe, expect, it } from 'vitest';
import { readTableMark, tableMark, tableProblem } from './endpoint-gate.ts';

describe('the mark of a commit', () => {
  it('tells the next owner how many endpoints were live', () => {
    expect(readTableMark(tableMark({ known: 1_000, live: 400 }))).toBe(400);
  });

  it.each(['', 'endpoints=', 'endpoints=x', 'endpoints=-1', 'something else', 'endpoints=1e3'])(
    'tells nothing when it reads "%s"',
    (metadata) => {
      expect(readTableMark(metadata)).toBeUndefined();
    },
  );
});

describe('tableProblem', () => {
  it.each<[string, number, number | undefined, boolean]>([
    ['an empty table', 0, undefined, false],
    ['an empty table where none was before', 0, 0, false],
    ['a first table', 1, undefined, true],
    ['a table as large as before', 100, 100, true],
    ['a table that grew', 1_000, 100, true],
    ['exactly half of it', 50, 100, true],
    ['less than half of it', 49, 100, false],
    ['a table that was marked empty', 1, 0, true],
  ])('of %s (%i known, %s before): may be used %s', (_, known, lastKnown, usable) => {
    expect(tableProblem({ known, live: known }, lastKnown) === undefined).toBe(usable);
  });

  it('takes tombstones for what they are: endpoints were deleted, the table is whole', () => {
    expect(tableProblem({ known: 1_000, live: 10 }, 990)).toBeUndefined();
  });

  it('does not block for ever when most endpoints were deleted and their tombstones are compacted away', () => {
    const before = tableMark({ known: 1_000, live: 400 });
    expect(tableProblem({ known: 400, live: 400 }, readTableMark(before))).toBeUndefined();
  });

  it('says what to do', () => {
    expect(tableProblem({ known: 0, live: 0 }, undefined)).toContain('endpoints apply');
    expect(tableProblem({ known: 10, live: 10 }, 100)).toContain('apply the endpoints again');
  });
});
