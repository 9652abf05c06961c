// A part of the time, as who checks every day does: both of its ends are bound, so that what was taken away there is named.

import { openDatabase, type Database } from '@postrider/postgres';
import { verifyAudit, type AuditVerdict } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord } from '../support/audit-log.ts';
import { batchOf, claim, dayMs, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';

const environment = 'ranged';
const topic = `${environment}.audit`;
/** Five records a day, on four days; one of the third's is told with a time of the fourth. */
const days = 4;
const perDay = 5;
const timeOf = (offset: number): number =>
  now - (days - Math.floor(offset / perDay)) * dayMs + (offset === 12 ? dayMs : 0);
const third = { from: new Date(timeOf(10) - 1), to: new Date(timeOf(15) - 1) };
const fourth = { from: third.to };

let tables: AuditTables;
let owner: Database;

beforeAll(async () => {
  tables = await openAuditTables('audittimerange');
  owner = openDatabase({ url: tables.url });
  await claim(tables.store, environment, 'audit');
  for (let offset = 0; offset < days * perDay; offset += 1) {
    const sample = { environment, number: offset, endpoint: 'ep_1', atMs: timeOf(offset) };
    await tables.store.append(batchOf(environment, 'audit', offset, [acceptedRecord(sample)], timeOf(offset)));
  }
});
afterAll(async () => {
  await owner.close();
  await tables.database.close();
});

/** What is said of a part once rows were deleted or changed, which is undone again. */
async function verdictOf(part: { readonly from?: Date; readonly to?: Date }, sql?: string): Promise<AuditVerdict> {
  await owner.query('DROP TABLE IF EXISTS kept');
  await owner.query('CREATE TABLE kept AS SELECT * FROM audit_record');
  await owner.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
  try {
    if (sql !== undefined) await owner.query(sql);
    return await verifyAudit({ database: tables.database, environment, checkpoints: undefined, ...part });
  } finally {
    await owner.query('DELETE FROM audit_record');
    await owner.query('INSERT INTO audit_record SELECT * FROM kept');
  }
}
const deleted = (condition: string): string =>
  `DELETE FROM audit_record WHERE topic = '${topic}' AND record_offset ${condition}`;
const places = ({ problems }: AuditVerdict) => problems.map(({ kind, offset }) => [kind, offset]);

describe('a part of the time', () => {
  it('is clean where nobody touched it, and has all rows between its first and its last', async () => {
    expect(await verdictOf(third)).toMatchObject({ ok: true, rows: perDay });
    expect(await verdictOf(fourth)).toMatchObject({ ok: true, rows: perDay + 3 });
    expect(await verdictOf({ to: third.from })).toMatchObject({ ok: true, rows: 2 * perDay });
    expect(await verdictOf({ from: new Date(now + dayMs) })).toMatchObject({ ok: true, rows: 0 });
    expect(await verdictOf({ to: new Date(timeOf(0) - 1) })).toMatchObject({ ok: true, rows: 0 });
  });

  it('does not end before what was deleted at its end', async () => {
    expect(places(await verdictOf(fourth, deleted('>= 18')))).toEqual([['row-missing', 18]]);
    expect(places(await verdictOf(third, deleted('= 14')))).toEqual([['row-missing', 14]]);
  });

  it('is not clean because all of it was deleted', async () => {
    expect(places(await verdictOf(fourth, deleted('>= 12')))).toEqual([['row-missing', 12]]);
    expect(places(await verdictOf(third, deleted('BETWEEN 10 AND 14')))).toEqual([['row-missing', 10]]);
    expect(places(await verdictOf({ to: third.from }, deleted('< 10')))).toEqual([['row-missing', 0]]);
  });

  it('has a row that was given a time of another part', async () => {
    const moved = `UPDATE audit_record SET recorded_at = '${new Date(timeOf(17)).toISOString()}' WHERE topic = '${topic}' AND record_offset = 11`;
    expect(places(await verdictOf(third, moved))).toEqual([['row-altered', 11]]);
  });
});
