// PostgreSQL, or what writes to it, goes away under load. Deliveries must not notice; the tables follow when it is back, with
// nothing missing and nothing twice.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { brokenLinks } from '../support/chain-links.ts';
import { eventually } from '../support/eventually.ts';
import { fillDisk, freeDisk } from '../support/sql-faults.ts';
import { expectNobodyRestarted, startOutageRig, type OutageRig } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;
const others = ['retry-scheduler', 'dispatch', 'convergence'] as const;
let rig: OutageRig;

beforeAll(async () => {
  rig = await startOutageRig({ name: 'postgres' });
});
afterAll(() => rig?.close());

/** The tables hold as many rows as the log has records. */
async function expectComplete(): Promise<void> {
  const admin = rig.postrider.cluster.admin();
  const { attempts, audit } = rig.postrider.topics;
  const ends = await Promise.all([attempts, audit].map((topic) => admin.endOffsets(topic)));
  await admin.close();
  const logged = ends.flatMap((end) => [...end.values()]).reduce((sum, end) => sum + end, 0);
  const count = `SELECT count(*) AS rows FROM audit_record WHERE environment = $1`;
  const stored = await eventually(
    async () => (await rig.database.query<{ rows: number }>(count, [rig.environment]))[0]!.rows,
    (rows) => rows >= logged,
    60 * SECOND_MS,
  );
  expect(stored).toBe(logged);
  expect(await brokenLinks(rig.database, rig.environment)).toEqual([]);
}

test('PostgreSQL away for 60 s, the projector killed, the disk full: deliveries go on, and the tables lose nothing', async () => {
  const load = rig.load(100);
  await rig.receiver.waitFor(200, 60 * SECOND_MS);

  await rig.stack.stopPostgres();
  const stoppedAt = performance.now();
  await rig.notReady('audit-projector', /PostgreSQL/, 15 * SECOND_MS);
  while (performance.now() - stoppedAt < 60 * SECOND_MS) {
    // A promise of the design: no delivery waits for PostgreSQL.
    await rig.receiver.waitFor(rig.receiver.count + 500, 60 * SECOND_MS);
    for (const name of others) expect(rig.watch().now(name)).toMatchObject({ ready: true });
  }
  await rig.notReady('audit-projector', /PostgreSQL/, SECOND_MS);
  await rig.stack.startPostgres();
  await rig.allReady(60 * SECOND_MS);

  await rig.killService('audit-projector');
  await rig.receiver.waitFor(rig.receiver.count + 500, 60 * SECOND_MS);
  await rig.startServices(['audit-projector']);
  await rig.allReady(60 * SECOND_MS);

  await fillDisk(rig.database);
  await rig.notReady('audit-projector', /PostgreSQL.*No space left on device/, 30 * SECOND_MS);
  await rig.receiver.waitFor(rig.receiver.count + 1_000, 60 * SECOND_MS);
  await rig.notReady('audit-projector', /PostgreSQL.*No space left on device/, SECOND_MS);
  await freeDisk(rig.database);
  await rig.allReady(60 * SECOND_MS);

  const published = await load.stop();
  const totals = await rig.expectNothingLost(published, 120 * SECOND_MS);
  await expectComplete();
  expectNobodyRestarted(rig);
  for (const name of others) {
    const seen = rig.watch().seen(name);
    const started = seen.findIndex(({ ready }) => ready);
    expect(seen.slice(started).filter(({ ready }) => !ready)).toEqual([]);
  }
  // Nobody who writes to the log was hurt, so nothing in it may stand twice.
  expect(totals).toMatchObject({ duplicates: 0, late: 0, unreadable: 0 });
  expect(rig.receiver.count).toBe(totals.deliveries.delivered + totals.retried + totals.deliveries.dead);
});
