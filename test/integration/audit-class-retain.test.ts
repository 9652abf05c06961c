// Letting go of the records of a class of projects out of days that stay: what is left of them carries the chain, whoever tampers with
// it is named, and the day goes later as every other.

import { auditRowOf } from '@postrider/audit-projector';
import { responseHeader, sha256Hex, type AuditRecord } from '@postrider/core/contracts';
import type { ProjectId } from '@postrider/core/domain';
import type { AppendRecord, KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import {
  createDatabase,
  migrate,
  openAuditReads,
  openAuditStore,
  openClassRetention,
  openDatabase,
  openRetention,
  type Database,
  type ProjectClass,
} from '@postrider/postgres';
import {
  checkCompleteness,
  dropClassDay,
  dropDay,
  planClassDays,
  planDays,
  verifyAudit,
  type ClassRetentionPorts,
  type RetentionPorts,
} from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, idsOf, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { testPostgresUrl, testPrefix } from '../support/stack.ts';

const environment = 'classes';
const dayMs = 24 * 60 * 60_000;
const clock = { now: () => Date.now() };
const today = Math.floor(clock.now() / dayMs) * dayMs;
const noon = (daysAgo: number): number => today - daysAgo * dayMs + dayMs / 2;
const dayOf = (daysAgo: number): string => new Date(noon(daysAgo)).toISOString().slice(0, 10);
const before = new Date(noon(40));
const why = { actor: 'ann', reason: 'class trial' };

const trial: ProjectClass = { environment, name: 'trial', projects: ['prj_trial', 'prj_other_trial'], others: false };
const rest: ProjectClass = { environment, name: 'standard', projects: ['prj_trial', 'prj_other_trial'], others: true };

/** Of three events one is a trial customer's. */
const projectOf = (number: number): ProjectId => (number % 3 === 0 ? 'prj_trial' : 'prj_1') as ProjectId;
const sampleOf = (daysAgo: number, number: number): Sample => ({
  environment,
  number: daysAgo * 10 + number,
  endpoint: `ep_${number % 3}`,
  atMs: noon(daysAgo),
});
const accepted = (sample: Sample): AuditRecord =>
  ({ ...acceptedRecord(sample), project: projectOf(sample.number) }) as AuditRecord;
const settled = (sample: Sample, attempt: number, next: 'delivered' | 'retry' | 'dead'): AuditRecord => ({
  ...settledRecord(sample, { attempt, next }),
  project: projectOf(sample.number),
  response: { digest: sha256Hex(Buffer.from('ok')), bytes: 2, truncated: false },
});

/** One state of the tables and the hands that reach it. */
interface World {
  readonly url: string;
  readonly database: Database;
  readonly writer: Database;
  readonly retainer: Database;
  readonly ports: ClassRetentionPorts & RetentionPorts;
  append(topic: 'audit' | 'attempts', records: readonly (AuditRecord | Buffer)[], timestamp: number): Promise<void>;
  close(): Promise<void>;
}

const original = testPrefix('auditclasses');
const opened: World[] = [];
let copies = 0;

function openWorld(url: string): World {
  const database = openDatabase({ url });
  const writer = openDatabase({ url, role: 'postrider_projector' });
  const retainer = openDatabase({ url, role: 'postrider_retention' });
  const store = openAuditStore(writer, clock);
  const append: World['append'] = async (name, records, timestamp) => {
    const topic = `${environment}.${name}`;
    const [claimed] = await store.claimOffsets(environment, [{ topic, partition: 0, start: 0 }]);
    const from = claimed!.next;
    const headers = new Map(name === 'attempts' ? [[responseHeader, [Buffer.from('ok')]]] : []);
    const rows = records.map((record, index) =>
      auditRowOf({ ...logRecord(record, { offset: from + index, timestamp }), headers }),
    );
    await store.append({ environment, topic, partition: 0, expectedNext: from, next: from + rows.length, rows });
  };
  const world: World = {
    url,
    database,
    writer,
    retainer,
    append,
    ports: {
      environment,
      retention: openRetention(retainer),
      days: openRetention(retainer),
      classes: openClassRetention(retainer),
      // The log in between is the projector's test; here its rows come straight to the tables.
      cluster: {
        openAppender: () => ({
          appendAll: (records: readonly AppendRecord[]) =>
            append(
              'audit',
              records.map(({ value }) => value as Buffer),
              clock.now(),
            ),
          close: async () => undefined,
        }),
      } as unknown as KafkaCluster,
      admin: { describeTopics: async () => new Map() } as unknown as KafkaAdmin,
      now: clock.now,
      pause: async () => {
        throw new Error('nothing to wait for');
      },
    },
    async close() {
      for (const each of [database, writer, retainer]) await each.close();
    },
  };
  opened.push(world);
  return world;
}

async function copyOf(name: string): Promise<World> {
  copies += 1;
  return openWorld(await createDatabase(testPostgresUrl(), `${original}_${copies}`, name));
}

const verified = ({ database }: World) => verifyAudit({ database, environment, checkpoints: undefined });
const dropTrial = async ({ ports }: World, day: string): Promise<number> => {
  const plan = (await planClassDays(ports, trial, { before, again: true })).find((each) => each.day === day);
  return dropClassDay(ports, trial, plan!, why);
};
const linksOf = async ({ database }: World, topic: string): Promise<string[]> => {
  const rows = await database.query<{ chain: string }>(
    `SELECT encode(chain, 'hex') AS chain FROM (
       SELECT record_offset, chain FROM audit_record WHERE topic = $1 UNION ALL SELECT record_offset, chain FROM audit_stub WHERE topic = $1
     ) AS link ORDER BY record_offset`,
    [topic],
  );
  return rows.map(({ chain }) => chain);
};
/** Closed over with the database it is a copy of. */
const dropped = `${original}_dropped`;

beforeAll(async () => {
  const url = await createDatabase(testPostgresUrl(), original);
  await migrate(url);
  const world = openWorld(url);
  for (const daysAgo of [61, 60]) {
    const samples = [0, 1, 2, 3, 4, 5].map((number) => sampleOf(daysAgo, number));
    await world.append('audit', samples.map(accepted), noon(daysAgo));
    await world.append(
      'attempts',
      samples.flatMap((sample) =>
        sample.number % 2 === 0
          ? [settled(sample, 1, 'delivered')]
          : [settled(sample, 1, 'retry'), settled(sample, 1, 'retry'), settled(sample, 2, 'dead')],
      ),
      noon(daysAgo),
    );
  }
  await world.close();
  const other = await createDatabase(testPostgresUrl(), dropped, original);
  const gone = openWorld(other);
  await dropTrial(gone, dayOf(61));
  await gone.close();
});
afterAll(async () => {
  for (const each of opened) await each.close().catch(() => undefined);
});

describe('a class of projects', () => {
  it('is dropped from one day: a stub is left of each record, the chain goes on, and all that stands still verifies', async () => {
    const world = await copyOf(original);
    const { database, ports } = world;
    const reads = openAuditReads(database, environment);
    const counts = await reads.dailyCounts();
    const links = [await linksOf(world, `${environment}.attempts`), await linksOf(world, `${environment}.audit`)];
    const plans = await planClassDays(ports, trial, { before, again: false });
    expect(plans.map(({ day, rows }) => [day, rows])).toEqual([
      [dayOf(61), 6],
      [dayOf(60), 6],
    ]);
    expect(await dropClassDay(ports, trial, plans[0]!, why)).toBe(6);
    expect(await verified(world)).toMatchObject({ problems: [], stubs: 6, recounted: true, recountedBy: 'server' });
    expect((await linksOf(world, `${environment}.attempts`)).slice(0, links[0]!.length)).toEqual(links[0]);
    expect((await linksOf(world, `${environment}.audit`)).slice(0, links[1]!.length)).toEqual(links[1]);
    expect(await reads.dailyCounts()).toEqual(counts);
  });
});
