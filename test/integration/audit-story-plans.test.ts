// Which days the server looks at for a story that is asked on a new connection, which is how a command asks: it reads the catalog of
// each day that it plans for, and holds a lock on it until the end of the transaction, by which this is told.

import { migrate, openAuditReads, openDatabase, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateAudit, generated, type GeneratedAudit } from '../support/audit-generator.ts';
import { createTestDatabase } from '../support/stack.ts';

const dayMs = 24 * 60 * 60_000;
/** Its last day is yesterday: the age of a delivery is told by the server's clock. */
const audit: GeneratedAudit = {
  environment: 'live',
  rows: 3_000,
  days: 30,
  endMs: Math.floor(Date.now() / dayMs) * dayMs,
  projects: 2,
  endpoints: 5,
};

let url: string;
let database: Database;
let days: string[];
beforeAll(async () => {
  url = await createTestDatabase('auditstory');
  await migrate(url);
  database = openDatabase({ url });
  await generateAudit(database, audit);
  const rows = await database.query<{ day: string }>(
    `SELECT inhrelid::regclass::text AS day FROM pg_inherits WHERE inhparent = 'audit_record'::regclass`,
  );
  days = rows.map(({ day }) => day).sort();
});
afterAll(() => database.close());

/** Tables of days that were planned for, in each transaction on a connection of its own that nobody asked before. */
async function plannedDays(dispatches: readonly string[]): Promise<string[][]> {
  const asking = openDatabase({ url, connectionsMax: 1 });
  const planned: string[][] = [];
  const spied: Database = {
    ...asking,
    transaction: (work) =>
      asking.transaction(async (session) => {
        const result = await work(session);
        const locked = await session.query<{ day: string }>(
          `SELECT relation::regclass::text AS day FROM pg_locks JOIN pg_inherits ON inhrelid = relation
           WHERE pid = pg_backend_pid() AND inhparent = 'audit_record'::regclass`,
        );
        planned.push(locked.map(({ day }) => day).sort());
        return result;
      }),
  };
  try {
    const reads = openAuditReads(spied, audit.environment);
    for (const dispatch of dispatches) expect((await reads.deliveryStory(dispatch)).length).toBeGreaterThan(0);
    return planned;
  } finally {
    await asking.close();
  }
}

/** One delivery, first seen so many days before the last one, and the tables that may hold records of it. */
async function deliveryOf(daysAgo: number): Promise<{ dispatch: string; mayHold: string[] }> {
  const perDay = generated.events(audit) / audit.days;
  const id = generated.event((audit.days - 1 - daysAgo) * perDay);
  const { deliveries } = await openAuditReads(database, audit.environment).findDeliveries({ id });
  const { dispatch, firstSeen } = deliveries[0]!;
  // Two clocks may be a day apart.
  const first = new Date(firstSeen.getTime() - dayMs).toISOString().slice(0, 10).replaceAll('-', '');
  return { dispatch, mayHold: days.filter((day) => day >= `audit_record_${first}`) };
}

it('the story of a recent delivery is planned for the days that may hold it, and for no other', async () => {
  const { dispatch, mayHold } = await deliveryOf(0);
  expect(days.length).toBeGreaterThan(audit.days);
  expect(mayHold.length).toBeLessThan(6);
  expect(await plannedDays([dispatch, dispatch])).toEqual([mayHold, mayHold]);
});

it('the first story on a connection is planned without the days before it, however old it is, and the next one for all', async () => {
  const { dispatch, mayHold } = await deliveryOf(14);
  expect(mayHold.length).toBeGreaterThan(12);
  expect(mayHold.length).toBeLessThan(20);
  const recent = await deliveryOf(0);
  expect(await plannedDays([dispatch, dispatch, recent.dispatch])).toEqual([mayHold, days, recent.mayHold]);
});
