// Parts of the time, from the newest back, for questions that want the newest rows of many days. A plan over a month of day
// partitions takes longer to make than its rows to find, and the first two days mostly have a page of them.

import type { Session } from './database.ts';
import { dayMs, windowDays } from './limits.ts';

/** `from` inclusive, `to` exclusive. */
export interface TimeWindow {
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** UTC days that have a partition, epoch ms, in rising order. @throws PostgresError */
export async function readDays(session: Session): Promise<number[]> {
  const rows = await session.query<{ day: string }>(
    `SELECT substr(relname, 14) AS day FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' ORDER BY relname`,
  );
  return rows.map(({ day }) => Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00.000Z`));
}

/** The time that is asked for in parts that follow each other without a gap, the newest first: two days, some, and the rest. */
export function windowsBack(days: readonly number[], { from, to }: TimeWindow): TimeWindow[] {
  const windows: TimeWindow[] = [];
  let end = to;
  for (const count of windowDays) {
    const before = end;
    const within = days.filter((day) => before === undefined || day < before.getTime());
    const first = within.at(-count);
    // Nothing before it has a day of its own.
    if (first === undefined || within.length === count) break;
    if (from !== undefined && from.getTime() >= first) break;
    windows.push({ from: new Date(first), to: end });
    end = new Date(first);
  }
  return [...windows, { from, to: end }];
}

/** As conditions with the moments themselves: a plan is then made for the days of the window alone. */
export function windowSql(column: string, { from, to }: TimeWindow): string {
  return [
    from === undefined ? '' : ` AND ${column} >= '${from.toISOString()}'::timestamptz`,
    to === undefined ? '' : ` AND ${column} < '${to.toISOString()}'::timestamptz`,
  ].join('');
}

/** The end of the UTC day of a moment: no later row is at or before it. */
export const dayEnd = (moment: Date): Date => new Date((Math.floor(moment.getTime() / dayMs) + 1) * dayMs);
