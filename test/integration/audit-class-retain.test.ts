// Letting go of the records of a class of projects out of days that stay: what is left of them carries the chain, and the day goes later
// as every other.

import { auditRowOf } from '@postrider/audit-projector';
import { openAuditReads, openAuditStore, openClassRetention } from '@postrider/postgres';
import { checkCompleteness, dropClassDay, dropDay, planClassDays, planDays, verifyAudit } from '@postrider/postrider';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { idsOf, logRecord } from '../support/audit-log.ts';
import {
  accepted,
  before,
  classDatabases,
  clock,
  dayOf,
  dropTrial,
  environment,
  noon,
  sampleOf,
  settled,
  standard,
  topics,
  trial,
  verified,
  why,
  type ClassDatabases,
  type ClassTables,
} from '../support/class-tables.ts';
import { eventually } from '../support/eventually.ts';

let databases: ClassDatabases;
beforeAll(async () => {
  databases = await classDatabases('auditclasses');
});
afterEach(() => databases.close());

const linksOf = async ({ database }: ClassTables, topic: string): Promise<string[]> => {
  const rows = await database.query<{ chain: string }>(
    `SELECT encode(chain, 'hex') AS chain FROM (
       SELECT record_offset, chain FROM audit_record WHERE topic = $1 UNION ALL SELECT record_offset, chain FROM audit_stub WHERE topic = $1
     ) AS link ORDER BY record_offset`,
    [topic],
  );
  return rows.map(({ chain }) => chain);
};
const closingsOf = async ({ database }: ClassTables): Promise<number> => {
  const rows = await database.query<{ count: number }>(`SELECT count(*) FROM audit_record WHERE type = 'ClassClosed'`);
  return rows[0]!.count;
};
const complete = ({ database }: ClassTables) => checkCompleteness({ database, environment });

describe('a class of projects', () => {
  it('goes out of a day: a stub is left of each record, the chain goes on, and all that stands still verifies', async () => {
    const tables = await databases.copyOf(databases.original);
    const { database, ports } = tables;
    const reads = openAuditReads(database, environment);
    const counts = await reads.dailyCounts();
    const identities = await database.query('SELECT identity FROM audit_identity ORDER BY 1');
    const links = { audit: await linksOf(tables, topics.audit), attempts: await linksOf(tables, topics.attempts) };
    const plans = await planClassDays(ports, trial, { before, again: false });
    expect(plans.map(({ day, rows }) => [day, rows])).toEqual([
      [dayOf(61), 6],
      [dayOf(60), 6],
    ]);
    expect(await dropClassDay(ports, trial, plans[0]!, why)).toBe(6);

    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 6, recounted: true, recountedBy: 'server' });
    expect((await complete(tables)).partitions).toMatchObject([{ first: 0, next: 12, accounted: 12, missing: 0 }]);
    expect((await linksOf(tables, topics.attempts)).slice(0, links.attempts.length)).toEqual(links.attempts);
    expect((await linksOf(tables, topics.audit)).slice(0, links.audit.length)).toEqual(links.audit);
    expect(await reads.dailyCounts()).toEqual(counts);
    // A settlement is told from its copies by its delivery, which ended; everything else by its identity.
    expect(await database.query('SELECT identity FROM audit_identity ORDER BY 1')).toEqual(
      expect.arrayContaining(identities),
    );
    const left = await database.query<{ day: string; rows: number }>(
      `SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS rows FROM audit_record WHERE project = 'prj_trial' GROUP BY 1`,
    );
    expect(left).toEqual([{ day: dayOf(60), rows: 6 }]);
    const gone = idsOf(sampleOf(61, 3));
    expect(await reads.deliveryStories([gone.dispatch])).toEqual(new Map());
    expect(await database.query('SELECT FROM delivery_open WHERE dispatch = $1', [gone.dispatch])).toEqual([]);
    expect((await reads.findDeliveries({})).deliveries).toHaveLength(10);
    // Nothing of what was recorded stands anywhere in the stubs.
    const [stub] = await database.query<{ text: string }>(`SELECT string_agg(s::text, ' ') AS text FROM audit_stub s`);
    for (const word of [gone.event, gone.subject, gone.dispatch, gone.endpoint, 'hooks.example.com']) {
      expect(stub!.text).not.toContain(word);
    }
    expect((await planClassDays(ports, trial, { before, again: false })).map(({ day }) => day)).toEqual([dayOf(60)]);
  });

  it('leaves the day as guarded as it was, and under its name', async () => {
    const { database } = await databases.copyOf(databases.dropped);
    const day = `audit_record_${dayOf(61).replaceAll('-', '')}`;
    const shape = (name: string) =>
      database.query(
        `SELECT tgname AS name, tgenabled AS enabled FROM pg_trigger WHERE tgrelid = $1::regclass
         UNION ALL SELECT pg_get_constraintdef(oid), contype FROM pg_constraint WHERE conrelid = $1::regclass
         UNION ALL SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''), 'i' FROM pg_index WHERE indrelid = $1::regclass
         ORDER BY 1`,
        [name],
      );
    expect(await shape(day)).toEqual(await shape(`audit_record_${dayOf(60).replaceAll('-', '')}`));
    for (const sql of [
      `UPDATE ${day} SET value = 'x'`,
      `DELETE FROM ${day}`,
      `TRUNCATE ${day}`,
      'TRUNCATE audit_stub',
      `UPDATE audit_stub SET origin = NULL`,
    ]) {
      await expect(database.query(sql)).rejects.toThrow(/the audit is only added to/);
    }
  });

  it('is not dropped without its closing record, nor from a day that lasts, nor by who writes records; who drops writes none', async () => {
    const tables = await databases.copyOf(databases.original);
    const { writer, retainer } = tables;
    const refused = (message: string) => ({ code: 'refused', message: expect.stringContaining(message) as string });
    await expect(tables.ports.classes.dropClass(trial, dayOf(61))).rejects.toMatchObject(
      refused('no closing record of class trial'),
    );
    await expect(tables.ports.classes.dropClass(trial, dayOf(0))).rejects.toMatchObject(refused('not over'));
    await expect(tables.ports.classes.dropClass(trial, '2001-01-01')).rejects.toMatchObject(refused('there is no day'));
    await expect(openClassRetention(writer).dropClass(trial, dayOf(61))).rejects.toMatchObject({ code: 'denied' });
    const stub = `INSERT INTO audit_stub SELECT environment, topic, partition, record_offset, recorded_at, NULL, 'x', chain, chain, chain, 0, 0 FROM audit_record`;
    for (const role of [writer, retainer]) {
      await expect(role.query(stub)).rejects.toMatchObject({ code: 'denied' });
      await expect(role.query('DELETE FROM audit_stub')).rejects.toMatchObject({ code: 'denied' });
    }
    await expect(retainer.query('INSERT INTO audit_record SELECT * FROM audit_record')).rejects.toMatchObject({
      code: 'denied',
    });
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 0, recountedBy: 'sums' });
  });

  it('is dropped by the same command after a failure behind the closing records, and closed once', async () => {
    const tables = await databases.copyOf(databases.original);
    const { ports } = tables;
    const [plan] = await planClassDays(ports, trial, { before, again: false });
    const failing = { ...ports.classes, dropClass: () => Promise.reject(new Error('gone')) };
    await expect(dropClassDay({ ...ports, classes: failing }, trial, plan!, why)).rejects.toThrow('gone');
    expect(await closingsOf(tables)).toBe(2);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 0 });
    const [same] = await planClassDays(ports, trial, { before, again: false });
    expect(await dropClassDay(ports, trial, same!, why)).toBe(6);
    expect(await closingsOf(tables)).toBe(2);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 6 });
  });

  it('is closed anew when a record of it comes late, and a copy that comes later still counts nowhere', async () => {
    const tables = await databases.copyOf(databases.original);
    const { ports } = tables;
    const [plan] = await planClassDays(ports, trial, { before, again: false });
    const failing = { ...ports.classes, dropClass: () => Promise.reject(new Error('gone')) };
    await expect(dropClassDay({ ...ports, classes: failing }, trial, plan!, why)).rejects.toThrow('gone');
    await tables.append('audit', [accepted(sampleOf(61, 0))], noon(61));
    await expect(ports.classes.dropClass(trial, dayOf(61))).rejects.toMatchObject({ code: 'refused' });
    expect(await dropTrial(tables, dayOf(61))).toBe(7);
    expect(await closingsOf(tables)).toBe(3);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 7 });

    await tables.append('audit', [accepted(sampleOf(61, 3))], noon(59));
    const [copy] = await tables.database.query<{ duplicate: boolean }>(
      'SELECT duplicate FROM audit_record WHERE topic = $1 ORDER BY record_offset DESC LIMIT 1',
      [topics.audit],
    );
    expect(copy).toEqual({ duplicate: true });
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 7 });
    expect(await complete(tables)).toMatchObject({ ok: true, accounted: 12 });
  });

  it('goes out of a day in which rounds began that ended in another, and copies and late records of which stand there', async () => {
    const tables = await databases.copyOf(databases.original);
    // Two events more of the class, which came to the older day late: their offsets lie behind those of the other.
    const [one, two] = [sampleOf(60, 6), sampleOf(60, 9)];
    await tables.append('audit', [accepted(one), accepted(two)], noon(61));
    await tables.append('attempts', [settled(one, 1, 'retry'), settled(two, 1, 'delivered')], noon(61));
    await tables.append(
      'attempts',
      [settled(one, 2, 'delivered'), settled(one, 1, 'retry'), settled(two, 2, 'dead')],
      noon(60),
    );
    expect(await verified(tables)).toMatchObject({ problems: [], recountedBy: 'sums' });
    expect(await dropTrial(tables, dayOf(61))).toBe(10);
    const [copy, late] = await tables.database.query<{ duplicate: boolean; late: boolean }>(
      'SELECT duplicate, late FROM audit_record WHERE topic = $1 AND record_offset > 26 ORDER BY record_offset',
      [topics.attempts],
    );
    expect([copy, late]).toEqual([
      { duplicate: true, late: false },
      { duplicate: false, late: true },
    ]);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 10 });
    const { database } = tables;
    const left = await openAuditReads(database, environment).findDeliveries({ project: 'prj_trial' });
    // Of the day, what ended in it is gone; what ended the day after knows both of its attempts.
    expect(left.deliveries.find(({ event }) => event === idsOf(two).event)).toBeUndefined();
    expect(left.deliveries.find(({ event }) => event === idsOf(one).event)).toMatchObject({ attempts: 2 });
  });

  it('goes for projects that came to it since, when it is asked for days that it went from', async () => {
    const tables = await databases.copyOf(databases.dropped);
    const more = { ...trial, projects: [...trial.projects, 'prj_1'] };
    const days = async (again: boolean) =>
      (await planClassDays(tables.ports, more, { before, again })).map(({ day, rows }) => [day, rows]);
    expect(await days(false)).toEqual([[dayOf(60), 18]]);
    expect(await days(true)).toEqual([
      [dayOf(61), 12],
      [dayOf(60), 18],
    ]);
    const [plan] = await planClassDays(tables.ports, more, { before, again: true });
    expect(await dropClassDay(tables.ports, more, plan!, why)).toBe(12);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 18 });
  });

  it('may be that of all other projects, and the day goes later with what is left of it', async () => {
    const tables = await databases.copyOf(databases.dropped);
    const { database, ports } = tables;
    const [of] = await planClassDays(ports, standard, { before, again: false });
    expect([of?.day, of?.rows]).toEqual([dayOf(61), 12]);
    await dropClassDay(ports, standard, of!, why);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 18 });
    const days = await planDays(ports, before);
    expect(days.slice(0, 2).map(({ day, rows, chains }) => [day, rows, chains.map(({ total }) => total)])).toEqual([
      [dayOf(61), 18, [12, 6]],
      [dayOf(60), 18, [24, 12]],
    ]);
    await expect(ports.retention.dropDay(dayOf(60))).rejects.toMatchObject({
      message: expect.stringContaining('are dropped first') as string,
    });
    expect(await dropDay(ports, days[0]!, why)).toBe(18);
    expect(await database.query('SELECT FROM audit_stub')).toEqual([]);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 0 });
    expect((await planDays(ports, before))[0]?.chains.map(({ total }) => total)).toEqual([24, 12]);
  });

  it('may go from a day whose closing records for all of it are written already', async () => {
    const tables = await databases.copyOf(databases.original);
    const { ports } = tables;
    const [plan] = await planDays(ports, before);
    const failing = { ...ports.retention, dropDay: () => Promise.reject(new Error('gone')) };
    await expect(dropDay({ ...ports, retention: failing }, plan!, why)).rejects.toThrow('gone');
    await dropTrial(tables, dayOf(61));
    expect(await ports.retention.dropDay(dayOf(61))).toBe(18);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 0 });
  });

  it('keeps to its environment', async () => {
    const tables = await databases.copyOf(databases.original);
    const other = openAuditStore(tables.writer, clock);
    const topic = 'neighbour.audit';
    await other.claimOffsets('neighbour', [{ topic, partition: 0, start: 0 }]);
    const sample = { ...sampleOf(61, 0), environment: 'neighbour' };
    const rows = [auditRowOf(logRecord(accepted(sample), { offset: 0, timestamp: noon(61) }))];
    await other.append({ environment: 'neighbour', topic, partition: 0, expectedNext: 0, next: 1, rows });
    expect(await dropTrial(tables, dayOf(61))).toBe(6);
    const { database } = tables;
    expect(await verifyAudit({ database, environment: 'neighbour', checkpoints: undefined })).toMatchObject({
      problems: [],
      rows: 1,
      stubs: 0,
    });
  });

  it('goes alone: of two retentions the second one is told', async () => {
    const { database, ports } = await databases.copyOf(databases.dropped);
    await database.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock(123636663938661)');
      const underWay = { code: 'refused', message: 'another retention is under way' };
      await expect(ports.classes.dropClass(trial, dayOf(60))).rejects.toMatchObject(underWay);
      await expect(ports.retention.dropDay(dayOf(61))).rejects.toMatchObject(underWay);
      await expect(ports.retention.eraseExcerpts(environment, before)).rejects.toMatchObject(underWay);
    });
  });

  it('waits for who reads without keeping others waiting, and begins again when a record came meanwhile', async () => {
    const tables = await databases.copyOf(databases.original);
    const { database, ports } = tables;
    const [plan] = await planClassDays(ports, trial, { before, again: false });
    // Closed, and today's partition made: that waits for readers, too.
    const failing = { ...ports.classes, dropClass: () => Promise.reject(new Error('gone')) };
    await expect(dropClassDay({ ...ports, classes: failing }, trial, plan!, why)).rejects.toThrow('gone');
    const meanwhile = await database.snapshot(async () => {
      const dropping = ports.classes.dropClass(trial, dayOf(61)).catch((error: unknown) => error);
      await eventually(
        () =>
          database.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`),
        (rows) => rows.length > 0,
        20_000,
      );
      await tables.append('audit', [accepted(sampleOf(61, 1))], noon(61));
      return { dropping };
    });
    expect(await meanwhile.dropping).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('came meanwhile') as string,
    });
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 0 });
    expect(await dropTrial(tables, dayOf(61))).toBe(6);
    expect(await verified(tables)).toMatchObject({ problems: [], stubs: 6 });
  });
});
