// Applies the numbered .sql files in order: one process at a time, one transaction each, never a file that was changed
// after it was applied.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { connectTimeoutMs, migrationLockTimeoutMs, migrationStatementTimeoutMs } from './limits.ts';
import { asPostgresError, PostgresError } from './postgres-error.ts';

export interface Migration {
  /** Name of the file, e.g. `0001_audit_record.sql`; the number orders. */
  readonly name: string;
  readonly sql: string;
  /** Lower-case hex SHA-256 of the text with `\n` line ends. */
  readonly checksum: string;
}

export interface MigrationState {
  readonly name: string;
  /** `changed`: the file is not what was applied. `unknown`: applied by another version, and no file here. */
  readonly state: 'applied' | 'pending' | 'changed' | 'unknown';
  readonly appliedAt: Date | null;
}

export interface MigrationReport {
  /** Names of what was applied now, in order. */
  readonly applied: readonly string[];
  /** How many stood already. */
  readonly standing: number;
}

/** Any number, as long as no other program on the database uses it: "postride" in ASCII, as one number. */
const advisoryLock = '8101821198635721829';
const namePattern = /^\d{4}_[a-z0-9_]+\.sql$/;
const ourFolder = new URL('../migrations/', import.meta.url);

/** Reads the files of a folder, in order of their numbers. */
function readMigrations(folder: URL = ourFolder): Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  names.sort();
  return names.map((name, index) => {
    if (!namePattern.test(name) || name.slice(0, 4) === names[index - 1]?.slice(0, 4)) {
      throw new PostgresError('migration', `Migration file ${name}: expected NNNN_name.sql, each number once.`);
    }
    const sql = readFileSync(new URL(name, folder), 'utf8').replaceAll('\r\n', '\n');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

/**
 * Brings the database to this version. Safe to call from several processes at once: one applies, the others wait.
 * @throws PostgresError `migration` when an applied file was changed or is not known here (nothing is applied then);
 *   `unreachable` and others from the server; `conflict` when another migration takes longer than a minute.
 */
export async function migrate(
  url: string,
  options: { readonly onApplied?: (name: string) => void; readonly migrations?: readonly Migration[] } = {},
): Promise<MigrationReport> {
  const migrations = options.migrations ?? readMigrations();
  return withClient(url, async (client) => {
    // Session-level, so that it spans the transactions; released with the connection, however that ends.
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migration (
         name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const states = compare(migrations, await appliedRows(client));
    const wrong = states.find(({ state }) => state === 'changed' || state === 'unknown');
    if (wrong !== undefined) throw refusal(wrong);
    const pending = migrations.filter(({ name }) =>
      states.some((state) => state.name === name && state.state === 'pending'),
    );
    for (const migration of pending) {
      await apply(client, migration);
      options.onApplied?.(migration.name);
    }
    return { applied: pending.map(({ name }) => name), standing: migrations.length - pending.length };
  });
}

/** What is applied, pending, changed or unknown; changes nothing. An empty database: all pending. */
export async function migrationStatus(
  url: string,
  migrations: readonly Migration[] = readMigrations(),
): Promise<MigrationState[]> {
  return withClient(url, async (client) => {
    const table = await client.query<{ there: string | null }>(`SELECT to_regclass('schema_migration') AS there`);
    const rows = table.rows[0]?.there === null ? [] : await appliedRows(client);
    return compare(migrations, rows);
  });
}

interface AppliedRow {
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: Date;
}

async function appliedRows(client: pg.Client): Promise<AppliedRow[]> {
  return (await client.query<AppliedRow>('SELECT name, checksum, applied_at FROM schema_migration')).rows;
}

function compare(migrations: readonly Migration[], rows: readonly AppliedRow[]): MigrationState[] {
  const applied = new Map(rows.map((row) => [row.name, row]));
  const ours = migrations.map(({ name, checksum }): MigrationState => {
    const row = applied.get(name);
    if (row === undefined) return { name, state: 'pending', appliedAt: null };
    return { name, state: row.checksum === checksum ? 'applied' : 'changed', appliedAt: row.applied_at };
  });
  const known = new Set(migrations.map(({ name }) => name));
  const others = rows
    .filter(({ name }) => !known.has(name))
    .map((row): MigrationState => ({ name: row.name, state: 'unknown', appliedAt: row.applied_at }));
  return [...ours, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function refusal({ name, state }: MigrationState): PostgresError {
  const why =
    state === 'changed'
      ? 'was changed after it was applied; put the file back and write a new migration'
      : 'was applied by another version that this one does not know; run that version or a newer one';
  return new PostgresError('migration', `Migration ${name} ${why}.`);
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query('INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    const known = asPostgresError(error);
    if (known.sqlState !== undefined) await client.query('ROLLBACK').catch(() => undefined);
    throw new PostgresError(
      known.code,
      `Migration ${migration.name} failed and left nothing behind: ${known.message}`,
      {
        cause: error,
        sqlState: known.sqlState,
      },
    );
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'postrider migrate',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: migrationStatementTimeoutMs,
    lock_timeout: migrationLockTimeoutMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw asPostgresError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
