// Databases of older versions with rows in them: brought to the present, they hold the same and go on.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { identityOf, type AuditRecord } from '@postrider/core/contracts';
import { migrate, openAuditReads, openAuditStore, openDatabase, type Database } from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { batchOf, claim, dayMs, now } from '../support/audit-tables.ts';
import { createTestDatabase } from '../support/stack.ts';

const folder = new URL('../../packages/postgres/migrations/', import.meta.url);
const files = readdirSync(folder).toSorted();
const environment = 'upgraded';
const sample = (number: number): Sample => ({ environment, number, endpoint: `ep_${number % 2}`, atMs: now - 10_000 });

const events = Array.from({ length: 6 }, (_, number) => acceptedRecord(sample(number)));
const attempts: AuditRecord[] = [
  settledRecord(sample(0), { attempt: 1, next: 'delivered' }),
  settledRecord(sample(1), { attempt: 1, next: 'retry' }),
  settledRecord(sample(1), { attempt: 1, next: 'retry' }),
  settledRecord(sample(2), { attempt: 1, next: 'dead' }),
  settledRecord(sample(3), { attempt: 60, next: 'retry' }),
  settledRecord(sample(2), { attempt: 2, next: 'delivered' }),
];

let present: Database;
beforeAll(async () => {
  const url = await createTestDatabase('upgradepresent');
  await migrate(url);
  present = openDatabase({ url });
  const store = openAuditStore(present, { now: () => now });
  await claim(store, environment, 'audit');
  await claim(store, environment, 'attempts');
  await store.append(batchOf(environment, 'audit', 0, [...events, Buffer.from('not JSON')], now - dayMs));
  await store.append(batchOf(environment, 'attempts', 0, attempts));
});
afterAll(() => present.close());

/** The rows of a table, as far as an older one of that name has columns for them. */
async function carry(old: Database, table: string): Promise<void> {
  const rows = await present.query<{ row: object }>(`SELECT to_jsonb(t) AS row FROM ${table} t`);
  await old.query(
    `INSERT INTO ${table} SELECT (jsonb_populate_record(NULL::${table}, j)).* FROM jsonb_array_elements($1::jsonb) j`,
    [JSON.stringify(rows.map(({ row }) => row))],
  );
}

async function carryIdentities(old: Database): Promise<void> {
  const identities = new Set([...events, ...attempts].map((record) => identityOf(record)));
  await old.query(
    `INSERT INTO audit_identity (environment, identity, recorded_at) SELECT $1, identity, $2 FROM unnest($3::text[]) AS identity`,
    [environment, new Date(now).toISOString(), [...identities]],
  );
}

const state = async (database: Database): Promise<unknown> => ({
  heads: await database.query(
    `SELECT topic, partition, next, rows, encode(head, 'hex') AS head FROM projection_offset ORDER BY 1, 2`,
  ),
  deliveries: await database.query('SELECT * FROM delivery ORDER BY dispatch, round'),
  open: await database.query('SELECT * FROM delivery_open ORDER BY dispatch, round'),
  counts: await openAuditReads(database, environment).dailyCounts(),
  urls: await database.query('SELECT * FROM endpoint_url ORDER BY 1, 2, 3, 4'),
  identities: await database.query('SELECT identity FROM audit_identity ORDER BY 1'),
});

describe('a database with rows', () => {
  it.each([
    ['0002', ['audit_record', 'projection_offset', 'delivery', 'daily_count']],
    ['0004', ['audit_record', 'projection_offset', 'delivery', 'delivery_open', 'daily_count', 'audit_identity']],
    ['0007', ['audit_record', 'projection_offset', 'delivery', 'delivery_open', 'daily_count', 'audit_identity']],
  ])('of migration %s holds the same at the present one, and goes on', async (version, tables) => {
    const url = await createTestDatabase(`upgrade${version}`);
    const migrations = files
      .filter((name) => name.slice(0, 4) <= version)
      .map((name) => {
        const sql = readFileSync(new URL(name, folder), 'utf8');
        return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
      });
    await migrate(url, { migrations });
    const database = openDatabase({ url });
    try {
      for (const table of tables) await carry(database, table);
      if (version === '0002') await carryIdentities(database);
      await migrate(url);
      expect(await state(database)).toEqual(await state(present));
      expect((await verifyAudit({ database, environment, checkpoints: undefined })).problems).toEqual([]);
      const projector = openDatabase({ url, role: 'postrider_projector' });
      const store = openAuditStore(projector, { now: () => now });
      expect(await store.append(batchOf(environment, 'audit', 7, [events[0]!]))).toMatchObject({
        duplicates: 1,
        defaulted: 0,
      });
      const again = [attempts[0]!, attempts[4]!, settledRecord(sample(4), { attempt: 1, next: 'delivered' })];
      expect(await store.append(batchOf(environment, 'attempts', 6, again))).toMatchObject({ rows: 3, duplicates: 2 });
      await projector.close();
      expect((await verifyAudit({ database, environment, checkpoints: undefined })).problems).toEqual([]);
    } finally {
      await database.close();
    }
  });
});
