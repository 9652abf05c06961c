// The pool of connections with its timeouts: every wait on the server is bounded, and every error is of our own class.
// Large reads go through a snapshot, which other connections can join.

import pg from 'pg';
import type { BinaryRows } from './binary-rows.ts';
import { withSettings } from './connection-url.ts';
import { copyOut } from './copy-out.ts';
import {
  answerGraceMs,
  connectionsMaxDefault,
  connectTimeoutMs,
  idleConnectionMs,
  idleTransactionTimeoutMs,
  lockTimeoutMs,
  snapshotWorkMemory,
  statementTimeoutMs,
} from './limits.ts';
import { asPostgresError, PostgresError } from './postgres-error.ts';

export interface DatabaseSettings {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  readonly connectionsMax?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  readonly statementTimeoutMs?: number;
  /** Every connection acts as this role, of which the login must be a member, and with its rights alone. */
  readonly role?: DatabaseRole;
  /** A connection that nobody was using broke; the next query opens another. */
  readonly onIdleError?: (error: PostgresError) => void;
}

/** Runs one statement and gives its rows. */
export interface Session {
  /** @param kept name under which the connection keeps the statement: one name, one text */
  query<R extends object>(sql: string, values?: readonly unknown[], kept?: string): Promise<R[]>;
}

/** A session on one connection. */
export interface ConnectionSession extends Session {
  /** The same for the same connection: what is to be known of one can be kept beside it. */
  readonly connection: object;
}

/** One moment of the database, however long it is looked at; nothing can be written through it. */
export interface Snapshot extends Session {
  /** Another connection that joins it sees the same moment, as long as this one is open. */
  readonly id: string;
  /** Streams the rows of a query: each turn gives the cursor with more rows in it. */
  copyOut(sql: string): AsyncIterable<BinaryRows>;
}

export interface Database extends Session {
  /** What it was opened with, as a thread of its own needs it. */
  readonly settings: Omit<DatabaseSettings, 'onIdleError'>;
  /** Runs `work` in one transaction (READ COMMITTED); a throw rolls back. @throws PostgresError */
  transaction<T>(work: (session: ConnectionSession) => Promise<T>): Promise<T>;
  /** @param join id of a snapshot that is open elsewhere. @throws PostgresError */
  snapshot<T>(work: (snapshot: Snapshot) => Promise<T>, join?: string): Promise<T>;
  close(): Promise<void>;
}

const int8 = 20;
const date = 1082;

/** Offsets and counts are below 2^53, so numbers hold them; a day is no moment, so it stays text. */
const typeParsers = new pg.TypeOverrides();
typeParsers.setTypeParser(int8, Number);
typeParsers.setTypeParser(date, String);

/** The roles of migration 0005: what adds records, what reads, what erases and drops. */
export type DatabaseRole = 'postrider_projector' | 'postrider_reader' | 'postrider_retention';

/** Makes the pool; nothing is dialled before the first query. */
export function openDatabase(settings: DatabaseSettings): Database {
  const statementMs = settings.statementTimeoutMs ?? statementTimeoutMs;
  const pool = new pg.Pool({
    // Times are told in the form that the driver reads, whatever the database is set to.
    connectionString: withSettings(settings.url, {
      datestyle: 'ISO',
      ...(settings.role !== undefined && { role: settings.role }),
    }),
    max: settings.connectionsMax ?? connectionsMaxDefault,
    application_name: settings.applicationName ?? 'postrider',
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleConnectionMs,
    statement_timeout: statementMs,
    query_timeout: statementMs + answerGraceMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleTransactionTimeoutMs,
    keepAlive: true,
    types: typeParsers,
  });
  pool.on('error', (error) => settings.onIdleError?.(asPostgresError(error)));
  // A connection in use that breaks also emits `error`, beside failing its query; without a listener that ends the process.
  pool.on('connect', (client) => client.on('error', () => undefined));

  const { onIdleError: _, ...plain } = settings;
  return {
    settings: plain,
    query: async <R extends object>(sql: string, values: readonly unknown[] = [], kept?: string) => {
      const client = await connect(pool);
      return usingClient(client, () => run<R>(client, sql, values, kept));
    },
    transaction: async <T>(work: (session: ConnectionSession) => Promise<T>) => {
      const client = await connect(pool);
      return usingClient(client, () => inTransaction(client, work));
    },
    snapshot: async <T>(work: (snapshot: Snapshot) => Promise<T>, join?: string) => {
      const client = await connect(pool);
      return usingClient(client, () => inSnapshot(client, work, join));
    },
    close: () => pool.end(),
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    const known = asPostgresError(error);
    // Said only while a session is opened: the role that it is to act as is made by a migration.
    if (known.sqlState !== '22023') throw known;
    throw new PostgresError('not-migrated', known.message, { cause: error, sqlState: known.sqlState });
  }
}

/** Gives the connection back; one that may be broken or mid-answer is thrown away. */
async function usingClient<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    client.release();
    return result;
  } catch (error) {
    const known = asPostgresError(error);
    client.release(known.sqlState === undefined || known.code === 'unreachable');
    throw known;
  }
}

async function inTransaction<T>(client: pg.PoolClient, work: (session: ConnectionSession) => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  return orRolledBack(client, async () => {
    const result = await work({
      connection: client,
      query: (sql, values = [], kept) => run(client, sql, values, kept),
    });
    await client.query('COMMIT');
    return result;
  });
}

/** What fails is rolled back, so that the connection is of use to the next one. */
async function orRolledBack<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const known = asPostgresError(error);
    // Without an answer the connection is thrown away, which rolls back as well.
    if (known.sqlState !== undefined && known.code !== 'unreachable') await client.query('ROLLBACK');
    throw error;
  }
}

async function inSnapshot<T>(
  client: pg.PoolClient,
  work: (snapshot: Snapshot) => Promise<T>,
  join: string | undefined,
): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  return orRolledBack(client, () => lookAt(client, work, join));
}

async function lookAt<T>(
  client: pg.PoolClient,
  work: (snapshot: Snapshot) => Promise<T>,
  join: string | undefined,
): Promise<T> {
  // Before the moment is taken: whoever drops records waits until it has been looked at, or the tables that it put in place of others
  // would be empty at that moment.
  if (join === undefined) await client.query('LOCK TABLE ONLY audit_record IN ACCESS SHARE MODE');
  // Nobody else waits for its locks, and it may wait itself, for those that joined it.
  await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
  // What reads everything sorts in memory where it can, and compiling a plan for it costs more than it saves.
  await client.query(`SET LOCAL work_mem = '${snapshotWorkMemory}'`);
  await client.query('SET LOCAL jit = off');
  if (join !== undefined) await client.query(`SET TRANSACTION SNAPSHOT ${client.escapeLiteral(join)}`);
  const exported = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
  const result = await work({
    id: exported.rows[0]!.id,
    query: (sql, values = [], kept) => run(client, sql, values, kept),
    copyOut: (sql) => copyOut(client, sql),
  });
  await client.query('COMMIT');
  return result;
}

async function run<R extends object>(
  client: pg.PoolClient,
  sql: string,
  values: readonly unknown[],
  kept: string | undefined,
): Promise<R[]> {
  const text = kept === undefined ? sql : { name: kept, text: sql };
  const result = await client.query<R & pg.QueryResultRow>(text, values as unknown[]);
  return result.rows;
}
