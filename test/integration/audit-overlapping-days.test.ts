// Retention where the brokers' clocks did not agree: days of which records lie among each other in the log, and records of days that have
// no partition.

import { auditRowOf } from '@postrider/audit-projector';
import { openAuditStore } from '@postrider/postgres';
import { checkCompleteness, dropClassDay, dropDay, planClassDays, planDays } from '@postrider/postrider';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { logRecord } from '../support/audit-log.ts';
import {
  accepted,
  before,
  classDatabases,
  dayOf,
  dropTrial,
  environment,
  noon,
  sampleOf,
  settled,
  topics,
  trial,
  verified,
  why,
  type ClassDatabases,
  type ClassTables,
} from '../support/class-tables.ts';

let databases: ClassDatabases;
beforeAll(async () => {
  databases = await classDatabases('overlap');
});
afterEach(() => databases.close());

const planned = async ({ ports }: ClassTables) =>
  (await planDays(ports, before)).map(({ days, rows, obstacle }) => [days, rows, obstacle]);

async function dropAll(tables: ClassTables): Promise<void> {
  for (const plan of await planDays(tables.ports, before)) await dropDay(tables.ports, plan, why);
}

async function expectSound(tables: ClassTables): Promise<void> {
  expect((await verified(tables)).problems).toEqual([]);
  expect(await checkCompleteness({ database: tables.database, environment })).toMatchObject({ unexplained: 0 });
}

/** A new leader whose clock was behind: a record of the older day behind those of the later one. */
async function behindMidnight(tables: ClassTables): Promise<void> {
  await tables.append('audit', [accepted(sampleOf(60, 6))], noon(61));
  await tables.append('attempts', [settled(sampleOf(60, 6), 1, 'delivered')], noon(61));
  await tables.append('audit', [accepted(sampleOf(60, 7))], noon(60));
}

/** Rows of which no partition was made: to who wrote them the time seemed impossible. */
async function appendHomeless(tables: ClassTables, timestamp: number, numbers: readonly number[]): Promise<void> {
  const store = openAuditStore(tables.writer, { now: () => timestamp - 100 * 24 * 60 * 60_000 });
  const [claimed] = await store.claimOffsets(environment, [{ topic: topics.audit, partition: 0, start: 0 }]);
  const from = claimed!.next;
  const rows = numbers.map((number, index) =>
    auditRowOf(logRecord(accepted(sampleOf(60, number)), { offset: from + index, timestamp })),
  );
  const place = { environment, topic: topics.audit, partition: 0 };
  const written = await store.append({ ...place, expectedNext: from, next: from + rows.length, rows });
  expect(written).toMatchObject({ kind: 'appended', defaulted: numbers.length });
}

const homeless = ({ database }: ClassTables) =>
  database.query('SELECT record_offset AS "offset" FROM audit_record_default ORDER BY 1');

describe('days that overlap in the log', () => {
  it('go together, behind closing records of both', async () => {
    const tables = await databases.copyOf(databases.original);
    await behindMidnight(tables);
    await expectSound(tables);
    expect(await planned(tables)).toEqual([
      [[dayOf(61), dayOf(60)], 39, undefined],
      [[dayOf(59)], 0, undefined],
    ]);
    await dropAll(tables);
    expect(await planned(tables)).toEqual([]);
    await expectSound(tables);
    await tables.append('audit', [accepted(sampleOf(60, 8))], noon(0));
    await expectSound(tables);
  });

  it('go together although one of them was closed alone before', async () => {
    const tables = await databases.copyOf(databases.original);
    await behindMidnight(tables);
    // The last record of both is of the older day, so both closings end at the same place.
    await tables.append('audit', [accepted(sampleOf(60, 8))], noon(61));
    const chains = (await tables.ports.retention.chainsOf(dayOf(61))).map((chain) => ({ ...chain, total: chain.rows }));
    const alone = { day: dayOf(61), days: [dayOf(61)], rows: 0, chains, obstacle: undefined };
    await expect(dropDay(tables.ports, alone, why)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('lie in later days') as string,
    });
    await expectSound(tables);
    await dropAll(tables);
    await expectSound(tables);
  });

  it('wait for the closing records of one of them, where a record of it comes when it is gone', async () => {
    const tables = await databases.copyOf(databases.original);
    const [oldest] = await planDays(tables.ports, before);
    await dropDay(tables.ports, oldest!, why);
    await behindMidnight(tables);
    await expectSound(tables);
    // The closing records are of today, and lie before it.
    expect(await planned(tables)).toMatchObject([
      [[dayOf(61), dayOf(60)], 21, expect.stringContaining(`${topics.audit}/0/12 lies before`)],
      [[dayOf(59)], 0, undefined],
    ]);
  });

  it('go together when a class went from them before', async () => {
    const tables = await databases.copyOf(databases.original);
    await behindMidnight(tables);
    await dropTrial(tables, dayOf(61));
    await dropTrial(tables, dayOf(60));
    await expectSound(tables);
    await dropAll(tables);
    await expectSound(tables);
    expect(await tables.database.query('SELECT FROM audit_stub')).toEqual([]);
  });

  it('stay as long as one of them must, and say which', async () => {
    const tables = await databases.copyOf(databases.original);
    await tables.append('audit', [accepted(sampleOf(60, 6))], noon(30));
    await tables.append('audit', [accepted(sampleOf(60, 7))], noon(60));
    expect(await planned(tables)).toEqual([
      [[dayOf(61)], 18, undefined],
      [
        [dayOf(60)],
        19,
        expect.stringContaining(`${topics.audit}/0/12 lies before its last record and is of ${dayOf(30)}`),
      ],
      [[dayOf(59)], 0, undefined],
    ]);
  });

  it('are not dropped by whoever names days from beyond them', async () => {
    const tables = await databases.copyOf(databases.original);
    for (const since of ['infinity', '10000-01-01', dayOf(59), '-infinity', '1970-01-01']) {
      await expect(tables.ports.retention.dropDay(dayOf(60), since)).rejects.toMatchObject({ code: 'refused' });
    }
    await expectSound(tables);
  });
});

describe('records of a day that has no partition', () => {
  it('are closed and dropped like any other', async () => {
    const tables = await databases.copyOf(databases.original);
    await appendHomeless(tables, noon(70), [6, 7]);
    expect(await homeless(tables)).toHaveLength(2);
    await expectSound(tables);
    expect(await planned(tables)).toMatchObject([
      [[dayOf(70), dayOf(61), dayOf(60)], 38, undefined],
      [[dayOf(59)], 0, undefined],
    ]);
    await dropAll(tables);
    expect(await homeless(tables)).toEqual([]);
    await expectSound(tables);
  });

  it('are not left out where the day that they lie in front of was closed without them', async () => {
    const tables = await databases.copyOf(databases.original);
    await appendHomeless(tables, noon(70), [6, 7]);
    await tables.append('audit', [accepted(sampleOf(60, 8))], noon(60));
    const chains = (await tables.ports.retention.chainsOf(dayOf(60))).map((chain) => ({
      ...chain,
      total: chain.rows + 6,
    }));
    const alone = { day: dayOf(60), days: [dayOf(60)], rows: 0, chains, obstacle: undefined };
    await expect(dropDay(tables.ports, alone, why)).rejects.toMatchObject({ code: 'refused' });
    await dropAll(tables);
    await expectSound(tables);
  });

  it('go with their class', async () => {
    const tables = await databases.copyOf(databases.original);
    await appendHomeless(tables, noon(70), [6, 7]);
    const [first] = await planClassDays(tables.ports, trial, { before, again: false });
    expect(first).toMatchObject({ day: dayOf(70), rows: 1 });
    expect(await dropClassDay(tables.ports, trial, first!, why)).toBe(1);
    await expectSound(tables);
  });

  it('come into it when it is made', async () => {
    const tables = await databases.copyOf(databases.original);
    await appendHomeless(tables, noon(70), [6, 7]);
    await appendHomeless(tables, 0, [8]);
    await tables.append('audit', [accepted(sampleOf(60, 9))], noon(70));
    expect(await homeless(tables)).toEqual([{ offset: 14 }]);
    await expectSound(tables);
  });

  it('do not go from under whoever reads', async () => {
    const tables = await databases.copyOf(databases.original);
    await appendHomeless(tables, noon(70), [6, 7]);
    await tables.database.snapshot(async (snapshot) => {
      await tables.append('audit', [accepted(sampleOf(60, 8))], noon(70));
      expect(await snapshot.query('SELECT count(*) AS rows FROM audit_record')).toEqual([{ rows: 38 }]);
      await expect(tables.ports.retention.makeDays([dayOf(70)])).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringContaining('the audit is read') as string,
      });
    });
    expect(await homeless(tables)).toHaveLength(3);
    await tables.ports.retention.makeDays([dayOf(70)]);
    expect(await homeless(tables)).toEqual([]);
    await expectSound(tables);
  });
});
