// A day that is dropped while the audit is written and read: nothing that comes to it at the last moment goes with it, and nobody waits
// while what hangs on it is cleared away.

import { openAuditStore, type Database, type PostgresError } from '@postrider/postgres';
import { dropDay, planDays } from '@postrider/postrider';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { batchOf } from '../support/audit-tables.ts';
import {
  accepted,
  before,
  classDatabases,
  clock,
  dayOf,
  environment,
  noon,
  sampleOf,
  topics,
  verified,
  why,
  type ClassDatabases,
  type ClassTables,
} from '../support/class-tables.ts';
import { eventually } from '../support/eventually.ts';

let databases: ClassDatabases;
beforeAll(async () => {
  databases = await classDatabases('busydays');
});
afterEach(() => databases.close());

type Dropped = { readonly rows: number } | PostgresError;

/** Drops the oldest day, and does something else once its closing records stand. */
async function dropOldest(
  tables: ClassTables,
  meanwhile: (drop: () => Promise<Dropped>) => Promise<Dropped>,
): Promise<Dropped> {
  const { retention } = tables.ports;
  const [oldest] = await planDays(tables.ports, before);
  let dropped: Dropped | undefined;
  const watched = {
    ...retention,
    dropDay: async (day: string, since?: string) => {
      dropped = await meanwhile(() =>
        retention.dropDay(day, since).then(
          (rows) => ({ rows }),
          (error: unknown) => error as PostgresError,
        ),
      );
      return 0;
    },
  };
  await dropDay({ ...tables.ports, retention: watched }, oldest!, why);
  return dropped!;
}

const waiters = (database: Database, kind: string): Promise<object[]> =>
  database.query(
    `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND locktype = $1 AND datname = current_database()`,
    [kind],
  );

describe('a day that is dropped', () => {
  it('stays when a record of it comes at the last moment', async () => {
    const tables = await databases.copyOf(databases.original);
    let query: Database['query'] = tables.writer.query;
    const shifting: Database['query'] = (sql, values, kept) => query(sql, values, kept);
    const store = openAuditStore({ ...tables.writer, query: shifting }, clock);
    const late = (offset: number) => ({
      ...batchOf(environment, 'audit', offset, [accepted(sampleOf(61, 40 + offset))], noon(61)),
      partition: 1,
    });
    await store.claimOffsets(environment, [{ topic: topics.audit, partition: 1, start: 0 }]);
    await store.append(late(0));
    const dropped = await dropOldest(tables, async (drop) => {
      let dropping: Promise<Dropped> | undefined;
      await tables.writer.transaction(async (session) => {
        query = session.query;
        expect(await store.append(late(1))).toMatchObject({ kind: 'appended' });
        dropping = drop();
        await eventually(
          () => waiters(tables.database, 'relation'),
          (waiting) => waiting.length > 0,
          5_000,
        );
      });
      return dropping!;
    });
    expect(dropped).toMatchObject({ code: 'refused', message: expect.stringContaining('came meanwhile') as string });
    expect((await verified(tables)).problems).toEqual([]);
    // Closed as it stands now it goes, with that record.
    expect(await dropOldest(tables, (drop) => drop())).toEqual({ rows: 20 });
    expect((await verified(tables)).problems).toEqual([]);
    expect((await planDays(tables.ports, before)).map(({ day }) => day)[0]).toBe(dayOf(60));
  });

  it('keeps nobody waiting while the deliveries of it are cleared away', async () => {
    const tables = await databases.copyOf(databases.original);
    const dropped = await dropOldest(tables, async (drop) => {
      let dropping: Promise<Dropped> | undefined;
      await tables.database.transaction(async (held) => {
        await held.query('SELECT FROM delivery WHERE settled_at < $1 FOR UPDATE', [new Date(noon(60)).toISOString()]);
        dropping = drop();
        await eventually(
          () => waiters(tables.database, 'transactionid'),
          (waiting) => waiting.length > 0,
          5_000,
        );
        await tables.writer.transaction(async (reader) => {
          await reader.query(`SET LOCAL lock_timeout = '300ms'`);
          await reader.query('SELECT count(*) FROM audit_record');
        });
      });
      return dropping!;
    });
    expect(dropped).toMatchObject({ rows: expect.any(Number) as number });
    expect((await verified(tables)).problems).toEqual([]);
  });
});
