// The audit commands on real Kafka and PostgreSQL: nothing that was read is without a trace, what was written is what stands,
// and Kafka alone is enough to make all of it again.

import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeCheckpoint, encodeAudit } from '@postrider/core/contracts';
import { migrate, openAuditStore, openDatabase, type Database } from '@postrider/postgres';
import { makeCheckpointKey } from '@postrider/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settledRecord } from '../support/audit-log.ts';
import { batchOf } from '../support/audit-tables.ts';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, createTestService, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { deleteRecordsBefore } from '../support/raw-kafka.ts';
import { createTestDatabase, testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'audit-'));
const keyPath = join(folder, 'key.pem');
const publicPath = join(folder, 'key.pub.pem');
const against = ['--against', 'checkpoints', '--public-key', publicPath];
const attempts = 60;

let cli: CliTerminal;
let postrider: TestPostrider;
let database: Database;
let signedAt: Date;

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `evt_${from + index}`,
    type: 'order.paid',
    project: 'acme',
    subject: 'one partition',
    data: { n: from + index },
  }));

async function settle(from: number, count: number): Promise<void> {
  await postrider.appender.appendAll(
    Array.from({ length: count }, (_, index) => {
      const sample = { environment: cli.environment, number: from + index, endpoint: `ep_${index % 2}`, atMs: 1_000 };
      const value = encodeAudit(settledRecord(sample, { attempt: 1, next: index % 5 === 0 ? 'dead' : 'delivered' }));
      return { topic: postrider.topics.attempts, partition: index % 2, key: 'key', value };
    }),
  );
}

/** Waits until everything on both topics is in the tables, and signed. */
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
      (rows) => rows.length === 4 && rows.every(({ partition, next }) => next >= (ends.get(partition) ?? 0)),
      20_000,
    );
  }
  const rows = await database.query<{ place: string; rows: number }>(
    `SELECT topic || '/' || partition AS place, rows FROM projection_offset WHERE rows > 0`,
  );
  await eventually(signedRows, (signed) => rows.every((each) => (signed.get(each.place) ?? 0) >= each.rows), 20_000);
}

/** By topic and partition: for how many rows the last checkpoint speaks. */
async function signedRows(): Promise<ReadonlyMap<string, number>> {
  const signed = new Map<string, number>();
  await postrider.cluster.scan({
    topic: postrider.topics.checkpoints,
    from: 'earliest',
    onRecord: ({ value }) => {
      const decoded = decodeCheckpoint(value);
      if (!decoded.ok) throw new Error(decoded.problem);
      const record = decoded.value;
      if (record.type === 'Checkpoint') signed.set(`${record.topic}/${record.partition}`, record.rows);
    },
  });
  return signed;
}

beforeAll(async () => {
  cli = await cliTerminal('auditcommands');
  const made = makeCheckpointKey(keyPath);
  if (!made.ok) throw new Error(made.problem);
  writeFileSync(publicPath, createPublicKey(readFileSync(keyPath)).export({ type: 'spki', format: 'pem' }));
  const options = {
    brokers: testBrokers(),
    postgresUrl: cli.env['POSTRIDER_POSTGRES_URL']!,
    environment: cli.environment,
    set: [`audit.checkpointKey=${keyPath}`, 'audit.checkpointIntervalMs=100ms'],
  };
  await migrate(options.postgresUrl);
  database = openDatabase({ url: options.postgresUrl });
  postrider = createTestPostrider(options);
  await postrider.applyTopics();
  await postrider.putEndpoints([
    testEndpoint({ id: 'ep_0', url: 'https://hooks.example.com/', environment: cli.environment }),
  ]);
  await postrider.publish(events(0, 40));
  const first = createTestService('convergence', options, postrider.cluster, postrider.metrics);
  const failing = {
    fail: (error: Error): never => {
      throw error;
    },
  };
  await first.start(failing);
  await postrider.start(['audit-projector']);
  await settle(0, attempts / 2);
  await eventually(
    () => database.query("SELECT FROM audit_record WHERE type = 'EventAccepted'"),
    (rows) => rows.length === 40,
    20_000,
  );
  await first.stop({ reason: 'test', drainTimeoutMs: 2_000 });
  await projected();
  const [at] = await eventually(
    () => database.query<{ now: Date }>('SELECT now() AS now'),
    () => true,
    1_000,
  );
  signedAt = at!.now;

  // Ten events are deleted before anybody reads them, ten more come after.
  await postrider.publish(events(40, 20));
  const upstream = `${cli.environment}.events`;
  const ends = await postrider.cluster.admin().endOffsets(upstream);
  const partition = [...ends].find(([, end]) => end > 0)![0];
  await deleteRecordsBefore(testBrokers()[0]!, { topic: upstream, partition, offset: 50 });
  await postrider.start(['convergence']);
  await settle(attempts / 2, attempts / 2);
  await eventually(
    () => database.query("SELECT FROM audit_record WHERE type = 'EventAccepted'"),
    (rows) => rows.length === 50,
    20_000,
  );
  await projected();
});
afterAll(async () => {
  await postrider.stop();
  await database.close();
});

describe('audit completeness', () => {
  it('accounts for every offset, and says which were deleted before they were read', async () => {
    const [result] = await cli.json(['audit', 'completeness']);
    expect(result).toMatchObject({ ok: true, accounted: 50, unexplained: 0, behind: null });
    expect(result?.['partitions']).toMatchObject([
      { first: 0, next: 60, accounted: 50, missing: 10, gaps: [{ from: 40, to: 50, why: 'range-lost' }] },
    ]);
  });

  it('holds it against what convergence has committed', async () => {
    const [result] = await eventually(
      () => cli.json(['audit', 'completeness', '--against', 'kafka']),
      ([each]) => each?.['behind'] === 0,
      10_000,
    );
    expect(result).toMatchObject({ ok: true, accounted: 50, unexplained: 0 });
  });

  it('shows a person where a trace is missing, and ends with 1', async () => {
    const copy = await createTestDatabase('auditholes');
    await migrate(copy);
    const hole = openDatabase({ url: copy });
    await hole.query(
      `INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, type, origin, duplicate, late, unreadable, chain)
       SELECT $1, 'a', 0, n, now(), 'EventRejected', 'up/3/' || n, false, false, false, '' FROM generate_series(5, 90) n
       WHERE n NOT IN (17, 63, 64)`,
      [cli.environment],
    );
    await hole.close();
    const { exit, stdout } = await cli.postrider(['audit', 'completeness'], { env: { POSTRIDER_POSTGRES_URL: copy } });
    expect(exit).toBe(1);
    expect(stdout).toContain('up/3/17  nothing says what became of it');
    expect(stdout).toContain('up/3/63–64  nothing says what became of it');
    expect(stdout).toContain('not complete: 3 offsets left no trace');
  });
});

describe('audit verify', () => {
  it('finds nothing, and compares what was signed', async () => {
    const [verdict] = await cli.json(['audit', 'verify', ...against]);
    expect(verdict).toMatchObject({ ok: true, problems: [], recounted: true });
    expect(verdict?.['rows']).toBeGreaterThanOrEqual(50 + attempts);
    expect(verdict?.['checkpoints']).toBeGreaterThan(1);
  });

  it('holds every row against the log, and names the one that is not what it holds though all hashes fit', async () => {
    const [clean] = await cli.json(['audit', 'verify', '--against', 'kafka']);
    expect(clean).toMatchObject({ ok: true });
    const topic = postrider.topics.attempts;
    const copy = await createTestDatabase('auditrehashed');
    await migrate(copy);
    await cli.json(['audit', 'rebuild'], { env: { POSTRIDER_POSTGRES_URL: copy } });
    const forged = openDatabase({ url: copy });
    await forged.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
    await forged.query(`DO $$ DECLARE r record; last bytea; BEGIN
      UPDATE audit_record SET value = convert_to(replace(convert_from(value, 'UTF8'), '"bodyBytes":100', '"bodyBytes":101'), 'UTF8')
      WHERE topic = '${topic}' AND partition = 1 AND record_offset = 7;
      SELECT chain INTO last FROM audit_record WHERE topic = '${topic}' AND partition = 1 AND record_offset = 6;
      FOR r IN SELECT * FROM audit_record WHERE topic = '${topic}' AND partition = 1 AND record_offset >= 7 ORDER BY record_offset LOOP
        last := audit_chain_next(last, r.topic, r.partition, r.record_offset, r.recorded_at, r.key, r.value);
        UPDATE audit_record SET chain = last WHERE topic = '${topic}' AND partition = 1 AND record_offset = r.record_offset;
      END LOOP;
      UPDATE projection_offset SET head = last WHERE topic = '${topic}' AND partition = 1;
    END $$`);
    await forged.close();
    const env = { POSTRIDER_POSTGRES_URL: copy };
    const [tables] = await cli.json(['audit', 'verify'], { env });
    expect(tables).toMatchObject({ ok: true });
    const [verdict] = await cli.json(['audit', 'verify', '--against', 'kafka'], { env, exit: 1 });
    expect(verdict?.['problems']).toMatchObject([{ kind: 'kafka-differs', topic, partition: 1, offset: 7 }]);
  });

  it('names rows that were made up behind the end of the log, or in a partition that it does not have', async () => {
    const topic = postrider.topics.attempts;
    const copy = await createTestDatabase('auditmadeup');
    await migrate(copy);
    const env = { POSTRIDER_POSTGRES_URL: copy };
    await cli.json(['audit', 'rebuild'], { env });
    const forged = openDatabase({ url: copy });
    const store = openAuditStore(forged, { now: () => Date.now() });
    const places = [1, 9].map((partition) => ({ topic, partition, start: 0 }));
    const claimed = await store.claimOffsets(cli.environment, places);
    const released = Buffer.from('{"v":1,"type":"PartitionReleased","at":"2030-05-02T12:00:00.000Z"}');
    for (const { partition, next } of claimed) {
      await store.append({ ...batchOf(cli.environment, 'attempts', next, [released], Date.now()), partition });
    }
    await forged.close();
    expect((await cli.json(['audit', 'verify', ...against], { env }))[0]).toMatchObject({ ok: true });
    const [verdict] = await cli.json(['audit', 'verify', '--against', 'kafka'], { env, exit: 1 });
    expect(verdict?.['problems']).toMatchObject([
      { kind: 'kafka-differs', topic, partition: 1, offset: claimed.find(({ partition }) => partition === 1)!.next },
      { kind: 'kafka-differs', topic, partition: 9, offset: 0 },
    ]);
  });

  it('takes a part of the time', async () => {
    const [verdict] = await cli.json(['audit', 'verify', '--from', signedAt.toISOString()]);
    expect(verdict).toMatchObject({ ok: true, recounted: false });
    expect(verdict?.['rows']).toBeLessThan(50 + attempts);
    expect(verdict?.['rows']).toBeGreaterThan(0);
  });

  it('tells a person what is wrong, and ends with 1', async () => {
    await database.query(`UPDATE daily_count SET success = success + 1 WHERE endpoint = 'ep_1'`);
    const { exit, stdout } = await cli.postrider(['audit', 'verify']);
    await database.query(`UPDATE daily_count SET success = success - 1 WHERE endpoint = 'ep_1'`);
    expect(exit).toBe(1);
    expect(stdout).toContain('1 problem');
    expect(stdout).toContain('count-differs');
  });
});

describe('audit rebuild', () => {
  /** Everything that is folded, and the heads. */
  const state = async (tables: Database): Promise<unknown> => ({
    heads: await tables.query(
      `SELECT topic, partition, next, rows, encode(head, 'hex') AS head FROM projection_offset ORDER BY 1, 2`,
    ),
    deliveries: await tables.query('SELECT * FROM delivery ORDER BY dispatch, round'),
    counts: await tables.query('SELECT * FROM daily_count ORDER BY project, endpoint, day'),
  });

  it('refuses tables that hold something', async () => {
    const { exit, stderr } = await cli.postrider(['audit', 'rebuild']);
    expect(exit).toBe(4);
    expect(stderr).toContain('empty database');
  });

  it('makes the same tables and heads from the beginning', async () => {
    const url = await createTestDatabase('auditrebuilt');
    await migrate(url);
    const [result] = await cli.json(['audit', 'rebuild', ...against], { env: { POSTRIDER_POSTGRES_URL: url } });
    expect(result).toMatchObject({ ok: true, verdict: { problems: [] } });
    const rebuilt = openDatabase({ url });
    expect(await state(rebuilt)).toEqual(await state(database));
    await rebuilt.close();
  });

  it('makes the same heads from a checkpoint on', async () => {
    const url = await createTestDatabase('auditsince');
    await migrate(url);
    const since = ['--since', signedAt.toISOString()];
    const [result] = await cli.json(['audit', 'rebuild', ...since, ...against], {
      env: { POSTRIDER_POSTGRES_URL: url },
    });
    expect(result).toMatchObject({ ok: true, verdict: { problems: [] } });
    const { records } = result!['rebuilt'] as { readonly records: number };
    expect(records).toBeLessThan(50 + attempts);
    const rebuilt = openDatabase({ url });
    const heads = `SELECT topic, partition, next, rows, encode(head, 'hex') AS head FROM projection_offset ORDER BY 1, 2`;
    expect(await rebuilt.query(heads)).toEqual(await database.query(heads));
    await rebuilt.close();
    const whole = await cli.postrider(['audit', 'verify', ...against], { env: { POSTRIDER_POSTGRES_URL: url } });
    expect(whole.exit).toBe(1);
    expect(whole.stdout).toContain('row-missing');
  });
});

describe('audit export', () => {
  const lines = async (...argv: string[]): Promise<Record<string, unknown>[]> => {
    const { exit, stdout } = await cli.postrider(['audit', 'export', ...argv]);
    expect(exit).toBe(0);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('gives every attempt, oldest first, under the names of a dispatch log', async () => {
    const all = await lines();
    expect(all).toHaveLength(attempts);
    expect(all.find(({ eventId }) => eventId === 'evt_0')).toMatchObject({
      projectId: 'prj_1',
      timestamp: '1970-01-01T00:00:02.000Z',
      targetUrl: 'https://hooks.example.com/kyc',
      status: 'FAIL',
      httpResponseCode: 500,
      responseBody: null,
      disposition: 'dead',
      reason: 'retries-exhausted',
    });
    const times = all.map(({ recordedAt }) => String(recordedAt));
    expect(times).toEqual(times.toSorted());
  });

  it('goes on where an export before was cut', async () => {
    const all = await lines();
    const rest = await lines('--after', String(all[24]!['position']));
    expect(rest).toEqual(all.slice(25));
  });

  it('keeps to a project, an endpoint and a time', async () => {
    expect(await lines('--endpoint', 'ep_1')).toHaveLength(attempts / 2);
    expect(await lines('--project', 'nobody')).toEqual([]);
    expect(await lines('--to', '2020-01-01')).toEqual([]);
  });

  it('says that a position is unknown', async () => {
    const { exit } = await cli.postrider(['audit', 'export', '--after', 'nowhere/0/1']);
    expect(exit).toBe(3);
  });
});

it.each([
  [['audit', 'completeness']],
  [['audit', 'export']],
  [['audit', 'verify']],
  [['audit', 'retain', '--older-than', '900d', '--excerpts-older-than', '900d']],
])('%j reads for as long as it takes, whatever --timeout says', async (argv) => {
  const { exit, stderr } = await cli.postrider([...argv, '--timeout', '1ms']);
  expect({ exit, gaveUp: stderr.includes('gave up') }).toEqual({ exit: 0, gaveUp: false });
});
