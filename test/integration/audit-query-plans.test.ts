// What is asked of the audit goes through an index, whatever it is: shown by the plans, on an audit of some size.

import {
  openAuditReads,
  openDatabase,
  migrate,
  placesWithRows,
  type AuditReads,
  type Database,
  type Session,
} from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateAudit, type GeneratedAudit } from '../support/audit-generator.ts';
import { auditQuestions } from '../support/audit-questions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { createTestDatabase } from '../support/stack.ts';

const audit: GeneratedAudit = {
  environment: 'live',
  rows: 60_000,
  days: 3,
  endMs: Date.UTC(2030, 4, 3),
  projects: 5,
  endpoints: 60,
};

let database: Database;
/** Every statement that is asked from here on. */
let asked: { sql: string; values: readonly unknown[] }[] = [];
let reads: AuditReads;

const spying = (session: Session): Session => ({
  query: (sql, values = [], kept) => {
    if (/^(SELECT|WITH)/.test(sql)) asked.push({ sql, values });
    return session.query(sql, values, kept);
  },
});

beforeAll(async () => {
  const url = await createTestDatabase('auditplans');
  await migrate(url);
  database = openDatabase({ url });
  await generateAudit(database, audit);
  const spied: Database = {
    ...database,
    ...spying(database),
    transaction: (work) => database.transaction((session) => work({ ...session, ...spying(session) })),
  };
  reads = openAuditReads(spied, audit.environment);
});
afterAll(() => database.close());

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Tables that a plan reads from end to end. */
async function tablesReadWhole(): Promise<string[]> {
  const whole: string[] = [];
  for (const { sql, values } of asked) {
    const rows = await database.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
      `EXPLAIN (FORMAT JSON) ${sql}`,
      values,
    );
    const visit = (node: PlanNode): void => {
      if (node['Node Type'] === 'Seq Scan') whole.push(node['Relation Name'] ?? '');
      for (const each of node.Plans ?? []) visit(each);
    };
    visit(rows[0]!['QUERY PLAN'][0]!.Plan);
  }
  // Nothing stands in the first, the next holds a row for each endpoint, and the last one for each day.
  return whole.filter((table) => !['audit_record_default', 'endpoint_url', 'pg_inherits'].includes(table));
}

describe.each(auditQuestions(audit))('$name', ({ ask }) => {
  it('finds something, and reads no table from end to end', async () => {
    asked = [];
    const random = seededRandom(7);
    let found = 0;
    for (let time = 0; time < 5; time += 1) found += await ask(reads, random);
    expect(found).toBeGreaterThan(0);
    expect(asked.length).toBeGreaterThan(0);
    expect(await tablesReadWhole()).toEqual([]);
  });
});

describe('what a verification asks before it reads any row', () => {
  it('finds every partition that rows stand of, and none of another environment, without reading a table', async () => {
    asked = [];
    const places = await placesWithRows(spying(database), audit.environment);
    expect(places.map(({ topic, partition }) => `${topic}/${partition}`)).toEqual(
      ['attempts', 'audit'].flatMap((word) => [0, 1, 2, 3].map((partition) => `live.${word}/${partition}`)),
    );
    expect(await placesWithRows(spying(database), 'another')).toEqual([]);
    expect(asked).toHaveLength(2);
    expect(await tablesReadWhole()).toEqual([]);
  });
});

describe('the plans', () => {
  it('would show a table that is read whole', async () => {
    asked = [{ sql: `SELECT count(*) FROM audit_record WHERE detail = 'x'`, values: [] }];
    expect(await tablesReadWhole()).toContain('audit_record_20300502');
  });
});
