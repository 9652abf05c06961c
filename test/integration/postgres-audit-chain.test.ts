// The chain in the tables: what the projector writes is what SQL comes to by itself, and rows from before the chain get
// the same links.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chainStart, chainStep } from '@postrider/core/contracts';
import { migrate, openAuditStore, openDatabase, type AuditStore, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { acceptedRecord, settledRecord } from '../support/audit-log.ts';
import { batchOf, claim, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';
import { createTestDatabase } from '../support/stack.ts';

let tables: AuditTables;
let database: Database;
let store: AuditStore;

beforeAll(async () => {
  tables = await openAuditTables('auditchain');
  ({ database, store } = tables);
});
afterAll(() => database.close());

const linksSql = `SELECT record_offset AS "offset", encode(chain, 'hex') AS link,
    encode(audit_chain_next(
      lag(chain, 1, audit_chain_start(environment, topic, partition)) OVER (ORDER BY record_offset),
      topic, partition, record_offset, recorded_at, key, value), 'hex') AS "inSql"
  FROM audit_record WHERE environment = $1 ORDER BY record_offset`;

async function headOf(environment: string): Promise<{ head: string; rows: number }> {
  const found = await database.query<{ head: string; rows: number }>(
    `SELECT encode(head, 'hex') AS head, rows FROM projection_offset WHERE environment = $1`,
    [environment],
  );
  return found[0]!;
}

it('links every row to the one before it, over batches and over values that no column takes', async () => {
  const { environment, sample } = tables.fresh();
  await claim(store, environment, 'attempts');
  const place = { environment, topic: `${environment}.attempts`, partition: 0 };
  expect(await headOf(environment)).toEqual({ head: chainStart(place), rows: 0 });
  const settled = (number: number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' });
  const batches = [
    batchOf(environment, 'attempts', 0, [settled(1), settled(1), Buffer.from([0, 255])]),
    batchOf(environment, 'attempts', 3, [settled(2), Buffer.alloc(0), settled(3)]),
  ];
  for (const batch of batches) await store.append(batch);
  const next = chainStep(place);
  let head = chainStart(place);
  const expected = batches.flatMap(({ rows }) => rows.map((row) => (head = next(head, row))));
  const rows = await database.query<{ link: string; inSql: string }>(linksSql, [environment]);
  expect(rows.map(({ link }) => link)).toEqual(expected);
  expect(rows.map(({ inSql }) => inSql)).toEqual(expected);
  expect(await headOf(environment)).toEqual({ head, rows: 6 });
});

it('gives rows from before the chain the links that they would have got, and knows what was known', async () => {
  const url = await createTestDatabase('auditbackfill');
  const folder = new URL('../../packages/postgres/migrations/', import.meta.url);
  const old = readdirSync(folder)
    .filter((name) => name < '0003')
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
  await migrate(url, { migrations: old });
  const environment = 'old';
  const place = { environment, topic: 'old.attempts', partition: 0 };
  const sample = { environment, number: 1, endpoint: 'ep_1', atMs: now };
  const settled = settledRecord(sample, { attempt: 1, next: 'retry' });
  const { rows } = batchOf(environment, 'attempts', 0, [settled, Buffer.from([0, 255])]);
  const superuser = openDatabase({ url });
  for (const { offset, recordedMs, key, value, columns } of rows) {
    await superuser.query(
      `INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, key, value, type, dispatch, round, attempt,
         status, disposition, duplicate, late, unreadable) VALUES ('old', 'old.attempts', 0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, false, false)`,
      [
        offset,
        new Date(recordedMs).toISOString(),
        key,
        value,
        columns.type,
        columns.dispatch,
        columns.round,
        columns.attempt,
        columns.status,
        columns.disposition,
      ],
    );
  }
  await superuser.query(
    `INSERT INTO projection_offset (environment, topic, partition, next) VALUES ('old', 'old.attempts', 0, 2)`,
  );
  await superuser.query(
    `INSERT INTO delivery (environment, dispatch, round, project, endpoint, event, event_type, origin, first_seen, state, attempts)
     VALUES ('old', $1, 0, 'prj_1', 'ep_1', 'evt_1', 'kyc.approved', 'old.events/0/1', $2, 'retrying', 1)`,
    [settled.dispatch, new Date(now).toISOString()],
  );
  await superuser.query(`INSERT INTO audit_identity VALUES ('old', $1, $2), ('old', 'event:old.events/0/7', $2)`, [
    `settled:${settled.attemptId}`,
    new Date(now).toISOString(),
  ]);
  await migrate(url);
  const next = chainStep(place);
  let head = chainStart(place);
  const links = rows.map((row) => (head = next(head, row)));
  const stand = await superuser.query<{ link: string }>(
    `SELECT encode(chain, 'hex') AS link FROM audit_record ORDER BY record_offset`,
  );
  expect(stand.map(({ link }) => link)).toEqual(links);

  const upgraded = openAuditStore(superuser, { now: () => now });
  expect(await claim(upgraded, environment, 'attempts')).toBe(2);
  // What was settled before, and an event that was accepted before, are copies now.
  expect(await upgraded.append(batchOf(environment, 'attempts', 2, [settled]))).toMatchObject({ duplicates: 1 });
  await claim(upgraded, environment, 'audit');
  const again = acceptedRecord({ environment, number: 7, endpoint: 'ep_1', atMs: now });
  expect(await upgraded.append(batchOf(environment, 'audit', 0, [again]))).toMatchObject({ duplicates: 1 });
  await superuser.close();
});

it('has the fields of an attempt and the counts of a project and day under the names that people ask for', async () => {
  const { environment, sample } = tables.fresh();
  await claim(store, environment, 'attempts');
  const settled = settledRecord(sample(1), { attempt: 1, next: 'dead' });
  const batch = batchOf(environment, 'attempts', 0, [
    settled,
    settled,
    settledRecord(sample(2), { attempt: 1, next: 'delivered' }),
  ]);
  const rows = batch.rows.map((row) => ({ ...row, responseExcerpt: Buffer.from('no\u0000\xff', 'latin1') }));
  await store.append({ ...batch, rows });
  const log = await database.query(
    `SELECT dispatch_id, project_id, dispatched_at, target_url, http_response_code, response_body, status
     FROM delivery_attempt_log WHERE environment = $1 ORDER BY record_offset`,
    [environment],
  );
  expect(log).toHaveLength(2);
  expect(log[0]).toEqual({
    dispatch_id: settled.dispatch,
    project_id: 'prj_1',
    dispatched_at: new Date(settled.startedAt),
    target_url: 'https://hooks.example.com/kyc',
    http_response_code: 500,
    response_body: 'no\\000\\377',
    status: 'FAIL',
  });
  expect(await database.query('SELECT * FROM project_daily_count WHERE environment = $1', [environment])).toEqual([
    { environment, project_id: 'prj_1', day: '2030-05-02', success: 1, fail: 1, error: 0 },
  ]);
});
