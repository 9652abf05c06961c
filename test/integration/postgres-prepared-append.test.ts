// What is prepared while an append is under way is written as if it had not been, sent behind that one or not, and thrown away when
// something else is written.

import { openAuditStore, openDatabase, type AppendBatch, type AuditStore, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { acceptedRecord, settledRecord } from '../support/audit-log.ts';
import { batchOf, claim, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';

let tables: AuditTables;
/** A change of every statement before it is asked. */
let rewritten = (sql: string, values: readonly unknown[]): [string, readonly unknown[]] => [sql, values];
/** A store whose appends wait, when they are about to be written, until what is to be prepared behind them is. */
let store: AuditStore;
let beforeAppend: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  tables = await openAuditTables('auditprepared');
  const projector = openDatabase({ url: tables.url, role: 'postrider_projector' });
  const waiting: Database = {
    ...projector,
    query: async (sql, values = [], kept) => {
      if (sql.includes('audit_append')) await beforeAppend();
      return projector.query(...rewritten(sql, values), kept);
    },
  };
  store = openAuditStore(waiting, { now: () => now });
  closing = () => projector.close();
});
let closing: () => Promise<void>;
afterAll(async () => {
  await closing();
  await tables.database.close();
});

/**
 * Appends, prepares meanwhile what follows, and appends that.
 * @returns how many pieces were made of it
 */
async function appendBoth(batches: readonly AppendBatch[], next: readonly AppendBatch[], piecesMax = Infinity) {
  let pieces = 0;
  let made: () => void;
  const prepared = new Promise<void>((resolve) => (made = resolve));
  beforeAppend = () => prepared;
  const appending = store.appendTogether(batches);
  const behind = await store.prepare(next, () => (pieces += 1) > piecesMax);
  made!();
  beforeAppend = async () => undefined;
  const results = await appending;
  const sent = await behind?.ended;
  return { results, following: sent ?? (await store.appendTogether(next)), pieces, isSent: behind !== undefined };
}

const counted = { kind: 'appended', duplicates: 0, late: 0, unreadable: 0, defaulted: 0 };

it.each([Infinity, 3, 0])('is written as if it had not been prepared, with %d pieces made of it', async (piecesMax) => {
  const { environment, reads, sample } = tables.fresh();
  await claim(store, environment, 'audit');
  await claim(store, environment, 'attempts');
  const parts = (from: number): AppendBatch[] => [
    batchOf(environment, 'audit', from, [acceptedRecord(sample(from)), acceptedRecord(sample(from + 1))]),
    batchOf(environment, 'attempts', from, [
      settledRecord(sample(from), { attempt: 1, next: 'delivered' }),
      settledRecord(sample(from + 1), { attempt: 1, next: 'dead' }),
    ]),
  ];
  const [first, second] = [parts(0), parts(2)];
  const { results, following, pieces, isSent } = await appendBoth(first, second, piecesMax);
  expect(pieces > Math.min(piecesMax, 30)).toBe(true);
  expect(isSent).toBe(piecesMax === Infinity);
  expect([...results, ...following]).toMatchObject([counted, counted, counted, counted]);
  expect(await reads.totals()).toMatchObject({ records: 8, duplicates: 0, deliveries: { delivered: 2, dead: 2 } });
  expect(await reads.recount()).toEqual(await reads.dailyCounts());
  expect(await chainHolds(environment)).toBe(true);
});

it('is not made again', async () => {
  const { environment, sample } = tables.fresh();
  await claim(store, environment, 'attempts');
  const attempt = (number: number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' });
  const second = batchOf(environment, 'attempts', 1, [attempt(1)]);
  let read = 0;
  const rows = second.rows.map((row) => ({
    ...row,
    get value() {
      read += 1;
      return row.value;
    },
  }));
  const counting = { ...second, rows };
  const first = [batchOf(environment, 'attempts', 0, [attempt(0)])];
  const { following } = await appendBoth(first, [counting]);
  expect(following).toMatchObject([counted]);
  // Once for the hash, and once for the column.
  expect(read).toBe(2);
});

it('is written too by a projector that does not know yet that deliveries can be taken for new', async () => {
  const { environment, reads, sample } = tables.fresh();
  await claim(store, environment, 'audit');
  await claim(store, environment, 'attempts');
  rewritten = (sql, values) => {
    const last = /, deliveries_new => \$\d+, deliveries_untouched => \$\d+, this_append => \$\d+/.exec(sql)?.[0];
    return last === undefined ? [sql, values] : [sql.replace(last, ''), values.slice(0, -3)];
  };
  const results = await store.appendTogether([
    batchOf(environment, 'audit', 0, [acceptedRecord(sample(0)), acceptedRecord(sample(1))]),
    batchOf(environment, 'attempts', 0, [
      settledRecord(sample(0), { attempt: 1, next: 'delivered' }),
      settledRecord(sample(1), { attempt: 1, next: 'retry' }),
    ]),
  ]);
  rewritten = (sql, values) => [sql, values];
  expect(results).toMatchObject([counted, counted]);
  expect(await reads.totals()).toMatchObject({ records: 4, deliveries: { delivered: 1, retrying: 1 } });
  expect(await reads.recount()).toEqual(await reads.dailyCounts());
});

it('is thrown away when other rows are written, or the chain goes on from another hash', async () => {
  const { environment, reads, sample } = tables.fresh();
  await claim(store, environment, 'attempts');
  const attempt = (number: number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' });
  const first = batchOf(environment, 'attempts', 0, [attempt(0)]);
  const second = batchOf(environment, 'attempts', 1, [attempt(1)]);
  // It is made of two rows as far as it is made at all, and one is written.
  let pieces = 0;
  const appending = store.appendTogether([first]);
  await store.prepare([batchOf(environment, 'attempts', 1, [attempt(1), attempt(2)])], () => (pieces += 1) > 5);
  expect([...(await appending), ...(await store.appendTogether([second]))]).toMatchObject([counted, counted]);
  const third = batchOf(environment, 'attempts', 2, [attempt(2)]);
  // Another writer has the same offsets with another record, and so another hash.
  await tables.database.query(`UPDATE projection_offset SET head = sha256('x') WHERE environment = $1`, [environment]);
  expect(await store.appendTogether([third])).toEqual([{ kind: 'fenced' }]);
  await claim(store, environment, 'attempts');
  expect(await store.appendTogether([third])).toMatchObject([counted]);
  const links = await tables.database.query<{ follows: boolean }>(
    `SELECT chain = audit_chain_next(sha256('x'), topic, partition, record_offset, recorded_at, key, value) AS follows
     FROM audit_record WHERE environment = $1 AND record_offset = 2`,
    [environment],
  );
  expect(links).toEqual([{ follows: true }]);
  expect(await reads.totals()).toMatchObject({ records: 3, deliveries: { delivered: 3 } });
});

it('finds copies of what was written by the append before it', async () => {
  const { environment, reads, sample } = tables.fresh();
  await claim(store, environment, 'audit');
  await claim(store, environment, 'attempts');
  const parts = (from: number): AppendBatch[] => [
    batchOf(environment, 'audit', from, [acceptedRecord(sample(1))]),
    batchOf(environment, 'attempts', from, [settledRecord(sample(1), { attempt: 1 + from, next: 'dead' })]),
  ];
  expect((await appendBoth(parts(0), parts(1))).following).toMatchObject([
    { duplicates: 1 },
    { duplicates: 0, late: 1 },
  ]);
  expect(await reads.totals()).toMatchObject({ records: 4, duplicates: 1, late: 1, deliveries: { dead: 1 } });
  expect(await reads.recount()).toEqual(await reads.dailyCounts());
  expect(await chainHolds(environment)).toBe(true);
});

it('a value that cannot be written is refused as ever: the row keeps its bytes alone', async () => {
  const { environment, sample } = tables.fresh();
  await claim(store, environment, 'attempts');
  const good = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]);
  const record = batchOf(environment, 'attempts', 1, [settledRecord(sample(2), { attempt: 1, next: 'delivered' })]);
  const [row] = record.rows;
  const bad = { ...record, rows: [{ ...row!, columns: { ...row!.columns, httpStatus: 2 ** 40 } }] };
  expect((await appendBoth([good], [bad])).following).toMatchObject([{ ...counted, unreadable: 1 }]);
});

async function chainHolds(environment: string): Promise<boolean> {
  const rows = await tables.database.query<{ holds: boolean }>(
    `SELECT bool_and(chain = audit_chain_next(previous, topic, partition, record_offset, recorded_at, key, value)) AS holds FROM (
       SELECT *, coalesce(lag(chain) OVER (PARTITION BY topic, partition ORDER BY record_offset),
                          audit_chain_start(environment, topic, partition)) AS previous
       FROM audit_record WHERE environment = $1
     ) AS linked`,
    [environment],
  );
  return rows[0]!.holds;
}
