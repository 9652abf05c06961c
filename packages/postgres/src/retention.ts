// What may be dropped of the audit, and dropping it: whole days, oldest first, each behind its closing records; and response
// excerpts, which are no part of the chain. With the rights of `postrider_retention`, which can write no record.

import { decodeAudit, type PartitionClosed } from '@postrider/core/contracts';
import { isClosedSpan } from './closed-place.ts';
import type { Database, Session } from './database.ts';
import { dayMs } from './limits.ts';

/** What a day holds of one Kafka partition, stubs included; a closing record says the same. */
export interface DayChain {
  readonly environment: string;
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  /** Offset behind the last record of the day. */
  readonly next: number;
  readonly rows: number;
  /** Hash after the last record of the day. */
  readonly head: string;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface LaterRecord extends PartitionPlace {
  readonly offset: number;
  readonly recordedAt: Date;
}

/** Every method throws PostgresError. */
export interface Retention {
  /** Days that have a partition, or rows that no partition took, and ended before this moment, `YYYY-MM-DD`, oldest first. */
  daysBefore(moment: Date): Promise<string[]>;
  /** Gives these days the partitions that they lack, and those the rows that lie in DEFAULT. */
  makeDays(days: readonly string[]): Promise<void>;
  chainsOf(day: string): Promise<DayChain[]>;
  /** The first record of each place that was recorded at or after a moment, or its stub; places without one are left out. */
  firstsSince(moment: Date, places: readonly PartitionPlace[]): Promise<LaterRecord[]>;
  /** How many records of each partition are not in the tables any more, not even as stubs, by `topic/partition`. Reads an index of everything. */
  droppedRows(environment: string): Promise<Map<string, number>>;
  /** Where partitions begin of which records are gone, and which closing record says so. */
  closedBases(environment: string): Promise<ClosedBase[]>;
  /** Whether the closing record of this stands in the tables. */
  isClosed(day: string, chain: DayChain): Promise<boolean>;
  /**
   * @param since days from there on go with it
   * @returns records dropped
   * @throws PostgresError `refused`: it is not closed, not over, older days stand, or older records lie in later ones
   */
  dropDay(day: string, since?: string): Promise<number>;
  /** @returns how many were erased */
  eraseExcerpts(environment: string, before: Date, dispatch?: string): Promise<number>;
  /** Response excerpts recorded before this moment. */
  countExcerpts(environment: string, before: Date, dispatch?: string): Promise<number>;
}

export function openRetention(database: Database): Retention {
  return {
    async daysBefore(moment) {
      const rows = await database.query<{ day: string }>(
        `SELECT to_date(right(relname, 8), 'YYYYMMDD') AS day FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$'
           AND (to_date(right(relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= $1
         UNION SELECT (recorded_at AT TIME ZONE 'UTC')::date FROM audit_record_default
         WHERE ((recorded_at AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC' <= $1 ORDER BY 1`,
        [moment.toISOString()],
      );
      return rows.map(({ day }) => day);
    },
    async makeDays(days) {
      for (const day of days) await database.query('SELECT audit_make_day($1)', [day]);
    },
    chainsOf: (day) => database.query<DayChain>('SELECT * FROM audit_day_chains($1)', [day]),
    firstsSince: (moment, places) => {
      const firstOf = (table: string): string =>
        `(SELECT each.record_offset, each.recorded_at FROM ${table} each
          WHERE each.topic = t.topic AND each.partition = t.partition AND each.recorded_at >= $3
          ORDER BY each.topic, each.partition, each.record_offset LIMIT 1)`;
      return database.query<LaterRecord>(
        `SELECT t.topic, t.partition, later.record_offset AS "offset", later.recorded_at AS "recordedAt"
         FROM unnest($1::text[], $2::int[]) AS t (topic, partition) CROSS JOIN LATERAL (
           ${firstOf('audit_record')} UNION ALL ${firstOf('audit_stub')} ORDER BY record_offset LIMIT 1
         ) AS later`,
        [places.map(({ topic }) => topic), places.map(({ partition }) => partition), moment.toISOString()],
      );
    },
    async droppedRows(environment) {
      const rows = await database.query<{ place: string; dropped: number }>(
        `SELECT o.topic || '/' || o.partition AS place, o.rows - (
           SELECT count(*) FROM audit_record r WHERE r.topic = o.topic AND r.partition = o.partition
         ) - (
           SELECT count(*) FROM audit_stub s WHERE s.topic = o.topic AND s.partition = o.partition
         ) AS dropped FROM projection_offset o WHERE o.environment = $1`,
        [environment],
      );
      return new Map(rows.map(({ place, dropped }) => [place, dropped]));
    },
    closedBases: (environment) => readClosedBases(database, environment),
    async isClosed(day, { environment, topic, partition, first, next, rows, head }) {
      const found = await database.query<{ closed: boolean }>(
        `SELECT EXISTS (
           SELECT FROM audit_record r WHERE r.environment = $1 AND r.type = 'PartitionClosed'
             AND r.detail = audit_closing($2, $3, $4, $5, $6, $7, $8)
         ) AS closed`,
        [environment, day, topic, partition, first, next, rows, head],
      );
      return found[0]!.closed;
    },
    async dropDay(day, since = day) {
      const rows = await database.query<{ dropped: number }>('SELECT audit_drop_day($1, $2) AS dropped', [day, since]);
      return rows[0]!.dropped;
    },
    async eraseExcerpts(environment, before, dispatch) {
      const rows = await database.query<{ erased: number }>('SELECT audit_erase_excerpts($1, $2, $3) AS erased', [
        before.toISOString(),
        environment,
        dispatch ?? null,
      ]);
      return rows[0]!.erased;
    },
    async countExcerpts(environment, before, dispatch) {
      const rows = await database.query<{ excerpts: number }>(
        `SELECT count(*) AS excerpts FROM audit_record WHERE recorded_at < $1 AND environment = $2
           AND response_excerpt IS NOT NULL AND ($3::text IS NULL OR dispatch = $3)`,
        [before.toISOString(), environment, dispatch ?? null],
      );
      return rows[0]!.excerpts;
    },
  };
}

/** Where a partition begins in the tables, after days of it were dropped: as its last closing record says. */
export interface ClosedBase {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record that still stands. */
  readonly offset: number;
  /** Records before it, since the log began. */
  readonly rows: number;
  /** Hash before it. */
  readonly head: string;
  /** End of the last day that was dropped. */
  readonly until: Date;
  /** Where the closing record stands in the topic `audit`. */
  readonly closedPartition: number;
  readonly closedOffset: number;
  readonly closedAt: Date;
  readonly closing: PartitionClosed;
}

/**
 * By the closing records of what does not stand any more, which are read out of their bytes, since those the chain covers. Whoever may
 * write to the topic may have made one up: one that closes nothing, or more than there ever was, lets nothing be gone.
 * @throws PostgresError
 */
export async function readClosedBases(session: Session, environment: string): Promise<ClosedBase[]> {
  const rows = await session.query<{ partition: number; offset: number; at: Date; value: Buffer | null }>(
    `SELECT partition, record_offset AS "offset", recorded_at AS at, value FROM audit_record
     WHERE environment = $1 AND type = 'PartitionClosed' AND detail IS NOT NULL AND topic = $2 ORDER BY partition, record_offset`,
    [environment, `${environment}.audit`],
  );
  const closings = rows.flatMap(({ value, ...record }) => {
    const decoded = decodeAudit(value);
    if (!decoded.ok || decoded.value.type !== 'PartitionClosed') return [];
    const { total, head } = decoded.value;
    const isWhole = isClosedSpan(environment, decoded.value, head) && Number.isSafeInteger(total) && total > 0;
    return isWhole ? [{ ...record, closing: decoded.value }] : [];
  });
  const byPlace = Map.groupBy(closings, ({ closing }) => `${closing.topic}/${closing.partition}`);
  const bases: ClosedBase[] = [];
  for (const place of [...byPlace.keys()].sort()) {
    // The one of more records was closed later; of two that say the same, the first day is the one that is gone for certain.
    for (const { partition, offset, at, closing } of byPlace
      .get(place)!
      .toSorted((a, b) => b.closing.total - a.closing.total || Date.parse(a.closing.day) - Date.parse(b.closing.day))) {
      if (!(await isGone(session, environment, closing))) continue;
      const { topic, next, total, head } = closing;
      const until = new Date(Date.parse(closing.day) + dayMs);
      const closed = { closedPartition: partition, closedOffset: offset, closedAt: at, closing };
      bases.push({ topic, partition: closing.partition, offset: next, rows: total, head, until, ...closed });
      break;
    }
  }
  return bases;
}

/** Whether the log came so far, and nothing that was closed is there, not even a stub. A day itself may have been made again, for records that came to the tables late. */
async function isGone(
  session: Session,
  environment: string,
  { topic, partition, next, total }: PartitionClosed,
): Promise<boolean> {
  const anyOf = (table: string): string =>
    `EXISTS (SELECT FROM ${table} WHERE environment = $1 AND topic = $2 AND partition = $3 AND record_offset < $4)`;
  const rows = await session.query<{ gone: boolean }>(
    `SELECT EXISTS (
       SELECT FROM projection_offset o
       WHERE o.environment = $1 AND o.topic = $2 AND o.partition = $3 AND o.next >= $4 AND o.rows >= $5
     ) AND NOT ${anyOf('audit_record')} AND NOT ${anyOf('audit_stub')} AS gone`,
    [environment, topic, partition, next, total],
  );
  return rows[0]!.gone;
}
