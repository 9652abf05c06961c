// The audit tables in a database of their own, for tests of the store: a clock that stands still, and an environment for
// each test, since the tables are shared as in life.

import { auditRowOf } from '@postrider/audit-projector';
import {
  migrate,
  openAuditReads,
  openAuditStore,
  openDatabase,
  type AppendBatch,
  type AuditReads,
  type AuditStore,
  type Database,
} from '@postrider/postgres';
import { logRecord, type Sample } from './audit-log.ts';
import { createTestDatabase } from './stack.ts';

/** What the store takes for now: 2030-05-02, noon. */
export const now = Date.UTC(2030, 4, 2, 12);
export const dayMs = 24 * 60 * 60_000;

export interface FreshEnvironment {
  readonly environment: string;
  readonly reads: AuditReads;
  readonly sample: (number: number) => Sample;
}

export interface AuditTables {
  readonly url: string;
  readonly database: Database;
  readonly store: AuditStore;
  fresh(): FreshEnvironment;
}

/** @param file different for each test file */
export async function openAuditTables(file: string): Promise<AuditTables> {
  const url = await createTestDatabase(file);
  await migrate(url);
  const database = openDatabase({ url });
  // The store has the projector's rights and no more; tests look as somebody who may do everything.
  const restricted = openDatabase({ url, role: 'postrider_projector' });
  let environments = 0;
  return {
    url,
    database: {
      ...database,
      close: async () => {
        await restricted.close();
        await database.close();
      },
    },
    store: openAuditStore(restricted, { now: () => now }),
    fresh() {
      environments += 1;
      const environment = `env${environments}`;
      const sample = (number: number): Sample => ({
        environment,
        number,
        endpoint: `ep_${number % 3}`,
        atMs: now - 10_000,
      });
      return { environment, reads: openAuditReads(database, environment), sample };
    },
  };
}

export type Records = readonly Parameters<typeof logRecord>[0][];

/** The records as a batch of partition 0 of `<environment>.<topic>`, beginning at offset `from`. */
export function batchOf(
  environment: string,
  topic: string,
  from: number,
  records: Records,
  timestamp = now,
): AppendBatch {
  const rows = records.map((record, index) => auditRowOf(logRecord(record, { offset: from + index, timestamp })));
  return {
    environment,
    topic: `${environment}.${topic}`,
    partition: 0,
    expectedNext: from,
    next: from + rows.length,
    rows,
  };
}

/** Where partition 0 of `<environment>.<topic>` stands; 0 when it was never projected. */
export async function claim(store: AuditStore, environment: string, topic: string): Promise<number> {
  const claims = await store.claimOffsets(environment, [{ topic: `${environment}.${topic}`, partition: 0, start: 0 }]);
  return claims[0]!.next;
}
