// The migration runner on a real server: each file once, in order, one process at a time, and never over a changed past.

import { migrate, migrationStatus, openDatabase, PostgresError } from '@postrider/postgres';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/stack.ts';

const one = { name: '0001_one.sql', sql: 'CREATE TABLE one (id int)', checksum: 'a' };
const two = { name: '0002_two.sql', sql: 'CREATE TABLE two (id int); INSERT INTO one VALUES (1)', checksum: 'b' };

async function relations(url: string): Promise<string[]> {
  const database = openDatabase({ url });
  try {
    const rows = await database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await database.close();
  }
}

describe('migrate', () => {
  let url: string;
  beforeAll(async () => {
    url = await createTestDatabase('migrateours');
  });

  it('brings an empty database to the present, and says on the second call that it stands', async () => {
    const files = (await migrationStatus(url)).map(({ name }) => name);
    expect((await migrationStatus(url)).map(({ state }) => state)).toEqual(files.map(() => 'pending'));
    expect(files).toContain('0010_audit_queries.sql');
    expect(await relations(url)).toEqual([]);
    const told: string[] = [];
    expect(await migrate(url, { onApplied: (name) => told.push(name) })).toEqual({ applied: told, standing: 0 });
    expect(told).toEqual(files);
    expect(await migrate(url)).toEqual({ applied: [], standing: files.length });
    expect(
      (await migrationStatus(url)).every(({ state, appliedAt }) => state === 'applied' && appliedAt instanceof Date),
    ).toBe(true);
    expect(await relations(url)).toEqual([
      'audit_identity',
      'audit_record',
      'audit_record_default',
      'audit_stub',
      'daily_count',
      'delivery',
      'delivery_open',
      'endpoint_url',
      'projection_offset',
      'schema_migration',
    ]);
  });
});

describe('migrate, with migrations of the test', () => {
  it('applies each once when several processes begin together', async () => {
    const url = await createTestDatabase('migratetogether');
    const reports = await Promise.all([1, 2, 3].map(() => migrate(url, { migrations: [one, two] })));
    expect(reports.flatMap(({ applied }) => applied).sort()).toEqual([one.name, two.name]);
    expect(await relations(url)).toEqual(['one', 'schema_migration', 'two']);
  });

  it('leaves nothing of a file that fails, keeps the ones before it, and goes on from there', async () => {
    const url = await createTestDatabase('migratefails');
    const broken = { ...two, sql: 'CREATE TABLE half (id int); INSERT INTO nowhere VALUES (1)' };
    await expect(migrate(url, { migrations: [one, broken] })).rejects.toThrow(
      /0002_two\.sql failed and left nothing behind.*nowhere/s,
    );
    expect(await relations(url)).toEqual(['one', 'schema_migration']);
    expect(await migrate(url, { migrations: [one, two] })).toEqual({ applied: [two.name], standing: 1 });
  });

  it('refuses a file that was changed after it was applied, and applies nothing', async () => {
    const url = await createTestDatabase('migratechanged');
    await migrate(url, { migrations: [one] });
    const changed = { ...one, checksum: 'z' };
    await expect(migrate(url, { migrations: [changed, two] })).rejects.toMatchObject({ code: 'migration' });
    expect(await relations(url)).toEqual(['one', 'schema_migration']);
    expect((await migrationStatus(url, [changed, two])).map(({ state }) => state)).toEqual(['changed', 'pending']);
  });

  it('refuses a database that a newer version has migrated', async () => {
    const url = await createTestDatabase('migratenewer');
    await migrate(url, { migrations: [one, two] });
    await expect(migrate(url, { migrations: [one] })).rejects.toThrow(/0002_two\.sql was applied by another version/);
    expect((await migrationStatus(url, [one])).map(({ state }) => state)).toEqual(['applied', 'unknown']);
  });

  it('says that nobody is there as an error of its own class', async () => {
    const error: unknown = await migrate('postgres://nobody@127.0.0.1:1/nothing').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(PostgresError);
    expect(error).toMatchObject({ code: 'unreachable', retryable: true });
  });
});
