// What goes wrong around the tables, on a real server: two writers make one day's partition, a day has none, and the
// connection breaks at the worst moment.

import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { sha256Hex } from '@postrider/core/contracts';
import { openAuditStore, openDatabase, PostgresError, type AuditStore, type Database } from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { batchOf, claim, dayMs, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';
import { createTestDatabase } from '../support/stack.ts';

let tables: AuditTables;
let url: string;
let database: Database;
let store: AuditStore;

beforeAll(async () => {
  tables = await openAuditTables('auditfaults');
  ({ url, database, store } = tables);
});
afterAll(() => database.close());

describe('day partitions', () => {
  const partitions = async (): Promise<string[]> => {
    const rows = await database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_record'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('are made for the day of the records and the day after, by two writers at once', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    const other = openDatabase({ url });
    try {
      const past = Date.UTC(2029, 10, 5, 23, 59, 59, 999);
      const results = await Promise.all([
        store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], past)),
        openAuditStore(other, { now: () => now }).append(
          batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'retry' })], past),
        ),
      ]);
      expect(results).toMatchObject([
        { kind: 'appended', defaulted: 0 },
        { kind: 'appended', defaulted: 0 },
      ]);
      expect(await partitions()).toEqual(expect.arrayContaining(['audit_record_20291105', 'audit_record_20291106']));
      const held = await database.query<{ n: number }>('SELECT count(*) AS n FROM audit_record_20291105');
      expect(held[0]!.n).toBe(2);
    } finally {
      await other.close();
    }
  });

  it('are not made for a time that cannot be: the record goes to DEFAULT, and so says the answer', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    const before = await partitions();
    expect(await store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], -1))).toMatchObject({
      defaulted: 1,
      unreadable: 1,
    });
    expect(
      await store.append(batchOf(environment, 'audit', 1, [acceptedRecord(sample(2))], now + 400 * dayMs)),
    ).toMatchObject({ defaulted: 1 });
    expect(await partitions()).toEqual(before);
  });

  it('are made where DEFAULT holds rows of the day, and take them out of it', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    const early = openAuditStore(database, { now: () => now - 100 * dayMs });
    const day = now - 50 * dayMs;
    expect(await early.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))], day))).toMatchObject({
      defaulted: 1,
    });
    expect(await store.append(batchOf(environment, 'audit', 1, [acceptedRecord(sample(2))], day))).toMatchObject({
      kind: 'appended',
      defaulted: 0,
    });
    expect(await reads.totals()).toMatchObject({ records: 2 });
    const held = await database.query<{ place: string; offset: number }>(
      `SELECT tableoid::regclass::text AS place, record_offset AS "offset" FROM audit_record WHERE environment = $1 ORDER BY 2`,
      [environment],
    );
    expect(held.map(({ place }) => place)).toEqual(['audit_record_20300313', 'audit_record_20300313']);
    // What has no day stays where it was, as well kept as before.
    expect((await database.query('SELECT FROM audit_record_default')).length).toBeGreaterThan(0);
    for (const sql of ['DELETE FROM audit_record_default', 'TRUNCATE audit_record_default'])
      await expect(database.query(sql)).rejects.toThrow(/the audit is only added to/);
  });
});

describe('the day after', () => {
  it('is asked for once in a while where somebody reads on and on, and holds no append up again', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    const asked: unknown[] = [];
    const watched: Database = {
      ...database,
      query: async <R extends object>(sql: string, values: readonly unknown[] = [], kept?: string) => {
        if (sql.includes('audit_make_day')) asked.push(values[0]);
        return database.query<R>(sql, values, kept);
      },
    };
    const mine = openAuditStore(watched, { now: () => now });
    const day = now - 150 * dayMs;
    await database.query('SELECT audit_make_day($1)', ['2029-12-03']);
    await database.transaction(async (reader) => {
      await reader.query('SELECT count(*) FROM audit_record');
      for (const offset of [0, 1, 2]) {
        const batch = batchOf(environment, 'audit', offset, [acceptedRecord(sample(offset))], day);
        expect(await mine.append(batch)).toMatchObject({ kind: 'appended', defaulted: 0 });
      }
    });
    expect(asked).toEqual(['2029-12-03', '2029-12-04']);
  });
});

describe('a server that lost what it said last, at a fail-over', () => {
  const day = now - 70 * dayMs;
  const name = `audit_record_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`;
  const settled = (sample: Sample) => settledRecord(sample, { attempt: 1, next: 'delivered' });

  /** The tables as they were before the environment wrote anything. */
  const goBack = async (environment: string): Promise<void> => {
    await database.query(`DROP TABLE IF EXISTS ${name}`);
    for (const table of ['endpoint_url', 'delivery', 'delivery_open', 'daily_count', 'projection_offset'])
      await database.query(`DELETE FROM ${table} WHERE environment = $1`, [environment]);
    await database.query('TRUNCATE audit_identity');
  };

  it('gets the day and the URLs again with the records', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    await store.append(batchOf(environment, 'attempts', 0, [settled(sample(1))], day));
    await goBack(environment);
    expect(await store.append(batchOf(environment, 'attempts', 1, [settled(sample(2))], day))).toEqual({
      kind: 'fenced',
    });
    expect(await claim(store, environment, 'attempts')).toBe(0);
    expect(await store.append(batchOf(environment, 'attempts', 0, [settled(sample(1))], day))).toMatchObject({
      kind: 'appended',
    });
    expect(await database.query(`SELECT FROM ${name}`)).toHaveLength(1);
    expect((await reads.findDeliveries({ urlPart: 'hooks' })).deliveries).toHaveLength(1);
  });

  it('gets them where the append itself was never there', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    let lost = false;
    const failing: Database = {
      ...database,
      query: async <R extends object>(sql: string, values?: readonly unknown[], kept?: string) => {
        if (!sql.includes('audit_append(') || lost) return database.query<R>(sql, values, kept);
        lost = true;
        throw new PostgresError('unreachable', 'the server is gone');
      },
    };
    const mine = openAuditStore(failing, { now: () => now });
    const batch = batchOf(environment, 'attempts', 0, [settled(sample(1))], day);
    await expect(mine.append(batch)).rejects.toMatchObject({ code: 'unreachable' });
    await database.query(`DROP TABLE IF EXISTS ${name}`);
    await database.query('DELETE FROM endpoint_url WHERE environment = $1', [environment]);
    expect(await mine.append(batch)).toMatchObject({ kind: 'appended' });
    expect(await database.query(`SELECT FROM ${name}`)).toHaveLength(1);
    expect((await reads.findDeliveries({ urlPart: 'hooks' })).deliveries).toHaveLength(1);
  });
});

describe('a URL longer than an index takes', () => {
  it('is noted like any other, and its attempts count', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    // Nothing that the index could make short.
    const path = Array.from({ length: 90 }, (_, n) => sha256Hex(Buffer.from(`${n}`)).slice(0, 43)).join('');
    const long = (end: string) => ({
      ...settledRecord(sample(1), { attempt: 1, next: 'delivered' }),
      url: `https://hooks.example.com/${path}/${end}`,
    });
    const batch = batchOf(environment, 'attempts', 0, [long('one'), long('two'), long('one')]);
    expect(await store.append(batch)).toMatchObject({ kind: 'appended', unreadable: 0, duplicates: 2 });
    expect(await reads.totals()).toMatchObject({ deliveries: { delivered: 1 } });
    expect((await reads.findDeliveries({ urlPart: '/one' })).deliveries).toHaveLength(1);
    expect(await database.query('SELECT FROM endpoint_url WHERE environment = $1', [environment])).toHaveLength(2);
  });
});

describe('a record that is told from others by no text', () => {
  it('is kept, and verifies', async () => {
    const { environment, reads } = tables.fresh();
    await claim(store, environment, 'audit');
    const poison = Buffer.from('{"type":"EventAccepted","origin":{"toString":1,"valueOf":1},"dispatches":[]}');
    expect(await store.append(batchOf(environment, 'audit', 0, [poison]))).toMatchObject({ unreadable: 1 });
    expect(await reads.totals()).toMatchObject({ records: 1, unreadable: 1 });
    expect((await verifyAudit({ database, environment, checkpoints: undefined })).problems).toEqual([]);
  });
});

/** A wire to the database that can lose the answer to an append: it stands, and its writer cannot know. */
async function forgetfulProxy(target: URL): Promise<{ url: string; forgetNextAppend(): void; close(): Promise<void> }> {
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
      if (forget && chunk.includes('audit_append')) {
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
    forgetNextAppend: () => {
      forget = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a connection that breaks', () => {
  it('with the answer to an append leaves a doubt that the next try settles: fenced, and counted once', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const proxy = await forgetfulProxy(new URL(url));
    const through = openDatabase({ url: proxy.url });
    try {
      const wired = openAuditStore(through, { now: () => now });
      const batch = batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'delivered' })]);
      await claim(store, environment, 'audit');
      await store.append(batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))]));
      proxy.forgetNextAppend();
      await expect(wired.append(batch)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
      expect(await wired.append(batch)).toEqual({ kind: 'fenced' });
      expect(await claim(wired, environment, 'attempts')).toBe(1);
      expect(await reads.totals()).toMatchObject({ records: 2, duplicates: 0, deliveries: { delivered: 1 } });
      expect(await reads.dailyCounts()).toMatchObject([{ success: 1, delivered: 1 }]);
    } finally {
      await through.close();
      await proxy.close();
    }
  });

  it('because the server ends it is an error to try again, and the next try has a new connection', async () => {
    const { environment, sample } = tables.fresh();
    const mine = openDatabase({ url, connectionsMax: 1, applicationName: environment });
    try {
      const target = openAuditStore(mine, { now: () => now });
      await claim(target, environment, 'attempts');
      const ended = mine.transaction(async (session) => {
        await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, [
          environment,
        ]);
        await session.query('SELECT 1');
      });
      await expect(ended).rejects.toMatchObject({ code: 'unreachable' });
      expect(
        await target.append(
          batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'retry' })]),
        ),
      ).toMatchObject({ kind: 'appended' });
    } finally {
      await mine.close();
    }
  });

  it('says of a database without tables that it is not migrated', async () => {
    const empty = openDatabase({ url: await createTestDatabase('auditempty') });
    try {
      await expect(claim(openAuditStore(empty, { now: () => now }), 'any', 'audit')).rejects.toMatchObject({
        code: 'not-migrated',
      });
    } finally {
      await empty.close();
    }
  });
});
