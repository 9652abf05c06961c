// Letting go of old days: only behind a closing record in the chain, oldest first, and what is left still verifies.

import { auditRowOf } from '@postrider/audit-projector';
import { responseHeader, sha256Hex, type AuditRecord } from '@postrider/core/contracts';
import {
  migrate,
  openAuditReads,
  openAuditStore,
  openDatabase,
  openRetention,
  type Database,
} from '@postrider/postgres';
import { dropDay, planDays, verifyAudit, type RetentionPorts } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, idsOf, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { closingPorts } from '../support/closing-ports.ts';
import { createTestDatabase } from '../support/stack.ts';

const environment = 'retained';
const dayMs = 24 * 60 * 60_000;
const clock = { now: () => Date.now() };
const today = Math.floor(clock.now() / dayMs) * dayMs;
const noon = (daysAgo: number): number => today - daysAgo * dayMs + dayMs / 2;
const dayOf = (daysAgo: number): string => new Date(noon(daysAgo)).toISOString().slice(0, 10);

const sampleOf = (daysAgo: number, number: number): Sample => ({
  environment,
  number: daysAgo * 10 + number,
  endpoint: 'ep_1',
  atMs: noon(daysAgo),
});

const answered = (sample: Sample, next: 'delivered' | 'dead'): AuditRecord => ({
  ...settledRecord(sample, { attempt: 1, next }),
  response: { digest: sha256Hex(Buffer.from('ok')), bytes: 2, truncated: false },
});

let database: Database;
let writer: Database;
let retainer: Database;
let ports: RetentionPorts;
const ends = { audit: 0, attempts: 0 };

beforeAll(async () => {
  const url = await createTestDatabase('auditretain');
  await migrate(url);
  database = openDatabase({ url });
  writer = openDatabase({ url, role: 'postrider_projector' });
  retainer = openDatabase({ url, role: 'postrider_retention' });
  const store = openAuditStore(writer, clock);
  const places = (['audit', 'attempts'] as const).map((topic) => ({
    topic: `${environment}.${topic}`,
    partition: 0,
    start: 0,
  }));
  await store.claimOffsets(environment, places);
  const append = async (
    topic: 'audit' | 'attempts',
    records: readonly Parameters<typeof logRecord>[0][],
    timestamp: number,
  ) => {
    const from = ends[topic];
    ends[topic] += records.length;
    const headers = new Map(topic === 'attempts' ? [[responseHeader, [Buffer.from('ok')]]] : []);
    const rows = records.map((record, index) =>
      auditRowOf({ ...logRecord(record, { offset: from + index, timestamp }), headers }),
    );
    await store.append({
      environment,
      topic: `${environment}.${topic}`,
      partition: 0,
      expectedNext: from,
      next: ends[topic],
      rows,
    });
  };
  for (const daysAgo of [100, 99, 98]) {
    const [one, two] = [sampleOf(daysAgo, 1), sampleOf(daysAgo, 2)];
    await append('audit', [acceptedRecord(one), acceptedRecord(two)], noon(daysAgo));
    const settled = [answered(one, 'delivered'), answered(two, 'dead')];
    await append('attempts', settled, noon(daysAgo));
  }
  ports = { ...closingPorts(environment, append, clock.now), retention: openRetention(retainer) };
});
afterAll(async () => {
  for (const each of [database, writer, retainer]) await each.close();
});

const before = new Date(noon(90));
const verified = () => verifyAudit({ database, environment, checkpoints: undefined });

describe('a day', () => {
  it('is not dropped without its closing record, nor before an older one, nor while it lasts', async () => {
    const { retention } = ports;
    await expect(retention.dropDay(dayOf(100))).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('no closing record') as string,
    });
    await expect(retention.dropDay(dayOf(99))).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('are dropped first') as string,
    });
    await expect(retention.dropDay(dayOf(0))).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('not over') as string,
    });
    expect((await verified()).problems).toEqual([]);
  });

  it('is closed in the chain and dropped; the rest verifies from there, and the counts stay', async () => {
    const reads = openAuditReads(database, environment);
    const counts = await reads.dailyCounts();
    const plans = await planDays(ports, before);
    expect(plans.map(({ day, rows, obstacle }) => [day, rows, obstacle])).toEqual([
      [dayOf(100), 4, undefined],
      [dayOf(99), 4, undefined],
      [dayOf(98), 4, undefined],
      // Made ahead, and never written to.
      [dayOf(97), 0, undefined],
    ]);
    for (const plan of plans.slice(0, 2)) expect(await dropDay(ports, plan, { actor: 'ann', reason: 'old' })).toBe(4);
    const left = await database.query<{ offset: number }>(
      'SELECT record_offset AS "offset" FROM audit_record WHERE topic = $1 ORDER BY 1',
      [`${environment}.attempts`],
    );
    expect(left).toEqual([{ offset: 4 }, { offset: 5 }]);
    expect(await reads.dailyCounts()).toEqual(counts);
    expect((await reads.findDeliveries({})).deliveries).toHaveLength(2);
    expect((await verified()).problems).toEqual([]);
    expect((await planDays(ports, before)).map(({ day, chains }) => [day, chains.map(({ total }) => total)])).toEqual([
      [dayOf(98), [6, 6]],
      [dayOf(97), []],
    ]);
  });

  it('was closed as it stood: a row altered afterwards is still found, and so is a base that was never closed', async () => {
    await database.query(`ALTER TABLE audit_record_${dayOf(98).replaceAll('-', '')} DISABLE TRIGGER ALL`);
    await database.query(`UPDATE audit_record SET value = value || ' ' WHERE topic = $1 AND record_offset = 4`, [
      `${environment}.attempts`,
    ]);
    expect((await verified()).problems).toMatchObject([{ kind: 'row-altered', offset: 4 }]);
    await database.query(
      `UPDATE audit_record SET value = substr(value, 1, octet_length(value) - 1) WHERE topic = $1 AND record_offset = 4`,
      [`${environment}.attempts`],
    );
    expect((await verified()).problems).toEqual([]);
    await database.query('DELETE FROM audit_record WHERE topic = $1 AND record_offset = 4', [
      `${environment}.attempts`,
    ]);
    expect((await verified()).ok).toBe(false);
  });

  it('keeps the environments of one database together', async () => {
    const other = openAuditStore(writer, clock);
    const topic = 'neighbour.audit';
    await other.claimOffsets('neighbour', [{ topic, partition: 0, start: 0 }]);
    const sample = { environment: 'neighbour', number: 1, endpoint: 'ep_1', atMs: noon(98) };
    const rows = [auditRowOf(logRecord(acceptedRecord(sample), { offset: 0, timestamp: noon(98) }))];
    await other.append({ environment: 'neighbour', topic, partition: 0, expectedNext: 0, next: 1, rows });
    const [plan] = await planDays(ports, before);
    expect(plan?.obstacle).toMatch(/holds records of neighbour too/);
  });
});

describe('response bodies', () => {
  it('are erased by age or of one dispatch, by who may do nothing else to a row, and the chain does not notice', async () => {
    const { retention } = ports;
    const chain = (): Promise<object[]> =>
      database.query('SELECT record_offset, encode(chain, $1) FROM audit_record ORDER BY 2', ['hex']);
    const links = await chain();
    expect(await retention.countExcerpts(environment, new Date())).toBe(1);
    expect(await retention.countExcerpts(environment, new Date(noon(98)))).toBe(0);
    expect(await retention.eraseExcerpts(environment, new Date(), idsOf(sampleOf(98, 1)).dispatch)).toBe(0);
    expect(await retention.eraseExcerpts(environment, new Date(), idsOf(sampleOf(98, 2)).dispatch)).toBe(1);
    expect(await retention.eraseExcerpts(environment, new Date())).toBe(0);
    expect(await chain()).toEqual(links);
    await expect(retainer.query('UPDATE audit_record SET response_excerpt = NULL')).rejects.toMatchObject({
      code: 'denied',
    });
  });
});
