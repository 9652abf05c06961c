// The tables that the migrations make, as the committed page says them, on the embedded PostgreSQL and on the system's older one.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, type Stack } from '@postrider/dev-stack';
import {
  createDatabase,
  migrate,
  openAuditReads,
  openAuditStore,
  openClassRetention,
  openDatabase,
} from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { batchOf, claim, now } from '../support/audit-tables.ts';
import { schemaText } from '../support/schema-text.ts';
import { createTestDatabase } from '../support/stack.ts';
import { systemPostgres } from '../support/system-postgres.ts';

const page = new URL('../../packages/postgres/schema.txt', import.meta.url);

it('is what packages/postgres/schema.txt says (UPDATE_DOCS=1 writes it)', async () => {
  const url = await createTestDatabase('schema');
  await migrate(url);
  const database = openDatabase({ url });
  const text = await schemaText(database);
  await database.close();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, text);
  expect(readFileSync(page, 'utf8')).toBe(text);
});

const system = systemPostgres();
// Skipped where no package brought a server: `apt-get install postgresql-15` does (.ci/run).
describe.skipIf(system === undefined)(`on the system's PostgreSQL ${system?.version ?? '(none is installed)'}`, () => {
  let stack: Stack;
  const dataDir = mkdtempSync(join(tmpdir(), 'postrider-system-postgres-'));

  beforeAll(async () => {
    stack = await startStack({ dataDir, fresh: true, kafka: false, postgres: { fsync: false, binaries: system! } });
  }, 60_000);
  afterAll(async () => {
    await stack?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('the schema is the same, and the projection does the same', async () => {
    const url = await createDatabase(stack.postgres.url, 'system');
    await migrate(url);
    const database = openDatabase({ url });
    const projector = openDatabase({ url, role: 'postrider_projector' });
    const retainer = openDatabase({ url, role: 'postrider_retention' });
    try {
      expect(await schemaText(database)).toBe(readFileSync(page, 'utf8'));
      const store = openAuditStore(projector, { now: () => now });
      const sample: Sample = { environment: 'old', number: 1, endpoint: 'ep_1', atMs: now };
      await claim(store, 'old', 'audit');
      await claim(store, 'old', 'attempts');
      await store.appendTogether([
        batchOf('old', 'audit', 0, [acceptedRecord(sample), acceptedRecord(sample)]),
        batchOf('old', 'attempts', 0, [
          settledRecord(sample, { attempt: 1, next: 'retry' }),
          settledRecord(sample, { attempt: 2, next: 'delivered' }),
        ]),
      ]);
      const reads = openAuditReads(database, 'old');
      expect(await reads.totals()).toMatchObject({
        records: 4,
        duplicates: 1,
        retried: 1,
        deliveries: { delivered: 1 },
      });
      expect(await reads.recount()).toEqual(await reads.dailyCounts());
      // A day that is long over loses a class.
      const past = Date.UTC(2020, 4, 2, 12);
      const of = { environment: 'old', name: 'trial', projects: ['prj_1'], others: false };
      const late = openAuditStore(projector, { now: () => past });
      await late.append(batchOf('old', 'audit', 2, [acceptedRecord({ ...sample, number: 2 })], past));
      const classes = openClassRetention(retainer);
      const [chain] = await classes.chainsOf(of, '2020-05-02');
      const { topic, partition, first: from, next, rows, digest } = chain!;
      const closing = { day: '2020-05-02', class: of.name, topic, partition, from, next, rows, digest } as const;
      const at = new Date(now).toISOString();
      await store.append(
        batchOf('old', 'audit', 3, [{ type: 'ClassClosed', at, actor: 'ann', reason: 'old', ...closing }]),
      );
      expect(await classes.dropClass(of, '2020-05-02')).toBe(1);
      expect(await verifyAudit({ database, environment: 'old', checkpoints: undefined })).toMatchObject({
        problems: [],
        stubs: 1,
      });
      const refused = [
        ...['audit_record', 'audit_record_20300502'].flatMap((table) => [
          `UPDATE ${table} SET value = 'x'`,
          `DELETE FROM ${table}`,
        ]),
        ...['audit_record', 'audit_record_20300502', 'audit_record_20300503', 'audit_record_default'].map(
          (table) => `TRUNCATE ${table}`,
        ),
      ];
      for (const sql of refused) await expect(database.query(sql)).rejects.toThrow(/the audit is only added to/);
    } finally {
      await retainer.close();
      await projector.close();
      await database.close();
    }
  });
});
