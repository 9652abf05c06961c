// Rows of the records that are written next, made while the server writes the ones before them: both work at once, where each
// waited for the other. A few at a time, so that neither an answer nor a heartbeat waits for a whole transaction's.

import type { AuditRow } from '@postrider/postgres';
import { rowsAtOnce } from './limits.ts';
import { auditRowOf, type LogRecord } from './project.ts';

export class RowsAhead<R extends LogRecord> {
  readonly #made = new WeakMap<R, AuditRow>();

  /** The row of a record, always the same, made now if it was not before. */
  rowOf(record: R): AuditRow {
    let row = this.#made.get(record);
    if (row === undefined) this.#made.set(record, (row = auditRowOf(record)));
    return row;
  }

  /** Makes rows until all are made, or `enough` says so. */
  async make(records: readonly R[], enough: () => boolean): Promise<void> {
    for (let from = 0; from < records.length && !enough(); from += rowsAtOnce) {
      for (const record of records.slice(from, from + rowsAtOnce)) this.rowOf(record);
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
}
