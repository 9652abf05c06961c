// Large reads on a real server: one moment for all connections that share it, and an end when the server goes away.

import { migrate, openDatabase, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../support/stack.ts';

let database: Database;
beforeAll(async () => {
  const url = await createTestDatabase('snapshot');
  await migrate(url);
  database = openDatabase({ url });
  await database.query('CREATE TABLE thing (number int)');
  await database.query('INSERT INTO thing SELECT generate_series(1, 1000)');
});
afterAll(() => database.close());

const rowsOf = async (sql: string, join?: string): Promise<number> =>
  database.snapshot(async (snapshot) => {
    let rows = 0;
    for await (const cursor of snapshot.copyOut(sql)) while (cursor.next()) rows += 1;
    return rows;
  }, join);

describe('a snapshot', () => {
  it('shows others that join it the same moment, whatever is written meanwhile', async () => {
    await database.snapshot(async (snapshot) => {
      await database.query('INSERT INTO thing VALUES (0)');
      expect(await rowsOf('SELECT * FROM thing', snapshot.id)).toBe(1_000);
      expect(await rowsOf('SELECT * FROM thing')).toBe(1_001);
    });
  });

  it('takes no writes', async () => {
    const written = database.snapshot((snapshot) => snapshot.query('INSERT INTO thing VALUES (0)'));
    await expect(written).rejects.toMatchObject({ name: 'PostgresError', sqlState: '25006' });
  });

  it('ends with an error when the server ends the session in the middle of the rows', async () => {
    const read = database.snapshot(async (snapshot) => {
      const [{ pid }] = (await snapshot.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
      let killed = false;
      for await (const cursor of snapshot.copyOut('SELECT generate_series(1, 20000000)')) {
        while (cursor.next());
        if (!killed) await database.query('SELECT pg_terminate_backend($1)', [pid]);
        killed = true;
      }
    });
    await expect(read).rejects.toMatchObject({ name: 'PostgresError', code: 'unreachable' });
    expect(await rowsOf('SELECT 1')).toBe(1);
  });

  it('tells what the server has against a question, before its rows and among them', async () => {
    for (const sql of ['SELECT * FROM nothing', 'SELECT 1 / (5000 - n) FROM generate_series(1, 9000) AS n']) {
      const read = rowsOf(sql);
      await expect(read).rejects.toMatchObject({ name: 'PostgresError' });
      expect(await rowsOf('SELECT 1')).toBe(1);
    }
  });

  it('passes over the rows that its reader does not look at', async () => {
    const [first, second] = await database.snapshot(async (snapshot) => {
      let turns = 0;
      for await (const cursor of snapshot.copyOut('SELECT generate_series(1, 300000)')) turns += Number(cursor.next());
      return [turns, await snapshot.query<{ one: number }>('SELECT 1 AS one')];
    });
    expect(first).toBeGreaterThan(0);
    expect(second).toEqual([{ one: 1 }]);
  });

  it('gives the connection back when its reader stops early', async () => {
    for (let time = 0; time < 6; time += 1) {
      const stopped = database.snapshot(async (snapshot) => {
        for await (const cursor of snapshot.copyOut('SELECT generate_series(1, 300000)')) {
          cursor.next();
          throw new RangeError('enough');
        }
      });
      await expect(stopped).rejects.toThrow('enough');
    }
    expect(await rowsOf('SELECT 1')).toBe(1);
  });
});
