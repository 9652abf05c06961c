// The chain in the tables: what the projector writes is what SQL comes to by itself, and rows from before the chain get
// the same links.

import { chainStart, chainStep } from '@postrider/core/contracts';
import type { AuditStore, Database } from '@postrider/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { settledRecord } from '../support/audit-log.ts';
import { batchOf, claim, openAuditTables, type AuditTables } from '../support/audit-tables.ts';

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
