// Which days can only go together: found from where each begins and ends in the log.

import type { DayChain } from '@postrider/postgres';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupDays, type ChainedDay } from './day-groups.ts';

/** What the days hold of logs in which each entry is the day of the record at that offset. */
function chainedDays(logs: readonly (readonly number[])[], dayCount: number): ChainedDay[] {
  return Array.from({ length: dayCount }, (_, day) => ({
    day: `2030-05-${String(day + 1).padStart(2, '0')}`,
    chains: logs.flatMap((log, partition): DayChain[] => {
      const offsets = [...log.keys()].filter((offset) => log[offset] === day);
      const [first, last] = [offsets[0], offsets.at(-1)];
      if (first === undefined || last === undefined) return [];
      const place = { environment: 'live', topic: 'live.audit', partition };
      return [{ ...place, first, next: last + 1, rows: offsets.length, head: `${last}` }];
    }),
  }));
}

const daysOf = (logs: readonly (readonly number[])[], dayCount: number) =>
  groupDays(chainedDays(logs, dayCount)).map(({ days }) => days.map((day) => Number(day.slice(-2)) - 1));

describe('days', () => {
  it('go one by one where the log has them in their order, those that hold nothing, too', () => {
    expect(daysOf([[0, 0, 1, 3], [3]], 4)).toEqual([[0], [1], [2], [3]]);
    expect(daysOf([], 2)).toEqual([[0], [1]]);
  });

  it('go together where a record of one lies behind one of a later day, in any partition', () => {
    const ordered = [0, 1, 2, 3];
    expect(daysOf([ordered, [0, 1, 0, 1]], 4)).toEqual([[0, 1], [2], [3]]);
    expect(daysOf([ordered, [2, 0]], 4)).toEqual([[0, 1, 2], [3]]);
    expect(daysOf([ordered, [1, 0], [2, 1]], 4)).toEqual([[0, 1, 2], [3]]);
  });

  it('hold together what the log has up to there', () => {
    expect(groupDays(chainedDays([[0, 1, 0]], 2))[0]!.chains).toEqual([
      { environment: 'live', topic: 'live.audit', partition: 0, first: 0, next: 3, rows: 3, head: '2' },
    ]);
    expect(groupDays(chainedDays([[1, 0, 1, 1]], 2))[0]!.chains).toMatchObject([
      { first: 0, next: 4, rows: 4, head: '3' },
    ]);
  });

  it('are cut wherever each partition is cut clean, and nowhere else', () => {
    const log = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(log, { maxLength: 3 }), (logs) => {
        const clean = (last: number): boolean =>
          logs.every((each) =>
            each.every((day, offset) => day <= last || each.slice(offset).every((later) => later > last)),
          );
        const ends = daysOf(logs, 6).map((days) => days.at(-1)!);
        expect(ends).toEqual([0, 1, 2, 3, 4, 5].filter(clean));
      }),
    );
  });
});
