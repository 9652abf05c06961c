// Rows that say of themselves that PostgreSQL would not take what their bytes say. Whoever verifies them asks it once more.

import { refusedPrefix, type AuditColumns } from './audit-row.ts';
import type { Session } from './database.ts';
import { indexedBytesMax } from './limits.ts';
import { asPostgresError } from './postgres-error.ts';

export interface RefusedRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly recordedMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** At most `limit`. Reads every row there is. @throws PostgresError */
export async function readRefusedRows(session: Session, environment: string, limit: number): Promise<RefusedRow[]> {
  return session.query<RefusedRow>(
    `SELECT topic, partition, record_offset AS "offset", (extract(epoch FROM recorded_at) * 1000)::float8 AS "recordedMs", key, value
     FROM audit_record WHERE environment = $1 AND unreadable AND type IS NULL AND starts_with(problem, $2) LIMIT $3`,
    [environment, refusedPrefix, limit],
  );
}

/** Whether PostgreSQL takes these values and has room for them in its indexes. @throws PostgresError */
export async function takesColumns(session: Session, columns: AuditColumns): Promise<boolean> {
  const values = Object.values(columns);
  const texts = values.filter((value) => typeof value === 'string');
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > indexedBytesMax) return false;
  try {
    await session.query('SELECT $1::text[], $2::float8[], $3::int[]', [
      texts,
      values.filter((value) => typeof value === 'number'),
      [columns.round, columns.attempt, columns.park, columns.httpStatus],
    ]);
    return true;
  } catch (error) {
    const known = asPostgresError(error);
    if (known.code === 'data') return false;
    throw known;
  }
}
