// Who may do what: nobody changes a row of the audit, the projector owns nothing that it writes to, and whoever may not
// migrate is told what is missing.

import { migrate, openAuditStore, openDatabase, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settledRecord } from '../support/audit-log.ts';
import { batchOf, claim, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';
import { createTestDatabase, testPostgresUrl, testPrefix } from '../support/stack.ts';

let tables: AuditTables;
let owner: Database;
const logins: string[] = [];

beforeAll(async () => {
  tables = await openAuditTables('auditrights');
  owner = openDatabase({ url: tables.url, connectionsMax: 1 });
  const { environment, sample } = tables.fresh();
  await claim(tables.store, environment, 'attempts');
  await tables.store.append(
    batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]),
  );
  await tables.store.append(
    batchOf(environment, 'attempts', 1, [settledRecord(sample(2), { attempt: 1, next: 'delivered' })], -1),
  );
});
afterAll(async () => {
  await owner.close();
  await tables.database.close();
  const server = openDatabase({ url: testPostgresUrl() });
  for (const login of logins) {
    await server.query(`DROP OWNED BY ${login}`).catch(() => undefined);
    await server.query(`DROP ROLE ${login}`).catch(() => undefined);
  }
  await server.close();
});

/** A login of its own, and the URL of a database as it. */
async function loginOf(url: string, name: string, options: string): Promise<string> {
  const login = `${testPrefix('rights')}${name}`;
  logins.push(login);
  const server = openDatabase({ url: testPostgresUrl() });
  await server.query(`CREATE ROLE ${login} LOGIN PASSWORD 'secret' ${options}`);
  await server.close();
  const own = new URL(url);
  own.username = login;
  own.password = 'secret';
  return own.toString();
}

describe('a row of the audit', () => {
  const changes = [
    `UPDATE audit_record SET value = 'x'`,
    `UPDATE audit_record SET response_excerpt = 'x'`,
    `UPDATE audit_record SET response_excerpt = NULL, status = 'FAIL'`,
    'DELETE FROM audit_record',
    'TRUNCATE audit_record',
    `UPDATE audit_record_20300502 SET value = 'x'`,
    'DELETE FROM audit_record_20300502',
    'TRUNCATE audit_record_20300502',
    // The day after, made ahead and still empty: TRUNCATE asks nobody else.
    'TRUNCATE audit_record_20300503',
    'DELETE FROM audit_record_default',
    'TRUNCATE audit_record_default',
  ];

  it.each(changes)('is changed by nobody, a superuser included: %s', async (sql) => {
    await expect(owner.query(sql)).rejects.toThrow(/the audit is only added to/);
  });

  it('is not changed either by who calls itself a replica', async () => {
    await owner.query('SET session_replication_role = replica');
    try {
      for (const sql of changes) await expect(owner.query(sql)).rejects.toThrow(/the audit is only added to/);
    } finally {
      await owner.query('RESET session_replication_role');
    }
  });

  it('lets its response excerpt go, and nothing else', async () => {
    const before = await owner.query('SELECT encode(chain, $1) AS chain, value FROM audit_record ORDER BY 1', ['hex']);
    await owner.query('UPDATE audit_record SET response_excerpt = NULL');
    expect(await owner.query('SELECT encode(chain, $1) AS chain, value FROM audit_record ORDER BY 1', ['hex'])).toEqual(
      before,
    );
  });
});

describe('the projector', () => {
  it('may read and append with a login that owns nothing, and change no table by itself', async () => {
    const url = await loginOf(tables.url, 'p', 'IN ROLE postrider_projector');
    const database = openDatabase({ url, role: 'postrider_projector' });
    try {
      const { environment, reads, sample } = tables.fresh();
      const store = openAuditStore(database, { now: () => now });
      await claim(store, environment, 'attempts');
      const next = now + 60 * 24 * 60 * 60_000;
      const ahead = openAuditStore(database, { now: () => next });
      const batch = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'dead' })], next);
      expect(await ahead.append(batch)).toMatchObject({ kind: 'appended', defaulted: 0 });
      expect(await reads.totals()).toMatchObject({ records: 1 });
      await expect(database.query('TRUNCATE audit_record_20300701')).rejects.toMatchObject({ code: 'denied' });
      for (const table of [
        'audit_record',
        'audit_identity',
        'projection_offset',
        'delivery',
        'delivery_open',
        'daily_count',
      ]) {
        await expect(database.query(`INSERT INTO ${table} DEFAULT VALUES`)).rejects.toMatchObject({ code: 'denied' });
        await expect(database.query(`DELETE FROM ${table}`)).rejects.toMatchObject({ code: 'denied' });
        await expect(database.query(`TRUNCATE ${table}`)).rejects.toMatchObject({ code: 'denied' });
        await expect(database.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`)).rejects.toMatchObject({
          code: 'denied',
        });
        expect(await database.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)).toHaveLength(1);
      }
      for (const sql of [`SELECT audit_drop_day('2030-05-02')`, `SELECT audit_erase_excerpts(now(), 'x')`]) {
        await expect(database.query(sql)).rejects.toMatchObject({ code: 'denied' });
      }
    } finally {
      await database.close();
    }
  });

  it('cannot be made to run a function of somebody else under the name of one that it uses', async () => {
    const functions = await owner.query<{ name: string; config: string[] | null }>(
      `SELECT proname AS name, proconfig AS config FROM pg_proc WHERE prosecdef AND proname LIKE 'audit\\_%'`,
    );
    expect(functions.length).toBeGreaterThan(4);
    for (const { name, config } of functions) {
      expect([name, config?.find((each) => each.startsWith('search_path'))]).toEqual([
        name,
        'search_path=public, pg_temp',
      ]);
    }
  });

  it('acts as that role alone, whatever options its URL has, and reads times whatever the database writes', async () => {
    await owner.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET datestyle = ''SQL, DMY''', current_database()); END $$`,
    );
    const options = encodeURIComponent('-c search_path=public,pg_temp');
    const projector = openDatabase({ url: `${tables.url}?options=${options}`, role: 'postrider_projector' });
    const rows = await projector.query(
      `SELECT current_user AS "user", current_setting('search_path') AS path, timestamptz '2030-02-01 12:00:00+00' AS at`,
    );
    await projector.close();
    expect(rows).toEqual([
      { user: 'postrider_projector', path: 'public,pg_temp', at: new Date('2030-02-01T12:00:00Z') },
    ]);
  });

  it('is refused with its name where it is no member of the role', async () => {
    const url = await loginOf(tables.url, 'n', '');
    const database = openDatabase({ url, role: 'postrider_projector' });
    try {
      await expect(database.query('SELECT 1')).rejects.toMatchObject({
        code: 'denied',
        message: expect.stringContaining('postrider_projector') as string,
      });
    } finally {
      await database.close();
    }
  });
});

describe('a migration', () => {
  it('needs no superuser: a login that owns the database and may create roles', async () => {
    const url = await createTestDatabase('rightsowned');
    const own = await loginOf(url, 'm', 'CREATEROLE');
    const server = openDatabase({ url: testPostgresUrl() });
    const login = new URL(own).username;
    // The roles of this server stand already, made by somebody else, who lets this login act for them.
    await server.query(`GRANT postrider_owner TO ${login}`);
    await server.query(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" OWNER TO ${login}`);
    await server.close();
    await migrate(own);
    const database = openDatabase({ url: own });
    const owners = await database.query<{ owner: string }>(
      `SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration'`,
    );
    expect(owners).toEqual([{ owner: 'postrider_owner' }]);
    await database.close();
  });

  it('says what is missing where it may not', async () => {
    const url = await createTestDatabase('rightsless');
    const own = await loginOf(url, 'l', '');
    const server = openDatabase({ url: testPostgresUrl() });
    await server.query(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" OWNER TO ${new URL(own).username}`);
    await server.close();
    await expect(migrate(own)).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringMatching(/0005_rights.*let an administrator run once: GRANT postrider_owner TO/s) as string,
    });
  });
});
