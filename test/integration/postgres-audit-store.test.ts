// The write side on a real server: a batch and its offset stand together or not at all, whoever else writes and whatever a
// record holds.

import {
  noColumns,
  openAuditStore,
  openDatabase,
  type AuditRow,
  type AuditStore,
  type Database,
} from '@postrider/postgres';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, idsOf, settledRecord } from '../support/audit-log.ts';
import {
  batchOf,
  claim,
  dayMs,
  now,
  openAuditTables,
  type AuditTables,
  type Records,
} from '../support/audit-tables.ts';

let tables: AuditTables;
let url: string;
let database: Database;
let store: AuditStore;

beforeAll(async () => {
  tables = await openAuditTables('auditstore');
  ({ url, database, store } = tables);
});
afterAll(() => database.close());

describe('append', () => {
  it('writes the records, the deliveries and the counts of a batch with the offset behind it', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    await store.append(
      batchOf(environment, 'audit', 0, [
        acceptedRecord(sample(1)),
        acceptedRecord(sample(2)),
        acceptedRecord(sample(3)),
      ]),
    );
    const attempts = [
      settledRecord(sample(1), { attempt: 1, next: 'retry' }),
      settledRecord(sample(1), { attempt: 2, next: 'delivered' }),
      settledRecord(sample(2), { attempt: 1, next: 'dead' }),
    ];
    expect(await store.append(batchOf(environment, 'attempts', 0, attempts))).toEqual({
      kind: 'appended',
      rows: 3,
      duplicates: 0,
      late: 0,
      unreadable: 0,
      defaulted: 0,
    });
    expect(await reads.totals()).toEqual({
      records: 6,
      duplicates: 0,
      late: 0,
      unreadable: 0,
      deliveries: { pending: 1, retrying: 0, deferred: 0, delivered: 1, dead: 1, suppressed: 0 },
      retried: 1,
    });
    expect(await reads.dailyCounts()).toEqual([
      { project: 'prj_1', endpoint: 'ep_1', day: '2030-05-02', success: 1, fail: 1, error: 0, delivered: 1, dead: 0 },
      { project: 'prj_1', endpoint: 'ep_2', day: '2030-05-02', success: 0, fail: 1, error: 0, delivered: 0, dead: 1 },
    ]);
    expect((await reads.projectionStatus()).map(({ topic, next }) => [topic, next])).toEqual([
      [`${environment}.attempts`, 3],
      [`${environment}.audit`, 3],
    ]);
  });

  it('lets one of two projectors write the same batch, and fences the other', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const other = openDatabase({ url });
    try {
      const batch = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]);
      const results = await Promise.all([store.append(batch), openAuditStore(other, { now: () => now }).append(batch)]);
      expect(results.map(({ kind }) => kind).sort()).toEqual(['appended', 'fenced']);
      expect(await reads.totals()).toMatchObject({ records: 1, duplicates: 0 });
      expect(await reads.dailyCounts()).toMatchObject([{ success: 1, delivered: 1 }]);
      expect(await claim(store, environment, 'attempts')).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('keeps a resent record as a row that counts nowhere, in the same batch, in a later one, and on a later day', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const once = settledRecord(sample(1), { attempt: 1, next: 'retry' });
    const otherwise = settledRecord(sample(1), { attempt: 1, next: 'delivered' });
    expect(await store.append(batchOf(environment, 'attempts', 0, [once, otherwise]))).toMatchObject({ duplicates: 1 });
    expect(await store.append(batchOf(environment, 'attempts', 2, [otherwise], now + dayMs))).toMatchObject({
      duplicates: 1,
    });
    expect(await reads.totals()).toMatchObject({
      records: 3,
      duplicates: 2,
      deliveries: { retrying: 1, delivered: 0 },
    });
    expect(await reads.dailyCounts()).toMatchObject([{ day: '2030-05-02', fail: 1, success: 0, delivered: 0 }]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('knows a delivery that was moved before its event was accepted, though the append that accepts it takes it for new', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    const settled = (attempt: number, next: 'retry' | 'delivered') => settledRecord(sample(1), { attempt, next });
    await store.append(batchOf(environment, 'attempts', 0, [settled(1, 'retry')]));
    const copiesToo = [settled(1, 'delivered'), settled(2, 'delivered')];
    expect(
      await store.appendTogether([
        batchOf(environment, 'audit', 0, [acceptedRecord(sample(1)), acceptedRecord(sample(2))]),
        batchOf(environment, 'attempts', 1, [...copiesToo, settledRecord(sample(2), { attempt: 1, next: 'dead' })]),
      ]),
    ).toMatchObject([{ duplicates: 0 }, { duplicates: 1, late: 0 }]);
    expect(await reads.totals()).toMatchObject({
      records: 6,
      deliveries: { retrying: 0, delivered: 1, dead: 1 },
      retried: 1,
    });
    expect((await reads.findDeliveries({ states: ['dead', 'retrying'] })).deliveries).toMatchObject([
      { state: 'dead' },
    ]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('makes a delivery once that another writer makes at the same moment', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    const other = openDatabase({ url });
    try {
      const elsewhere = openAuditStore(other, { now: () => now });
      const at = { topic: `${environment}.audit`, partition: 1, start: 0 };
      await elsewhere.claimOffsets(environment, [at]);
      const samples = Array.from({ length: 50 }, (_, number) => sample(number));
      const accepted = batchOf(environment, 'audit', 0, samples.map(acceptedRecord));
      const dead = samples.map((each) => settledRecord(each, { attempt: 1, next: 'dead' }));
      const results = await Promise.all([
        store.appendTogether([accepted, batchOf(environment, 'attempts', 0, dead)]),
        elsewhere.append({ ...accepted, partition: 1 }),
      ]);
      const flat = results.flat();
      expect(flat.map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
      expect(flat.reduce((sum, each) => sum + (each.kind === 'appended' ? each.duplicates : 0), 0)).toBe(50);
      expect(await reads.totals()).toMatchObject({ records: 150, deliveries: { dead: 50, pending: 0 } });
      expect(await reads.recount()).toEqual(await reads.dailyCounts());
    } finally {
      await other.close();
    }
  });

  it('flags what comes after the end of its round, and a replay counts on its own', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    await store.append(batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'dead' })]));
    const after = [
      settledRecord(sample(1), { attempt: 2, next: 'delivered' }),
      settledRecord(sample(1), { attempt: 1, round: 1, next: 'delivered' }),
    ];
    expect(await store.append(batchOf(environment, 'attempts', 1, after))).toMatchObject({ late: 1, duplicates: 0 });
    expect(
      (await reads.findDeliveries({})).deliveries.map(({ round, state, attempts }) => [round, state, attempts]),
    ).toEqual([
      [1, 'delivered', 1],
      [0, 'dead', 1],
    ]);
    expect(await reads.dailyCounts()).toMatchObject([{ success: 1, fail: 1, delivered: 1, dead: 1 }]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('stores a record with \\u0000 and counts it: the columns hold a replacement, the bytes all of it', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const record = {
      ...settledRecord(sample(1), { attempt: 1, next: 'delivered' }),
      subject: 'a\0b',
      url: 'https://x/\ud800',
    };
    const batch = batchOf(environment, 'attempts', 0, [
      record,
      Buffer.from('{"type":"\\u0000'),
      Buffer.from([0, 1, 2]),
    ]);
    expect(await store.append(batch)).toMatchObject({ kind: 'appended', rows: 3, unreadable: 3 });
    const story = await reads.deliveryStory(idsOf(sample(1)).dispatch);
    expect(story).toMatchObject([{ subject: 'a\uFFFDb', unreadable: true }]);
    expect(story[0]!.problem).toContain('subject');
    expect(JSON.parse(story[0]!.value!.toString())).toMatchObject({ subject: 'a\0b' });
    expect(await reads.dailyCounts()).toMatchObject([{ delivered: 1 }]);
    expect(await reads.findDeliveries({ subject: 'a\0b' })).toMatchObject({ deliveries: [{ state: 'delivered' }] });
  });

  it('keeps the bytes alone of the one row that PostgreSQL refuses, and all of the others', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const batch = batchOf(
      environment,
      'attempts',
      0,
      [1, 2, 3, 4, 5, 6, 7].map((number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' })),
    );
    // As if the columns had not been cleaned: these get to the server as they are.
    const spoil: Record<number, Partial<AuditRow['columns']>> = { 2: { detail: 'a\0b' }, 5: { httpStatus: 2 ** 40 } };
    const rows = batch.rows.map((row, index) => ({ ...row, columns: { ...row.columns, ...spoil[index] } }));
    expect(await store.append({ ...batch, rows })).toMatchObject({ kind: 'appended', rows: 7, unreadable: 2 });
    expect(await reads.totals()).toMatchObject({ records: 7, unreadable: 2, deliveries: { delivered: 5 } });
    expect(await claim(store, environment, 'attempts')).toBe(7);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('moves the offset over a stretch without records', async () => {
    const { environment } = tables.fresh();
    await claim(store, environment, 'attempts');
    await store.append({
      environment,
      topic: `${environment}.attempts`,
      partition: 0,
      expectedNext: 0,
      next: 12,
      rows: [],
    });
    expect(await claim(store, environment, 'attempts')).toBe(12);
  });

  it('begins a partition that was never projected where the log begins, and never moves one that was', async () => {
    const { environment } = tables.fresh();
    const at = { topic: `${environment}.audit`, partition: 3 };
    expect(await store.claimOffsets(environment, [{ ...at, start: 40 }])).toEqual([{ ...at, next: 40 }]);
    expect(await store.claimOffsets(environment, [{ ...at, start: 90 }])).toEqual([{ ...at, next: 40 }]);
  });

  it('comes to the same tables in any interleaving of the two topics', async () => {
    const turns = fc.array(fc.record({ attempts: fc.boolean(), size: fc.integer({ min: 1, max: 4 }) }), {
      minLength: 4,
      maxLength: 20,
    });
    let expected: unknown;
    await fc.assert(
      fc.asyncProperty(turns, async (order) => {
        const { environment, reads, sample } = tables.fresh();
        const logs: Record<'audit' | 'attempts', Records> = {
          // The third is published twice: another origin, the same dispatch.
          audit: [1, 2, 3, 4]
            .map((number) => acceptedRecord(sample(number)))
            .concat({ ...acceptedRecord(sample(3)), origin: `${environment}.events/0/99` } as never),
          attempts: [
            settledRecord(sample(1), { attempt: 1, next: 'retry' }),
            settledRecord(sample(1), { attempt: 1, next: 'delivered' }),
            settledRecord(sample(2), { attempt: 1, next: 'delivered' }),
            settledRecord(sample(1), { attempt: 2, next: 'delivered' }),
            settledRecord(sample(1), { attempt: 3, next: 'dead' }),
            settledRecord(sample(3), { attempt: 1, next: 'dead' }),
          ],
        };
        const next = {
          audit: await claim(store, environment, 'audit'),
          attempts: await claim(store, environment, 'attempts'),
        };
        const turn = async (topic: 'audit' | 'attempts', size: number): Promise<void> => {
          const records = logs[topic].slice(next[topic], next[topic] + size);
          if (records.length === 0) return;
          await store.append(batchOf(environment, topic, next[topic], records));
          next[topic] += records.length;
        };
        for (const { attempts, size } of order) await turn(attempts ? 'attempts' : 'audit', size);
        await turn('audit', 9);
        await turn('attempts', 9);

        const { deliveries } = await reads.findDeliveries({});
        const counts = await reads.dailyCounts();
        const outcome = JSON.parse(
          JSON.stringify({ deliveries, counts, totals: await reads.totals() }).replaceAll(environment, 'env'),
          (key, value: unknown) =>
            // Ids hold a digest of the environment's name; the order of one moment follows them.
            key === 'dispatch' ? undefined : value,
        ) as { deliveries: { event: string }[] };
        outcome.deliveries.sort((a, b) => (a.event < b.event ? -1 : 1));
        expected ??= outcome;
        expect(outcome).toEqual(expected);
        expect(await reads.recount()).toEqual(counts);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the bytes alone', () => {
  it('stand for a record of which nothing else is known', async () => {
    const { environment, reads } = tables.fresh();
    await claim(store, environment, 'audit');
    await store.append(batchOf(environment, 'audit', 0, [Buffer.from('no JSON')]));
    const rows = await database.query<{ type: string | null; value: Buffer }>(
      'SELECT type, value FROM audit_record WHERE environment = $1',
      [environment],
    );
    expect(rows).toEqual([{ type: noColumns.type, value: Buffer.from('no JSON') }]);
    expect(await reads.totals()).toMatchObject({ records: 1, unreadable: 1 });
  });
});
