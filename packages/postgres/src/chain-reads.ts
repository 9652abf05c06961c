// What the verification of the chain needs beside the rows: how far the tables say they are, and where a time begins.

import type { ChainedRecord, ChainPlace } from '@postrider/core/contracts';
import type { Session } from './database.ts';

/** How far a partition is in the tables, and what its chain came to there. */
export interface ChainHead {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record that is not in the tables yet. */
  readonly offset: number;
  /** Records in the chain, since the log began. */
  readonly rows: number;
  /** 64 lower-case hexadecimal digits. */
  readonly head: string;
}

/** By topic and partition. @throws PostgresError */
export async function readChainHeads(session: Session, environment: string): Promise<ChainHead[]> {
  return session.query<ChainHead>(
    `SELECT topic, partition, next AS "offset", rows, encode(head, 'hex') AS head FROM projection_offset
     WHERE environment = $1 ORDER BY topic, partition`,
    [environment],
  );
}

/** Partitions that rows stand of, whatever the offset rows say. @throws PostgresError */
export async function placesWithRows(
  session: Session,
  environment: string,
): Promise<{ topic: string; partition: number }[]> {
  // From one place to the next one through the primary key: the rows between are never touched. A place's own rows are asked for in its
  // order and one at most, or the planner makes a join of the question and reads every row there is.
  return session.query<{ topic: string; partition: number }>(
    `WITH RECURSIVE place AS (
       (SELECT topic, partition FROM audit_record ORDER BY topic, partition LIMIT 1)
       UNION ALL
       SELECT later.topic, later.partition FROM place
       CROSS JOIN LATERAL (
         SELECT topic, partition FROM audit_record r WHERE (r.topic, r.partition) > (place.topic, place.partition)
         ORDER BY topic, partition LIMIT 1
       ) AS later
     )
     SELECT place.topic, place.partition FROM place CROSS JOIN LATERAL (
       SELECT FROM audit_record r WHERE r.topic = place.topic AND r.partition = place.partition AND r.environment = $1
       ORDER BY record_offset LIMIT 1
     ) AS one ORDER BY topic, partition`,
    [environment],
  );
}

/**
 * Offset of the first row of a partition recorded at or after a moment; undefined when there is none.
 * @throws PostgresError
 */
export async function firstOffsetSince(
  session: Session,
  { environment, topic, partition }: ChainPlace,
  since: Date,
): Promise<number | undefined> {
  const rows = await session.query<{ offset: number | null }>(
    `SELECT min(record_offset) AS "offset" FROM audit_record
     WHERE environment = $1 AND topic = $2 AND partition = $3 AND recorded_at >= $4`,
    [environment, topic, partition, since.toISOString()],
  );
  return rows[0]?.offset ?? undefined;
}

/**
 * Offset of the last row of a partition recorded before a moment; undefined when there is none.
 * @throws PostgresError
 */
export async function lastOffsetBefore(
  session: Session,
  { environment, topic, partition }: ChainPlace,
  before: Date,
): Promise<number | undefined> {
  const rows = await session.query<{ offset: number | null }>(
    `SELECT max(record_offset) AS "offset" FROM audit_record
     WHERE environment = $1 AND topic = $2 AND partition = $3 AND recorded_at < $4`,
    [environment, topic, partition, before.toISOString()],
  );
  return rows[0]?.offset ?? undefined;
}

/** A row, or a stub of one, as the chain goes on with it. */
export interface FollowingLink extends ChainedRecord {
  readonly isStub: boolean;
  /** Of a stub, the hash before it; null: nothing stood there any more, or it is a row. */
  readonly previous: string | null;
  /** 64 lower-case hexadecimal digits. */
  readonly chain: string;
}

/** The first row, or stub of one, behind an offset; undefined when there is none. @throws PostgresError */
export async function linkAfter(
  session: Session,
  { environment, topic, partition }: ChainPlace,
  offset: number,
): Promise<FollowingLink | undefined> {
  const firstOf = (table: string, columns: string): string =>
    `(SELECT record_offset AS "offset", (extract(epoch FROM recorded_at) * 1000)::float8 AS "recordedMs", ${columns}, encode(chain, 'hex') AS chain
      FROM ${table} WHERE environment = $1 AND topic = $2 AND partition = $3 AND record_offset > $4
      ORDER BY topic, partition, record_offset, recorded_at LIMIT 1)`;
  const rows = await session.query<FollowingLink>(
    `${firstOf('audit_record', 'key, value, NULL AS previous, false AS "isStub"')}
     UNION ALL ${firstOf('audit_stub', `NULL, NULL, encode(previous, 'hex'), true`)} ORDER BY "offset" LIMIT 1`,
    [environment, topic, partition, offset],
  );
  return rows[0];
}

/** The last row, or stub of one, before an offset, as a base to go on from; undefined when there is none. @throws PostgresError */
export async function linkBefore(
  session: Session,
  { environment, topic, partition }: ChainPlace,
  offset: number,
): Promise<{ offset: number; head: string } | undefined> {
  const lastOf = (table: string): string =>
    `(SELECT record_offset AS "offset", encode(chain, 'hex') AS head FROM ${table}
      WHERE environment = $1 AND topic = $2 AND partition = $3 AND record_offset < $4
      ORDER BY topic DESC, partition DESC, record_offset DESC LIMIT 1)`;
  const rows = await session.query<{ offset: number; head: string }>(
    `${lastOf('audit_record')} UNION ALL ${lastOf('audit_stub')} ORDER BY "offset" DESC LIMIT 1`,
    [environment, topic, partition, offset],
  );
  return rows[0];
}
