// What this machine and this server can do with rows that are nothing but rows: 300 bytes each, hashed one upon the other, in
// appends of a thousand with the offset behind them, one transaction each. Beside it stands what the projection writes, whose rows
// are three times as long, with forty columns, and have deliveries, identities and counts behind them.

import { createHash } from 'node:crypto';
import { createDatabase, openDatabase } from '@postrider/postgres';

const appendRows = 1_000;
const valueBytes = 300;

const tables = `
  CREATE TABLE yardstick (
    partition integer, record_offset bigint, recorded_at timestamptz, value bytea, hash bytea,
    PRIMARY KEY (partition, record_offset, recorded_at)
  );
  CREATE INDEX ON yardstick USING brin (recorded_at);
  CREATE TABLE yardstick_offset (partition integer PRIMARY KEY, next bigint);
  INSERT INTO yardstick_offset VALUES (0, 0)`;

/** Rows a second over so many rows; a tenth more before is not measured. */
export async function appendsYardstick(server: string, rows: number): Promise<number> {
  const database = openDatabase({ url: await createDatabase(server, 'yardstick'), connectionsMax: 1 });
  try {
    for (const statement of tables.split(';')) await database.query(statement);
    let head = Buffer.alloc(32);
    const append = async (from: number): Promise<void> => {
      const offsets: number[] = [];
      const values: Buffer[] = [];
      const hashes: Buffer[] = [];
      for (let offset = from; offset < from + appendRows; offset += 1) {
        const value = Buffer.alloc(valueBytes, `${offset} `);
        head = createHash('sha256').update(head).update(value).digest();
        offsets.push(offset);
        values.push(value);
        hashes.push(head);
      }
      await database.transaction(async (session) => {
        await session.query('UPDATE yardstick_offset SET next = $1 WHERE partition = 0 AND next = $2', [
          from + appendRows,
          from,
        ]);
        await session.query(
          `INSERT INTO yardstick SELECT 0, o, timestamptz '2030-05-02' + o * interval '1 ms', v, h
           FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS t (o, v, h)`,
          [offsets, values, hashes],
        );
      });
    };
    const unmeasured = Math.ceil(rows / 10 / appendRows) * appendRows;
    const last = unmeasured + Math.ceil(rows / appendRows) * appendRows;
    let beganMs = performance.now();
    for (let from = 0; from < last; from += appendRows) {
      if (from === unmeasured) beganMs = performance.now();
      await append(from);
    }
    return Math.round(((last - unmeasured) * 1_000) / (performance.now() - beganMs));
  } finally {
    await database.close();
  }
}
