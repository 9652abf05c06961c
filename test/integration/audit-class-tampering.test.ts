// Tampering by somebody who may do anything in PostgreSQL, with what is left of records that were dropped with their class: the
// verification names it with the first bad row, and still finds what is done to the rows that stand.

import { verifyAudit } from '@postrider/postrider';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  classDatabases,
  dayOf,
  environment,
  noon,
  topics,
  verified,
  type ClassDatabases,
} from '../support/class-tables.ts';

let databases: ClassDatabases;
beforeAll(async () => {
  databases = await classDatabases('classtamper');
});
afterEach(() => databases.close());

describe('verification after a class was dropped', () => {
  /** Somebody who may do anything in PostgreSQL. */
  const tampered = async (sql: string, of = databases.dropped) => {
    const tables = await databases.copyOf(of);
    await tables.database.query('ALTER TABLE audit_stub DISABLE TRIGGER USER');
    await tables.database.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
    await tables.database.query(`DO $tamper$ BEGIN ${sql} END $tamper$`);
    return verified(tables);
  };
  const kinds = ({ problems }: Awaited<ReturnType<typeof verified>>) =>
    problems.map(({ kind, topic, offset }) => [kind, topic, offset]);
  // Of the older day, attempts at offsets 0 (of event 0), 5, 6 and 7 (of event 3) are the class's.
  const attempts = `topic = '${topics.attempts}'`;

  it('is clean when nobody touched anything', async () => {
    expect(kinds(await tampered('NULL;'))).toEqual([]);
  });

  it.each([
    ['a hash', `chain = sha256(chain)`],
    ['the hash before it', `previous = sha256(previous)`],
    ['an origin', `origin = 'up/0/4711'`],
    ['a project', `project = 'prj_1'`],
    ['a time', `recorded_at = recorded_at + interval '1 ms'`],
    ['a time finer than a broker tells it', `recorded_at = recorded_at + interval '1 microsecond'`],
  ])('names a stub of which %s was changed', async (_what, set) => {
    const verdict = await tampered(`UPDATE audit_stub SET ${set} WHERE ${attempts} AND record_offset = 5;`);
    expect(kinds(verdict)).toContainEqual(['stub-altered', topics.attempts, 5]);
  });

  it('names stubs that were changed with all digests behind them', async () => {
    const verdict = await tampered(`DECLARE s record; last bytea; BEGIN
      UPDATE audit_stub SET project = 'prj_1' WHERE ${attempts} AND record_offset = 5;
      FOR s IN SELECT * FROM audit_stub WHERE ${attempts} ORDER BY record_offset LOOP
        last := audit_stub_digest_next(
          coalesce(last, audit_stub_digest_start('${environment}', s.topic, 0, '${dayOf(61)}', 'trial')),
          s.record_offset, s.recorded_at, s.origin, s.project, s.previous, s.chain);
        UPDATE audit_stub SET digest = last WHERE ${attempts} AND record_offset = s.record_offset;
      END LOOP;
    END;`);
    expect(kinds(verdict)).toEqual([['stub-altered', topics.attempts, 0]]);
  });

  it('names rows in front of a stub that were written anew, hashes and all', async () => {
    const verdict = await tampered(`
      UPDATE audit_record SET value = convert_to(replace(convert_from(value, 'UTF8'), '"bodyBytes":100', '"bodyBytes":999'), 'UTF8')
      WHERE ${attempts} AND record_offset = 4;
      UPDATE audit_record r SET chain = audit_chain_next(before.chain, r.topic, r.partition, r.record_offset, r.recorded_at, r.key, r.value)
      FROM audit_record before WHERE r.topic = '${topics.attempts}' AND r.record_offset = 4
        AND before.topic = r.topic AND before.record_offset = 3;`);
    expect(kinds(verdict)).toEqual([['row-altered', topics.attempts, 1]]);
    expect(verdict.problems[0]?.what).toContain('at or after offset 1');
  });

  it('names a stub that is missing', async () => {
    const verdict = await tampered(`DELETE FROM audit_stub WHERE ${attempts} AND record_offset = 5;`);
    expect(kinds(verdict)).toContainEqual(['stub-missing', topics.attempts, 1]);
    const all = await tampered('DELETE FROM audit_stub;');
    expect(kinds(all)).toContainEqual(['row-missing', topics.attempts, 0]);
  });

  it('names a stub that was put in the place of a row, under a closing record or none', async () => {
    const put = (closed: string): string => `
      INSERT INTO audit_stub SELECT environment, topic, partition, record_offset, recorded_at, NULL, project, chain, chain, chain, ${closed}
      FROM audit_record WHERE ${attempts} AND record_offset = 4;
      DELETE FROM audit_record WHERE ${attempts} AND record_offset = 4;`;
    const [closing] = await (
      await databases.copyOf(databases.dropped)
    ).database.query<{ place: string }>(
      `SELECT closed_partition || ', ' || closed_offset AS place FROM audit_stub WHERE ${attempts} LIMIT 1`,
    );
    expect(kinds(await tampered(put(closing!.place)))).toContainEqual(['stub-inserted', topics.attempts, 4]);
    expect(kinds(await tampered(put('0, 4711')))).toContainEqual(['stub-inserted', topics.attempts, 4]);
    expect(kinds(await tampered(put('0, 0'), databases.original))).toContainEqual([
      'stub-inserted',
      topics.attempts,
      4,
    ]);
  });

  it('names a row that was put back beside its stub', async () => {
    const source = await databases.copyOf(databases.original);
    const [row] = await source.database.query<{ row: string }>(
      `SELECT row_to_json(r)::text AS row FROM audit_record r WHERE ${attempts} AND record_offset = 5`,
    );
    const verdict = await tampered(
      `INSERT INTO audit_record SELECT * FROM json_populate_record(NULL::audit_record, $row$${row!.row}$row$);`,
    );
    expect(kinds(verdict)).toContainEqual(['stub-inserted', topics.attempts, 5]);
  });

  it('names a closing record that says another digest', async () => {
    const verdict =
      await tampered(`UPDATE audit_record SET value = convert_to(regexp_replace(convert_from(value, 'UTF8'), '"digest":"..', '"digest":"00'), 'UTF8')
      WHERE type = 'ClassClosed' AND detail LIKE '%attempts%';`);
    expect(kinds(verdict)).toContainEqual(['stub-altered', topics.attempts, 0]);
    expect(verdict.counts['row-altered']).toBe(1);
  });

  it('still finds what is done to the rows, counts and deliveries that can be counted', async () => {
    const flipped = `UPDATE audit_record SET value = set_byte(value, 40, get_byte(value, 40) # 1) WHERE ${attempts} AND record_offset = 4;`;
    expect(kinds(await tampered(flipped))).toEqual([['row-altered', topics.attempts, 4]]);
    const deleted = await tampered(`DELETE FROM audit_record WHERE ${attempts} AND record_offset = 4;`);
    expect(kinds(deleted)).toContainEqual(['row-missing', topics.attempts, 4]);
    const counts = (day: string, project: string): string =>
      `UPDATE daily_count SET fail = fail + 1 WHERE project = '${project}' AND day = '${day}';`;
    expect((await tampered(counts(dayOf(61), 'prj_1'))).counts).toEqual({ 'count-differs': 2 });
    expect((await tampered(counts(dayOf(60), 'prj_trial'))).counts).toEqual({ 'count-differs': 1 });
    // Of this there are no records any more.
    expect((await tampered(counts(dayOf(61), 'prj_trial'))).counts).toEqual({});
    const ended = await tampered(`UPDATE delivery SET state = 'delivered', reason = NULL WHERE event = 'evt_1';`);
    expect(ended.counts).toEqual({ 'delivery-differs': 1 });
  });

  it('takes a part of the time that begins behind a stub', async () => {
    const { database } = await databases.copyOf(databases.dropped);
    const from = new Date(noon(60));
    expect(await verifyAudit({ database, environment, checkpoints: undefined, from })).toMatchObject({
      problems: [],
      recounted: false,
    });
  });
});
