// What may be dropped of the audit, and dropping it: whole days, oldest first, each behind its closing records; and response
// excerpts, which are no part of the chain. With the rights of `postrider_retention`, which can write no record.

import type { Database, Session } from './database.ts';

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

/** Every method throws PostgresError. */
export interface Retention {
  /** Days that have a partition and ended before this moment, `YYYY-MM-DD`, oldest first. */
  daysBefore(moment: Date): Promise<string[]>;
  chainsOf(day: string): Promise<DayChain[]>;
  /** How many records of each partition are not in the tables any more, not even as stubs, by `topic/partition`. Reads an index of everything. */
  droppedRows(environment: string): Promise<Map<string, number>>;
  /** Whether the closing record of this stands in the tables. */
  isClosed(day: string, chain: DayChain): Promise<boolean>;
  /** @returns records dropped. @throws PostgresError `refused`: it is not closed, not over, or older records lie elsewhere */
  dropDay(day: string): Promise<number>;
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
           AND (to_date(right(relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= $1 ORDER BY 1`,
        [moment.toISOString()],
      );
      return rows.map(({ day }) => day);
    },
    chainsOf: (day) => database.query<DayChain>('SELECT * FROM audit_day_chains($1)', [day]),
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
    async dropDay(day) {
      const rows = await database.query<{ dropped: number }>('SELECT audit_drop_day($1) AS dropped', [day]);
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
}

/** By the closing records of days that have no partition any more. @throws PostgresError */
export async function readClosedBases(session: Session, environment: string): Promise<ClosedBase[]> {
  return session.query<ClosedBase>(
    `SELECT DISTINCT ON (topic, partition) topic, partition, "offset", rows, head, until FROM (
       SELECT v ->> 'topic' AS topic, (v ->> 'partition')::int AS partition, (v ->> 'next')::bigint AS "offset",
              (v ->> 'total')::bigint AS rows, v ->> 'head' AS head,
              ((v ->> 'day')::date + 1)::timestamp AT TIME ZONE 'UTC' AS until, v ->> 'day' AS day
       FROM (
         SELECT convert_from(value, 'UTF8')::jsonb AS v FROM audit_record
         WHERE environment = $1 AND type = 'PartitionClosed' AND detail IS NOT NULL
       ) AS closing
     ) AS closed
     WHERE NOT EXISTS (
       SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
       WHERE inhparent = 'audit_record'::regclass AND relname = 'audit_record_' || replace(day, '-', '')
     )
     ORDER BY topic, partition, "offset" DESC`,
    [environment],
  );
}
