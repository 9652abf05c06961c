// Where a rebuild begins: in tables that hold nothing of the environment yet, at the beginning of the log or at what was
// signed at some offset of each partition.

import type { Database } from './database.ts';
import type { ChainHead } from './chain-reads.ts';

/** Whether there is anything of the environment in the tables. @throws PostgresError */
export async function holdsAudit(database: Database, environment: string): Promise<boolean> {
  const rows = await database.query<{ there: boolean }>(
    `SELECT EXISTS (SELECT FROM projection_offset WHERE environment = $1)
         OR EXISTS (SELECT FROM audit_record WHERE environment = $1)
         OR EXISTS (SELECT FROM delivery WHERE environment = $1)
         OR EXISTS (SELECT FROM daily_count WHERE environment = $1) AS there`,
    [environment],
  );
  return rows[0]!.there;
}

/**
 * Offset rows at these heads. The owner's right: who merely appends may not say that a chain begins in the middle.
 * @throws PostgresError `denied` when the login is no member of postrider_owner
 */
export async function beginAtHeads(
  database: Database,
  environment: string,
  heads: readonly ChainHead[],
): Promise<void> {
  await database.transaction(async (session) => {
    await session.query('SET LOCAL ROLE postrider_owner');
    await session.query(
      `INSERT INTO projection_offset (environment, topic, partition, next, head, rows)
       SELECT $1, t.topic, t.partition, t.next, decode(t.head, 'hex'), t.rows
       FROM unnest($2::text[], $3::int[], $4::bigint[], $5::text[], $6::bigint[]) AS t (topic, partition, next, head, rows)`,
      [
        environment,
        heads.map(({ topic }) => topic),
        heads.map(({ partition }) => partition),
        heads.map(({ offset }) => offset),
        heads.map(({ head }) => head),
        heads.map(({ rows }) => rows),
      ],
    );
  });
}
