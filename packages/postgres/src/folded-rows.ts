// The folded tables row by row, each in the order of its key: for whoever holds them against the records himself.

import type { BinaryRows } from './binary-rows.ts';
import type { Snapshot } from './database.ts';
import { literal } from './sql-text.ts';

const tables = {
  /** (dispatch, round) in order. */
  delivery: {
    fields: 'dispatch, round, state, reason, attempts, settled_at, settled_attempts, first_seen',
    order: 'environment, dispatch, round',
  },
  /** (dispatch, round) in order. */
  delivery_open: { fields: 'dispatch, round, state, first_seen', order: 'environment, dispatch, round' },
  /** (project, endpoint, day) in order. */
  daily_count: {
    fields: 'project, endpoint, day, success, fail, error, delivered, dead',
    order: 'environment, project, endpoint, day',
  },
} as const;

/** Each turn gives the cursor with more rows in it. @throws PostgresError */
export function streamFolded(
  snapshot: Snapshot,
  environment: string,
  table: keyof typeof tables,
): AsyncIterable<BinaryRows> {
  const { fields, order } = tables[table];
  return snapshot.copyOut(
    `SELECT ${fields} FROM ${table} WHERE environment = ${literal(environment)} ORDER BY ${order}`,
  );
}
