// Whether what is called a copy among the traces of upstream records is one: it has one of its origin before it.

import type { Session } from './database.ts';

/** The first trace of each of these origins counts, and no other one does. @throws PostgresError */
export async function eventFlagsHold(
  session: Session,
  environment: string,
  origins: readonly string[],
): Promise<boolean> {
  const rows = await session.query<{ hold: boolean }>(
    `SELECT NOT EXISTS (
       SELECT FROM (
         SELECT duplicate, row_number() OVER (PARTITION BY origin ORDER BY topic, partition, record_offset) > 1 AS copy
         FROM audit_record WHERE environment = $1 AND origin = ANY ($2::text[]) AND dispatch IS NULL AND origin IS NOT NULL
       ) AS judged WHERE duplicate <> copy
     ) AS hold`,
    [environment, origins],
  );
  return rows[0]!.hold;
}
