import { expect, test } from 'vitest';
import { rowsAtOnce } from './limits.ts';
import { auditRowOf } from './project.ts';
import { RowsAhead } from './rows-ahead.ts';

const records = Array.from({ length: 3 * rowsAtOnce }, (_, offset) => ({
  offset,
  timestamp: 1_000,
  key: null,
  value: Buffer.from(`{"v":1,"type":"PartitionReleased","partition":${offset},"at":"2030-05-02T12:00:00.000Z"}`),
  headers: new Map(),
}));

test('rows that were made ahead are those that are made when they are needed, and are not made twice', async () => {
  const ahead = new RowsAhead<(typeof records)[number]>();
  await ahead.make(records, () => false);
  const first = ahead.rowOf(records[0]!);
  expect(ahead.rowOf(records[0]!)).toBe(first);
  expect(records.map((record) => ahead.rowOf(record))).toEqual(records.map(auditRowOf));
});

test('no more are made once the ones before them are written', async () => {
  let made = 0;
  const counted = records.map((record) => ({
    ...record,
    get value() {
      made += 1;
      return record.value;
    },
  }));
  const ahead = new RowsAhead<(typeof records)[number]>();
  let turns = 0;
  await ahead.make(counted, () => (turns += 1) > 1);
  const readOnce = made / rowsAtOnce;
  for (const record of counted) ahead.rowOf(record);
  expect(made).toBe(3 * rowsAtOnce * readOnce);
  expect(readOnce).toBeGreaterThanOrEqual(1);
});
