// Audit tables with two old days of two classes of projects, and copies of them: for tests of what becomes of a class that is dropped.

import { auditRowOf } from '@postrider/audit-projector';
import { responseHeader, sha256Hex, type AuditRecord } from '@postrider/core/contracts';
import type { ProjectId } from '@postrider/core/domain';
import {
  createDatabase,
  migrate,
  openAuditStore,
  openClassRetention,
  openDatabase,
  openRetention,
  type Database,
  type ProjectClass,
} from '@postrider/postgres';
import {
  dropClassDay,
  planClassDays,
  verifyAudit,
  type AuditVerdict,
  type ClassRetentionPorts,
  type RetentionPorts,
} from '@postrider/postrider';
import { acceptedRecord, logRecord, settledRecord, type Sample } from './audit-log.ts';
import { closingPorts } from './closing-ports.ts';
import { testPostgresUrl, testPrefix } from './stack.ts';

export const environment = 'classes';
const dayMs = 24 * 60 * 60_000;
export const clock = { now: () => Date.now() };
const today = Math.floor(clock.now() / dayMs) * dayMs;
export const noon = (daysAgo: number): number => today - daysAgo * dayMs + dayMs / 2;
export const dayOf = (daysAgo: number): string => new Date(noon(daysAgo)).toISOString().slice(0, 10);
export const before = new Date(noon(40));
export const why = { actor: 'ann', reason: 'class trial' };

export const trial: ProjectClass = {
  environment,
  name: 'trial',
  projects: ['prj_trial', 'prj_other_trial'],
  others: false,
};
/** The class of all others. */
export const standard: ProjectClass = {
  environment,
  name: 'standard',
  projects: ['prj_trial', 'prj_other_trial'],
  others: true,
};

/** Of three events one is a trial customer's. */
const projectOf = (number: number): ProjectId => (number % 3 === 0 ? 'prj_trial' : 'prj_1') as ProjectId;
export const sampleOf = (daysAgo: number, number: number): Sample => ({
  environment,
  number: (61 - daysAgo) * 6 + number,
  endpoint: `ep_${number % 3}`,
  atMs: noon(daysAgo),
});
export const accepted = (sample: Sample): AuditRecord =>
  ({ ...acceptedRecord(sample), project: projectOf(sample.number) }) as AuditRecord;
export const settled = (sample: Sample, attempt: number, next: 'delivered' | 'retry' | 'dead'): AuditRecord => ({
  ...settledRecord(sample, { attempt, next }),
  project: projectOf(sample.number),
  response: { digest: sha256Hex(Buffer.from('ok')), bytes: 2, truncated: false },
});

/** One state of the tables and the hands that reach it. */
export interface ClassTables {
  readonly url: string;
  readonly database: Database;
  readonly writer: Database;
  readonly retainer: Database;
  readonly ports: ClassRetentionPorts & RetentionPorts;
  append(topic: 'audit' | 'attempts', records: readonly (AuditRecord | Buffer)[], timestamp: number): Promise<void>;
  close(): Promise<void>;
}
export const topics = { audit: `${environment}.audit`, attempts: `${environment}.attempts` };

function openTables(url: string): ClassTables {
  const database = openDatabase({ url });
  const writer = openDatabase({ url, role: 'postrider_projector' });
  const retainer = openDatabase({ url, role: 'postrider_retention' });
  const store = openAuditStore(writer, clock);
  const append: ClassTables['append'] = async (name, records, timestamp) => {
    const topic = `${environment}.${name}`;
    const [claimed] = await store.claimOffsets(environment, [{ topic, partition: 0, start: 0 }]);
    const from = claimed!.next;
    const headers = new Map(name === 'attempts' ? [[responseHeader, [Buffer.from('ok')]]] : []);
    const rows = records.map((record, index) =>
      auditRowOf({ ...logRecord(record, { offset: from + index, timestamp }), headers }),
    );
    await store.append({ environment, topic, partition: 0, expectedNext: from, next: from + rows.length, rows });
  };
  const tables: ClassTables = {
    url,
    database,
    writer,
    retainer,
    append,
    ports: {
      ...closingPorts(environment, append, clock.now),
      retention: openRetention(retainer),
      days: openRetention(retainer),
      classes: openClassRetention(retainer),
    },
    async close() {
      for (const each of [database, writer, retainer]) await each.close();
    },
  };
  return tables;
}

export const verified = ({ database }: ClassTables): Promise<AuditVerdict> =>
  verifyAudit({ database, environment, checkpoints: undefined });

/** Drops the class `trial` from a day. @returns records dropped */
export async function dropTrial({ ports }: ClassTables, day: string): Promise<number> {
  const plan = (await planClassDays(ports, trial, { before, again: true })).find((each) => each.day === day);
  return dropClassDay(ports, trial, plan!, why);
}

export interface ClassDatabases {
  /** Six events of each of two days, all of them there. */
  readonly original: string;
  /** The same, and the class `trial` has gone from the older day. */
  readonly dropped: string;
  /** @param of one of the two */
  copyOf(of: string): Promise<ClassTables>;
  /** Lets go of all copies. */
  close(): Promise<void>;
}

/** @param file as in `testPrefix` */
export async function classDatabases(file: string): Promise<ClassDatabases> {
  const original = testPrefix(file);
  const dropped = `${original}_dropped`;
  const opened: ClassTables[] = [];
  let copies = 0;

  const url = await createDatabase(testPostgresUrl(), original);
  await migrate(url);
  const whole = openTables(url);
  for (const daysAgo of [61, 60]) {
    const samples = [0, 1, 2, 3, 4, 5].map((number) => sampleOf(daysAgo, number));
    await whole.append('audit', samples.map(accepted), noon(daysAgo));
    await whole.append(
      'attempts',
      samples.flatMap((sample) =>
        sample.number % 2 === 0
          ? [settled(sample, 1, 'delivered')]
          : [settled(sample, 1, 'retry'), settled(sample, 1, 'retry'), settled(sample, 2, 'dead')],
      ),
      noon(daysAgo),
    );
  }
  await whole.close();
  const without = openTables(await createDatabase(testPostgresUrl(), dropped, original));
  await dropTrial(without, dayOf(61));
  await without.close();
  return {
    original,
    dropped,
    async copyOf(of) {
      copies += 1;
      const tables = openTables(await createDatabase(testPostgresUrl(), `${original}_${copies}`, of));
      opened.push(tables);
      return tables;
    },
    async close() {
      for (const tables of opened.splice(0)) await tables.close();
    },
  };
}
