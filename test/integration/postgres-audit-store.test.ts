// The write side on a real server: a batch and its offset stand together or not at all, whoever else writes, whatever a
// record holds, and wherever the connection breaks.

import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { auditRowOf } from '@postrider/audit-projector';
import {
  migrate,
  noColumns,
  openAuditReads,
  openAuditStore,
  openDatabase,
  type AppendBatch,
  type AuditReads,
  type AuditRow,
  type AuditStore,
  type Database,
} from '@postrider/postgres';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, idsOf, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { createTestDatabase } from '../support/stack.ts';

const now = Date.UTC(2030, 4, 2, 12);
const dayMs = 24 * 60 * 60_000;

let url: string;
let database: Database;
let store: AuditStore;
let environments = 0;

beforeAll(async () => {
  url = await createTestDatabase('auditstore');
  await migrate(url);
  database = openDatabase({ url });
  store = openAuditStore(database, { now: () => now });
});
afterAll(() => database.close());

/** Each test in an environment of its own: the tables are shared as in life. */
function freshEnvironment(): { environment: string; reads: AuditReads; sample: (number: number) => Sample } {
  environments += 1;
  const environment = `env${environments}`;
  const sample = (number: number): Sample => ({ environment, number, endpoint: `ep_${number % 3}`, atMs: now - 10_000 });
  return { environment, reads: openAuditReads(database, environment), sample };
}

type Records = Parameters<typeof logRecord>[0][];

function batchOf(environment: string, topic: string, from: number, records: Records, timestamp = now): AppendBatch {
  const rows = records.map((record, index) => auditRowOf(logRecord(record, { offset: from + index, timestamp })));
  return { environment, topic: `${environment}.${topic}`, partition: 0, expectedNext: from, next: from + rows.length, rows };
}

async function claim(environment: string, topic: string, target = store): Promise<number> {
  const claims = await target.claimOffsets(environment, [{ topic: `${environment}.${topic}`, partition: 0, start: 0 }]);
  return claims[0]!.next;
}

describe('append', () => {
  it('writes the records, the deliveries and the counts of a batch with the offset behind it', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'audit');
    await claim(environment, 'attempts');
    await store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1)), acceptedRecord(sample(2)), acceptedRecord(sample(3))]));
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
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    const other = openDatabase({ url });
    try {
      const batch = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]);
      const results = await Promise.all([store.append(batch), openAuditStore(other, { now: () => now }).append(batch)]);
      expect(results.map(({ kind }) => kind).sort()).toEqual(['appended', 'fenced']);
      expect(await reads.totals()).toMatchObject({ records: 1, duplicates: 0 });
      expect(await reads.dailyCounts()).toMatchObject([{ success: 1, delivered: 1 }]);
      expect(await claim(environment, 'attempts')).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('keeps a resent record as a row that counts nowhere, in the same batch, in a later one, and on a later day', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    const once = settledRecord(sample(1), { attempt: 1, next: 'retry' });
    const otherwise = settledRecord(sample(1), { attempt: 1, next: 'delivered' });
    expect(await store.append(batchOf(environment, 'attempts', 0, [once, otherwise]))).toMatchObject({ duplicates: 1 });
    expect(await store.append(batchOf(environment, 'attempts', 2, [otherwise], now + dayMs))).toMatchObject({ duplicates: 1 });
    expect(await reads.totals()).toMatchObject({ records: 3, duplicates: 2, deliveries: { retrying: 1, delivered: 0 } });
    expect(await reads.dailyCounts()).toMatchObject([{ day: '2030-05-02', fail: 1, success: 0, delivered: 0 }]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('flags what comes after the end of its round, and a replay counts on its own', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    await store.append(batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'dead' })]));
    const after = [settledRecord(sample(1), { attempt: 2, next: 'delivered' }), settledRecord(sample(1), { attempt: 1, round: 1, next: 'delivered' })];
    expect(await store.append(batchOf(environment, 'attempts', 1, after))).toMatchObject({ late: 1, duplicates: 0 });
    expect((await reads.findDeliveries({})).deliveries.map(({ round, state, attempts }) => [round, state, attempts])).toEqual([
      [1, 'delivered', 1],
      [0, 'dead', 1],
    ]);
    expect(await reads.dailyCounts()).toMatchObject([{ success: 1, fail: 1, delivered: 1, dead: 1 }]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('stores a record with \\u0000 and counts it: the columns hold a replacement, the bytes all of it', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    const record = { ...settledRecord(sample(1), { attempt: 1, next: 'delivered' }), subject: 'a\0b', url: 'https://x/\ud800' };
    const batch = batchOf(environment, 'attempts', 0, [record, Buffer.from('{"type":"\\u0000'), Buffer.from([0, 1, 2])]);
    expect(await store.append(batch)).toMatchObject({ kind: 'appended', rows: 3, unreadable: 3 });
    const story = await reads.deliveryStory(idsOf(sample(1)).dispatch);
    expect(story).toMatchObject([{ subject: 'a\uFFFDb', unreadable: true, problem: expect.stringContaining('subject') }]);
    expect(JSON.parse(story[0]!.value!.toString()).subject).toBe('a\0b');
    expect(await reads.dailyCounts()).toMatchObject([{ delivered: 1 }]);
    expect(await reads.findDeliveries({ subject: 'a\0b' })).toMatchObject({ deliveries: [{ state: 'delivered' }] });
  });

  it('keeps the bytes alone of the one row that PostgreSQL refuses, and all of the others', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    const batch = batchOf(environment, 'attempts', 0, [1, 2, 3, 4, 5, 6, 7].map((number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' })));
    // As if the columns had not been cleaned: these get to the server as they are.
    const spoil: Record<number, Partial<AuditRow['columns']>> = { 2: { detail: 'a\0b' }, 5: { httpStatus: 2 ** 40 } };
    const rows = batch.rows.map((row, index) => ({ ...row, columns: { ...row.columns, ...spoil[index] } }));
    expect(await store.append({ ...batch, rows })).toMatchObject({ kind: 'appended', rows: 7, unreadable: 2 });
    expect(await reads.totals()).toMatchObject({ records: 7, unreadable: 2, deliveries: { delivered: 5 } });
    expect(await claim(environment, 'attempts')).toBe(7);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('moves the offset over a stretch without records', async () => {
    const { environment } = freshEnvironment();
    await claim(environment, 'attempts');
    await store.append({ environment, topic: `${environment}.attempts`, partition: 0, expectedNext: 0, next: 12, rows: [] });
    expect(await claim(environment, 'attempts')).toBe(12);
  });

  it('begins a partition that was never projected where the log begins, and never moves one that was', async () => {
    const { environment } = freshEnvironment();
    const at = { topic: `${environment}.audit`, partition: 3 };
    expect(await store.claimOffsets(environment, [{ ...at, start: 40 }])).toEqual([{ ...at, next: 40 }]);
    expect(await store.claimOffsets(environment, [{ ...at, start: 90 }])).toEqual([{ ...at, next: 40 }]);
  });

  it('comes to the same tables in any interleaving of the two topics', async () => {
    const turns = fc.array(fc.record({ attempts: fc.boolean(), size: fc.integer({ min: 1, max: 4 }) }), { minLength: 4, maxLength: 20 });
    let expected: unknown;
    await fc.assert(
      fc.asyncProperty(turns, async (order) => {
        const { environment, reads, sample } = freshEnvironment();
        const logs: Record<'audit' | 'attempts', Records> = {
          // The third is published twice: another origin, the same dispatch.
          audit: [1, 2, 3, 4].map((number) => acceptedRecord(sample(number))).concat({ ...acceptedRecord(sample(3)), origin: `${environment}.events/0/99` } as never),
          attempts: [
            settledRecord(sample(1), { attempt: 1, next: 'retry' }),
            settledRecord(sample(1), { attempt: 1, next: 'delivered' }),
            settledRecord(sample(2), { attempt: 1, next: 'delivered' }),
            settledRecord(sample(1), { attempt: 2, next: 'delivered' }),
            settledRecord(sample(1), { attempt: 3, next: 'dead' }),
            settledRecord(sample(3), { attempt: 1, next: 'dead' }),
          ],
        };
        const next = { audit: await claim(environment, 'audit'), attempts: await claim(environment, 'attempts') };
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
        const tables = JSON.parse(JSON.stringify({ deliveries, counts, totals: await reads.totals() }).replaceAll(environment, 'env'), (key, value: unknown) =>
          // Ids hold a digest of the environment's name; the order of one moment follows them.
          key === 'dispatch' ? undefined : value,
        ) as { deliveries: { event: string }[] };
        tables.deliveries.sort((a, b) => (a.event < b.event ? -1 : 1));
        expected ??= tables;
        expect(tables).toEqual(expected);
        expect(await reads.recount()).toEqual(counts);
      }),
      { numRuns: 25 },
    );
  });
});

describe('day partitions', () => {
  const partitions = async (): Promise<string[]> => {
    const rows = await database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_record'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('are made for the day of the records and the day after, by two writers at once', async () => {
    const { environment, sample } = freshEnvironment();
    await claim(environment, 'audit');
    await claim(environment, 'attempts');
    const other = openDatabase({ url });
    try {
      const past = Date.UTC(2029, 10, 5, 23, 59, 59, 999);
      const results = await Promise.all([
        store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], past)),
        openAuditStore(other, { now: () => now }).append(batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'retry' })], past)),
      ]);
      expect(results).toMatchObject([{ kind: 'appended', defaulted: 0 }, { kind: 'appended', defaulted: 0 }]);
      expect(await partitions()).toEqual(expect.arrayContaining(['audit_record_20291105', 'audit_record_20291106']));
      const held = await database.query<{ n: number }>('SELECT count(*) AS n FROM audit_record_20291105');
      expect(held[0]!.n).toBe(2);
    } finally {
      await other.close();
    }
  });

  it('are not made for a time that cannot be: the record goes to DEFAULT, and so says the answer', async () => {
    const { environment, sample } = freshEnvironment();
    await claim(environment, 'audit');
    const before = await partitions();
    expect(await store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], -1))).toMatchObject({ defaulted: 1, unreadable: 1 });
    expect(await store.append(batchOf(environment, 'audit', 1, [acceptedRecord(sample(2))], now + 400 * dayMs))).toMatchObject({ defaulted: 1 });
    expect(await partitions()).toEqual(before);
  });

  it('are left alone where DEFAULT holds rows of the day: the projection goes on there', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'audit');
    const early = openAuditStore(database, { now: () => now - 100 * dayMs });
    const day = now - 50 * dayMs;
    expect(await early.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], day))).toMatchObject({ defaulted: 1 });
    expect(await store.append(batchOf(environment, 'audit', 1, [acceptedRecord(sample(2))], day))).toMatchObject({ kind: 'appended', defaulted: 1 });
    expect(await reads.totals()).toMatchObject({ records: 2 });
  });
});

/** A wire to the database that can lose the answer to a COMMIT: the commit stands, and its writer cannot know. */
async function forgetfulProxy(target: URL): Promise<{ url: string; forgetNextCommit(): void; close(): Promise<void> }> {
  let forget = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = createConnection(Number(target.port), target.hostname);
    let deaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      if (forget && chunk.includes('COMMIT')) {
        forget = false;
        deaf = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (deaf) client.destroy();
      else client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.toString(),
    forgetNextCommit: () => {
      forget = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a connection that breaks', () => {
  it('with the answer to a COMMIT leaves a doubt that the next try settles: fenced, and counted once', async () => {
    const { environment, reads, sample } = freshEnvironment();
    await claim(environment, 'attempts');
    const proxy = await forgetfulProxy(new URL(url));
    const through = openDatabase({ url: proxy.url });
    try {
      const wired = openAuditStore(through, { now: () => now });
      const batch = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]);
      // With the day's partitions made, the next COMMIT on the wire is that of the batch.
      await claim(environment, 'audit');
      await store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))]));
      proxy.forgetNextCommit();
      await expect(wired.append(batch)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
      expect(await wired.append(batch)).toEqual({ kind: 'fenced' });
      expect(await claim(environment, 'attempts', wired)).toBe(1);
      expect(await reads.totals()).toMatchObject({ records: 2, duplicates: 0, deliveries: { delivered: 1 } });
      expect(await reads.dailyCounts()).toMatchObject([{ success: 1, delivered: 1 }]);
    } finally {
      await through.close();
      await proxy.close();
    }
  });

  it('because the server ends it is an error to try again, and the next try has a new connection', async () => {
    const { environment, sample } = freshEnvironment();
    const mine = openDatabase({ url, connectionsMax: 1, applicationName: environment });
    try {
      const target = openAuditStore(mine, { now: () => now });
      await claim(environment, 'attempts', target);
      const ended = mine.transaction(async (session) => {
        await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, [environment]);
        await session.query('SELECT 1');
      });
      await expect(ended).rejects.toMatchObject({ code: 'unreachable' });
      expect(await target.append(batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'retry' })]))).toMatchObject({ kind: 'appended' });
    } finally {
      await mine.close();
    }
  });

  it('says of a database without tables that it is not migrated', async () => {
    const empty = openDatabase({ url: await createTestDatabase('auditempty') });
    try {
      await expect(claim('any', 'audit', openAuditStore(empty, { now: () => now }))).rejects.toMatchObject({ code: 'not-migrated' });
    } finally {
      await empty.close();
    }
  });
});

describe('the bytes alone', () => {
  it('stand for a record of which nothing else is known', async () => {
    const { environment, reads } = freshEnvironment();
    await claim(environment, 'audit');
    await store.append(batchOf(environment, 'audit', 0, [Buffer.from('no JSON')]));
    const rows = await database.query<{ type: string | null; value: Buffer }>('SELECT type, value FROM audit_record WHERE environment = $1', [environment]);
    expect(rows).toEqual([{ type: noColumns.type, value: Buffer.from('no JSON') }]);
    expect(await reads.totals()).toMatchObject({ records: 1, unreadable: 1 });
  });
});
