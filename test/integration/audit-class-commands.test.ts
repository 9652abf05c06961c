// `postrider audit retain --class` on real Kafka: closing records go through the log and the projector, what is left agrees with the log,
// and the log alone makes the same heads again.

import { encodeAudit, topicTable, type AuditRecord } from '@postrider/core/contracts';
import type { ProjectId } from '@postrider/core/domain';
import { migrate, openDatabase, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { acceptedRecord, idsOf, settledRecord, type Sample } from '../support/audit-log.ts';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const dayMs = 24 * 60 * 60_000;
const partitions = 2;
const oldMs = Math.floor(Date.now() / dayMs) * dayMs - 50 * dayMs + dayMs / 2;
const oldDay = new Date(oldMs).toISOString().slice(0, 10);
const classes = {
  POSTRIDER_AUDIT_CLASSES: 'trial=30d,regulated=2555d,empty=10d',
  POSTRIDER_AUDIT_PROJECT_CLASSES: 'prj_trial=trial,prj_bank=regulated',
};

let cli: CliTerminal;
let postrider: TestPostrider;
let database: Database;

const sampleOf = (number: number): Sample => ({
  environment: cli.environment,
  number,
  endpoint: `ep_${number % 3}`,
  atMs: oldMs,
});
const ofProject = (record: AuditRecord, number: number): AuditRecord =>
  ({ ...record, project: ['prj_trial', 'prj_bank', 'prj_1'][number % 3] as ProjectId }) as AuditRecord;

/** Everything of both topics is in the tables. */
async function projected(): Promise<void> {
  const admin = postrider.cluster.admin();
  for (const topic of [postrider.topics.audit, postrider.topics.attempts]) {
    const ends = await admin.endOffsets(topic);
    await eventually(
      () =>
        database.query<{ partition: number; next: number }>(
          'SELECT partition, next FROM projection_offset WHERE topic = $1',
          [topic],
        ),
      (rows) => rows.length === partitions && rows.every(({ partition, next }) => next >= (ends.get(partition) ?? 0)),
      20_000,
    );
  }
}

beforeAll(async () => {
  cli = await cliTerminal('classcommands', { ...classes, POSTRIDER_TOPICS_PARTITIONS: String(partitions) });
  const options = {
    brokers: testBrokers(),
    postgresUrl: cli.env['POSTRIDER_POSTGRES_URL']!,
    environment: cli.environment,
    set: ['audit.unsignedInLive=true'],
  };
  await migrate(options.postgresUrl);
  database = openDatabase({ url: options.postgresUrl });
  postrider = createTestPostrider(options);
  const { audit, attempts, checkpoints } = postrider.topics;
  const table = topicTable({
    environment: cli.environment,
    partitions,
    replicationFactor: 1,
    minInsyncReplicas: 1,
    tiers: [{ name: '1s', delayMs: 1_000 }],
    eventTopics: [],
    eventPartitions: partitions,
  });
  // The writer's times, so that records of an old day can be written now.
  await postrider.cluster
    .admin()
    .applyTopics(
      table
        .filter(({ name }) => [audit, attempts, checkpoints].includes(name))
        .map((spec) => ({ ...spec, config: { ...spec.config, 'message.timestamp.type': 'CreateTime' } })),
    );
  vi.useFakeTimers({ toFake: ['Date'], now: oldMs });
  const numbers = Array.from({ length: 30 }, (_, number) => number);
  await postrider.appender.appendAll(
    numbers.flatMap((number) => {
      const accepted = encodeAudit(ofProject(acceptedRecord(sampleOf(number)), number));
      const settled = ofProject(
        settledRecord(sampleOf(number), { attempt: 1, next: number % 5 === 0 ? 'dead' : 'delivered' }),
        number,
      );
      const at = { partition: number % partitions, key: 'key' };
      return [
        { ...at, topic: audit, value: accepted },
        { ...at, topic: attempts, value: encodeAudit(settled) },
      ];
    }),
  );
  vi.useRealTimers();
  await postrider.start(['audit-projector']);
  await projected();
});
afterAll(async () => {
  vi.useRealTimers();
  await postrider.stop();
  await database.close();
});

describe('audit retain --class', () => {
  it('refuses what is not a class, and whole days that hold what a class keeps longer', async () => {
    const ends = async (...argv: string[]) => {
      const { exit, stderr } = await cli.postrider(['audit', 'retain', ...argv]);
      return [exit, stderr];
    };
    const says = (text: string): unknown => expect.stringContaining(text);
    expect(await ends('--class', 'gold')).toEqual([3, says('no class gold: there are trial, regulated, empty')]);
    expect(await ends('--class', 'empty')).toEqual([3, says('class empty has no projects')]);
    expect(await ends('--class', 'trial', '--excerpts-older-than', '1d')).toEqual([2, says('--class goes with')]);
    expect(await ends('--again')).toEqual([2, says('--again goes with --class')]);
    expect(await ends('--older-than', '90d')).toEqual([4, says('class regulated, kept for up to 61320h')]);
    expect(await ends('--older-than', '2555d')).toEqual([0, '']);
    const unset = await cli.postrider(['audit', 'retain', '--class', 'trial'], {
      env: { POSTRIDER_AUDIT_CLASSES: '' },
    });
    expect([unset.exit, unset.stderr]).toEqual([2, says('which audit.classes does not name')]);
  });

  it('says what it would do, does it, and does nothing more', async () => {
    const planned = { day: oldDay, rows: 20 };
    expect(await cli.json(['audit', 'retain', '--class', 'trial'])).toEqual([
      { applied: false, class: 'trial', days: [{ ...planned, dropped: false }] },
    ]);
    const told = await cli.postrider(['audit', 'retain', '--class', 'trial']);
    expect(told.stdout).toContain('class trial: 1 day (dry run: nothing was changed; --apply does it)');
    expect(await cli.json(['audit', 'retain', '--class', 'trial', '--older-than', '51d', '--apply'])).toEqual([
      { applied: true, class: 'trial', days: [] },
    ]);

    // The closing records are in the log, and nobody writes them into the tables: the same command goes on from there.
    await postrider.stop();
    const apply = ['audit', 'retain', '--class', 'trial', '--apply', '--actor', 'ann'];
    const waited = await cli.postrider([...apply, '--timeout', '2s']);
    expect([waited.exit, waited.stderr]).toEqual([6, expect.stringContaining('is audit-projector running?')]);
    postrider = createTestPostrider({
      brokers: testBrokers(),
      postgresUrl: cli.env['POSTRIDER_POSTGRES_URL']!,
      environment: cli.environment,
    });
    await postrider.start(['audit-projector']);
    await projected();
    expect(await cli.json(apply)).toEqual([{ applied: true, class: 'trial', days: [{ ...planned, dropped: true }] }]);
    expect(await cli.json(apply)).toEqual([{ applied: true, class: 'trial', days: [] }]);
    const closings = await database.query<{ actor: string; reason: string }>(
      `SELECT actor, reason FROM audit_record WHERE type = 'ClassClosed'`,
    );
    expect(closings).toEqual(
      Array.from({ length: 4 }, () => ({ actor: 'ann', reason: 'class trial, older than 720h' })),
    );
  });

  it('leaves what verifies, against the log as well, and is complete', async () => {
    const [verdict] = await cli.json(['audit', 'verify', '--against', 'kafka']);
    expect(verdict).toMatchObject({ ok: true, problems: [], rows: 44, stubs: 20 });
    const { stdout } = await cli.postrider(['audit', 'verify']);
    expect(stdout).toContain('of 20 more, dropped with their class, a stub is left');
    const [complete] = await cli.json(['audit', 'completeness']);
    expect(complete).toMatchObject({ ok: true, accounted: 30, unexplained: 0 });
    const [stub] = await database.query<{ topic: string; partition: number; offset: number; chain: Buffer }>(
      `SELECT topic, partition, record_offset AS "offset", chain FROM audit_stub WHERE topic = $1 ORDER BY 3 LIMIT 1`,
      [postrider.topics.attempts],
    );
    const { chain, ...at } = stub!;
    const rewrite = (hash: Buffer) =>
      database.query('UPDATE audit_stub SET chain = $1 WHERE topic = $2 AND partition = $3 AND record_offset = $4', [
        hash,
        at.topic,
        at.partition,
        at.offset,
      ]);
    await database.query('ALTER TABLE audit_stub DISABLE TRIGGER USER');
    await rewrite(Buffer.alloc(32));
    const [forged] = await cli.json(['audit', 'verify', '--against', 'kafka'], { exit: 1 });
    const problems = forged!['problems'] as readonly { readonly kind: string }[];
    expect(problems.find(({ kind }) => kind === 'kafka-differs')).toMatchObject(at);
    await rewrite(chain);
    expect(await cli.json(['audit', 'verify'])).toMatchObject([{ ok: true }]);
  });

  it('shows a delivery that is gone as every unknown one, and the others as before', async () => {
    const gone = await cli.postrider(['deliveries', 'show', idsOf(sampleOf(0)).dispatch]);
    expect([gone.exit, gone.stderr]).toEqual([3, expect.stringContaining(idsOf(sampleOf(0)).dispatch)]);
    const [there] = await cli.json(['deliveries', 'show', idsOf(sampleOf(1)).dispatch]);
    expect(there).toMatchObject({ deliveries: [{ dispatch: idsOf(sampleOf(1)).dispatch }] });
    const { stdout } = await cli.postrider(['audit', 'export']);
    expect(stdout.trim().split('\n')).toHaveLength(20);
  });

  it('is undone by a rebuild while the log holds the records, with the same heads, and done again by the same command', async () => {
    const url = await createTestDatabase('classrebuilt');
    await migrate(url);
    const env = { POSTRIDER_POSTGRES_URL: url };
    const [result] = await cli.json(['audit', 'rebuild'], { env });
    expect(result).toMatchObject({ ok: true, verdict: { problems: [], rows: 64, stubs: 0 } });
    const rebuilt = openDatabase({ url });
    const heads = `SELECT topic, partition, next, rows, encode(head, 'hex') AS head FROM projection_offset ORDER BY 1, 2`;
    expect(await rebuilt.query(heads)).toEqual(await database.query(heads));
    const [again] = await cli.json(['audit', 'retain', '--class', 'trial', '--apply'], { env });
    expect(again).toMatchObject({ days: [{ day: oldDay, rows: 20, dropped: true }] });
    // Its closing records stood in the log already.
    expect(await rebuilt.query(heads)).toEqual(await database.query(heads));
    const stubs = 'SELECT * FROM audit_stub ORDER BY topic, partition, record_offset';
    expect(await rebuilt.query(stubs)).toEqual(await database.query(stubs));
    await rebuilt.close();
    expect(await cli.json(['audit', 'verify', '--against', 'kafka'], { env })).toMatchObject([{ ok: true, stubs: 20 }]);
  });
});
