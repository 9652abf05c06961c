// Attempts by endpoint, status and time, newest first: "what has been failing since noon?". Pages go by the place of the last
// row, so that the thousandth costs as much as the first.

import type { Database, Session } from './database.ts';
import { dayEnd, readDays, windowsBack, windowSql, type TimeWindow } from './day-windows.ts';
import { entryColumns, type AuditEntry } from './audit-entries.ts';
import { pageDefault, pageMax } from './limits.ts';
import { cursorText, pageKinds, readCursor } from './page-cursor.ts';
import { keptAs, plannedOnce } from './planned-once.ts';

export interface AttemptQuery {
  readonly project?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly dispatch?: string | undefined;
  /** All when not given. */
  readonly statuses?: readonly AttemptStatusWord[] | undefined;
  /** Recorded at or after. */
  readonly from?: Date | undefined;
  /** Recorded before. */
  readonly to?: Date | undefined;
  /** Attempts a page, 1 to 500; 50 when not given. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export type AttemptStatusWord = 'SUCCESS' | 'FAIL' | 'ERROR';

export interface AttemptPage {
  /** Newest first. */
  readonly attempts: readonly AuditEntry[];
  /** Give it as `after` for the next page; undefined on the last. */
  readonly next: string | undefined;
}

const allStatuses: readonly AttemptStatusWord[] = ['SUCCESS', 'FAIL', 'ERROR'];
const order = 'r.recorded_at DESC, r.topic DESC, r.partition DESC, r.record_offset DESC';

/** @throws PostgresError */
export async function searchAttempts(
  database: Database,
  environment: string,
  query: AttemptQuery,
): Promise<AttemptPage> {
  const values: unknown[] = [environment];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = ['r.environment = $1'];
  if (query.dispatch !== undefined) conditions.push(`r.dispatch = ${bind(query.dispatch)}`);
  if (query.endpoint !== undefined) conditions.push(`r.endpoint = ${bind(query.endpoint)}`);
  if (query.project !== undefined) conditions.push(`r.project = ${bind(query.project)}`);
  const after = readCursor(query.after, pageKinds.attempts);
  if (after !== undefined) {
    const [recordedAt, topic, partition, offset] = after.map(bind);
    // The first half is what an index can begin at.
    conditions.push(`r.recorded_at <= ${recordedAt}::timestamptz`);
    conditions.push(
      `(r.recorded_at, r.topic, r.partition, r.record_offset) < (${recordedAt}::timestamptz, ${topic}, ${partition}::int, ${offset}::bigint)`,
    );
  }
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? pageDefault), 1), pageMax);
  const statuses = query.statuses ?? allStatuses;
  const byEndpoint = query.endpoint !== undefined || query.dispatch !== undefined;
  const where = conditions.join(' AND ');
  const found: AuditEntry[] = [];
  if (byEndpoint) {
    // They may lie on any day, a few on each.
    const { from, to } = query;
    const times = [
      from === undefined ? '' : ` AND r.recorded_at >= ${bind(from.toISOString())}::timestamptz`,
      to === undefined ? '' : ` AND r.recorded_at < ${bind(to.toISOString())}::timestamptz`,
    ].join('');
    const sql = select(`${where} AND r.status = ANY (${bind(statuses)}::text[])${times}`, limit);
    found.push(...(await plannedOnce(database, (session) => session.query<AuditEntry>(sql, values, keptAs(sql)))));
  } else {
    // One ordered read of the index a status, and the newest of them: a list of statuses would be read whole and sorted.
    const wheres = statuses.map((status) => `${where} AND r.status = ${bind(status)}`);
    for (const window of await windowsOf(database, query, after?.[0])) {
      const each = wheres.map((one) => select(`${one}${windowSql('r.recorded_at', window)}`, limit));
      const sql =
        each.length === 1
          ? each[0]!
          : `SELECT * FROM (${each.map((one) => `(${one})`).join(' UNION ALL ')}) AS each
             ORDER BY "recordedAt" DESC, topic DESC, partition DESC, "offset" DESC LIMIT ${limit + 1}`;
      found.push(...(await database.query<AuditEntry>(sql, values)));
      if (found.length > limit) break;
    }
  }
  const attempts = found.slice(0, limit);
  const last = attempts.at(-1);
  const more = found.length > limit && last !== undefined;
  return {
    attempts,
    next: more ? cursorText([last.recordedAt.toISOString(), last.topic, last.partition, last.offset]) : undefined,
  };
}

/** The newest days hold a page of them, mostly. */
async function windowsOf(
  session: Session,
  query: AttemptQuery,
  after: string | number | undefined,
): Promise<TimeWindow[]> {
  const { from, to } = query;
  const reached = typeof after === 'string' ? dayEnd(new Date(after)) : undefined;
  const end = reached !== undefined && (to === undefined || reached < to) ? reached : to;
  return windowsBack(await readDays(session), { from, to: end });
}

const select = (where: string, limit: number): string =>
  `SELECT ${entryColumns} FROM audit_record r WHERE ${where} ORDER BY ${order} LIMIT ${limit + 1}`;
