// What `postrider doctor` asks of the audit database, in one connection: who answers, what time it is there, and whether
// anything stands where nothing should.

import type { Database } from './database.ts';

export interface ServerFacts {
  /** Such as `17.5`. */
  readonly version: string;
  /** The server's clock when it answered, epoch ms. */
  readonly nowMs: number;
  /** A standby, or a server that takes no writes for another reason. */
  readonly readOnly: boolean;
}

/** @throws PostgresError */
export async function readServerFacts(database: Database): Promise<ServerFacts> {
  const rows = await database.query<ServerFacts>(
    `SELECT current_setting('server_version') AS version, extract(epoch FROM clock_timestamp())::float8 * 1000 AS "nowMs",
            pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS "readOnly"`,
  );
  return rows[0]!;
}

/**
 * Rows of the partition for records of implausible times, counted up to `limit`.
 * @throws PostgresError `not-migrated` when the tables are not there
 */
export async function countDefaultRows(database: Database, limit: number): Promise<number> {
  const rows = await database.query<{ rows: number }>(
    'SELECT count(*) AS rows FROM (SELECT FROM audit_record_default LIMIT $1) AS row',
    [limit],
  );
  return rows[0]!.rows;
}
