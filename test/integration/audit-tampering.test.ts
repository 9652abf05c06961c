// Ten tamperings by somebody who may do anything in PostgreSQL, each on a copy of one audit: the verification names every
// one with its first bad row, and finds nothing in what nobody touched.

import { generateKeyPairSync } from 'node:crypto';
import { encodeCheckpoint, checkpointDigest, introduceKey, signCheckpoint } from '@postrider/core/contracts';
import {
  createDatabase,
  migrate,
  openAuditStore,
  openDatabase,
  readChainHeads,
  type Database,
} from '@postrider/postgres';
import { CheckpointBook, verifyAudit, type AuditVerdict } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { batchOf, claim, now } from '../support/audit-tables.ts';
import { testPostgresUrl, testPrefix } from '../support/stack.ts';

const environment = 'live';
const events = 1_000;
const key = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
/** Lines of the checkpoint log, in order. */
const lines: Buffer[] = [];
const original = testPrefix('tampering');
const older = `${original}_older`;
let copies = 0;

const samples = (from: number, count: number): Sample[] =>
  Array.from({ length: count }, (_, index) => ({
    environment,
    number: from + index,
    endpoint: `ep_${(from + index) % 7}`,
    atMs: now - 60_000,
  }));

/** Writes a hundred events, one of them twice, and their attempts, one in five of which is tried twice, one has two outcomes of its first, one no answer; and an event that is not attempted yet. */
async function write(database: Database, from: number): Promise<void> {
  const store = openAuditStore(database, { now: () => now });
  const some = samples(from, 100);
  const audit = batchOf(environment, 'audit', await claim(store, environment, 'audit'), [
    ...some.map(acceptedRecord),
    acceptedRecord(some[50]!),
    acceptedRecord({ ...some[0]!, number: from + 10_000 }),
  ]);
  await store.append(audit);
  const settled = some.flatMap((sample) => {
    const first = settledRecord(sample, { attempt: 1, next: sample.number % 5 === 0 ? 'retry' : 'delivered' });
    const { response: _, ...unanswered } = first;
    if (sample.number % 100 === 1) return [unanswered];
    if (sample.number % 5 !== 0) return [first];
    // What a process that stood still may write: a second outcome of an attempt that is settled. It counts nowhere.
    const other = sample.number % 100 === 0 ? [settledRecord(sample, { attempt: 1, next: 'delivered' })] : [];
    return [first, ...other, settledRecord(sample, { attempt: 2, next: 'dead' })];
  });
  await store.append(batchOf(environment, 'attempts', await claim(store, environment, 'attempts'), settled));
}

const previous = new Map<string, string>();

async function sign(database: Database): Promise<void> {
  for (const head of await readChainHeads(database, environment)) {
    const place = `${head.topic}/${head.partition}`;
    const checkpoint = signCheckpoint(
      { environment, ...head, previous: previous.get(place) ?? null, at: '2030-05-02T12:00:00.000Z' },
      key.privateKey,
    );
    previous.set(place, checkpointDigest(checkpoint));
    lines.push(encodeCheckpoint(checkpoint));
  }
}

beforeAll(async () => {
  const url = await createDatabase(testPostgresUrl(), original);
  await migrate(url);
  lines.push(
    encodeCheckpoint(introduceKey({ environment, at: '2030-05-02T12:00:00.000Z' }, key.publicKey, key.privateKey)),
  );
  let database = openDatabase({ url });
  for (let from = 0; from < events; from += 100) {
    await write(database, from);
    await sign(database);
    if (from !== 500) continue;
    await database.close();
    await createDatabase(testPostgresUrl(), older, original);
    database = openDatabase({ url });
  }
  await database.close();
});

let copy: Database | undefined;
afterAll(() => copy?.close());

interface Tampered {
  readonly threadsFrom?: number;
  readonly of?: string;
  readonly sql?: string;
  readonly checkpoints?: readonly Buffer[];
}

/** Verifies a copy of the audit in which the superuser has done something. */
async function verdictOf({ of = original, sql, checkpoints = lines, ...how }: Tampered): Promise<AuditVerdict> {
  await copy?.close();
  copies += 1;
  const url = await createDatabase(testPostgresUrl(), `${original}_${copies}`, of);
  copy = openDatabase({ url });
  if (sql !== undefined) {
    await copy.query('ALTER TABLE audit_record DISABLE TRIGGER USER');
    await copy.query(`DO $tamper$ BEGIN ${sql} END $tamper$`);
  }
  const book = new CheckpointBook(environment, [key.publicKey]);
  for (const [index, line] of checkpoints.entries()) book.take(line, `line ${index + 1}`);
  return verifyAudit({ database: copy, environment, checkpoints: book, ...how });
}

const attempts = `topic = 'live.attempts' AND partition = 0`;
const first = ({ problems }: AuditVerdict) => {
  const { kind, topic, offset } = problems[0]!;
  return { kind, topic, offset };
};

/** Recomputes every hash from an offset on, and the offset row: what a careful forger does. */
const rehashFrom = (offset: number): string => `
  DECLARE r record; last bytea; BEGIN
    SELECT chain INTO last FROM audit_record WHERE ${attempts} AND record_offset = ${offset - 1};
    FOR r IN SELECT * FROM audit_record WHERE ${attempts} AND record_offset >= ${offset} ORDER BY record_offset LOOP
      last := audit_chain_next(last, r.topic, r.partition, r.record_offset, r.recorded_at, r.key, r.value);
      UPDATE audit_record SET chain = last WHERE ${attempts} AND record_offset = r.record_offset;
    END LOOP;
    UPDATE projection_offset SET head = last WHERE ${attempts};
  END;`;

describe('an audit that nobody touched', () => {
  it.each([
    ['rows, counts, deliveries and every checkpoint', {}],
    ['for threads, too', { threadsFrom: 0 }],
  ])('is clean: %s', async (_what, how) => {
    const verdict = await verdictOf(how);
    expect(verdict.problems).toEqual([]);
    expect(verdict).toMatchObject({
      ok: true,
      rows: events * 2.2 + (3 * events) / 100,
      checkpoints: 20,
      recounted: true,
      recountedBy: 'sums',
    });
  });
});

describe('verification names', () => {
  it('a flipped byte', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET value = set_byte(value, 40, get_byte(value, 40) # 1) WHERE ${attempts} AND record_offset = 321;`,
    });
    expect(first(verdict)).toEqual({ kind: 'row-altered', topic: 'live.attempts', offset: 321 });
    expect(verdict.counts['row-altered']).toBe(1);
  });

  it('a column that says something else than the bytes', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET http_status = 204 WHERE ${attempts} AND record_offset = 600;`,
    });
    expect(first(verdict)).toEqual({ kind: 'columns-differ', topic: 'live.attempts', offset: 600 });
    expect(verdict.problems[0]?.what).toContain('http_status');
  });

  it('a deleted row', async () => {
    const verdict = await verdictOf({ sql: `DELETE FROM audit_record WHERE ${attempts} AND record_offset = 77;` });
    expect(first(verdict)).toEqual({ kind: 'row-missing', topic: 'live.attempts', offset: 77 });
  });

  it('a deleted last row', async () => {
    const verdict = await verdictOf({ sql: `DELETE FROM audit_record WHERE ${attempts} AND record_offset = 1209;` });
    expect(first(verdict)).toEqual({ kind: 'row-missing', topic: 'live.attempts', offset: 1209 });
  });

  it('a deleted last row, with the offset row made to fit', async () => {
    const verdict = await verdictOf({
      sql: `DELETE FROM audit_record WHERE ${attempts} AND record_offset = 1209;
            UPDATE projection_offset SET next = 1209, rows = 1209,
              head = (SELECT chain FROM audit_record WHERE ${attempts} AND record_offset = 1208) WHERE ${attempts};`,
    });
    expect(first(verdict)).toEqual({ kind: 'behind-checkpoint', topic: 'live.attempts', offset: 1209 });
  });

  it('two swapped rows', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET record_offset = -1 WHERE ${attempts} AND record_offset = 150;
            UPDATE audit_record SET record_offset = 150 WHERE ${attempts} AND record_offset = 900;
            UPDATE audit_record SET record_offset = 900 WHERE ${attempts} AND record_offset = -1;`,
    });
    expect(first(verdict)).toEqual({ kind: 'rows-reordered', topic: 'live.attempts', offset: 150 });
    expect(verdict.problems[0]?.what).toContain('150, 900');
  });

  it('rows in another order', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET record_offset = -record_offset WHERE ${attempts} AND record_offset BETWEEN 400 AND 403;
            UPDATE audit_record SET record_offset = 803 + record_offset WHERE ${attempts} AND record_offset BETWEEN -403 AND -400;`,
    });
    expect(first(verdict)).toEqual({ kind: 'rows-reordered', topic: 'live.attempts', offset: 400 });
  });

  it('an inserted row', async () => {
    const verdict = await verdictOf({
      sql: `CREATE TEMP TABLE forged AS SELECT * FROM audit_record WHERE ${attempts} AND record_offset = 500;
            UPDATE forged SET recorded_at = recorded_at + interval '1 ms';
            INSERT INTO audit_record SELECT * FROM forged;`,
    });
    expect(first(verdict)).toEqual({ kind: 'row-inserted', topic: 'live.attempts', offset: 500 });
  });

  it('a row added at the end', async () => {
    const verdict = await verdictOf({
      sql: `CREATE TEMP TABLE forged AS SELECT * FROM audit_record WHERE ${attempts} AND record_offset = 1209;
            UPDATE forged SET record_offset = 1210;
            INSERT INTO audit_record SELECT * FROM forged;`,
    });
    expect(first(verdict)).toEqual({ kind: 'row-altered', topic: 'live.attempts', offset: 1210 });
    expect(verdict.counts['row-inserted']).toBe(1);
  });

  it('a chain that was computed anew over a changed row: only what was signed tells', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET value = convert_to(replace(convert_from(value, 'UTF8'), '"bodyBytes":100', '"bodyBytes":999'), 'UTF8')
            WHERE ${attempts} AND record_offset = 250; ${rehashFrom(250)}`,
    });
    expect(first(verdict)).toEqual({ kind: 'checkpoint-contradicted', topic: 'live.attempts', offset: 242 });
    expect(verdict.counts).toEqual({ 'checkpoint-contradicted': 1 });
  });

  it('an older state of the tables', async () => {
    const verdict = await verdictOf({ of: older });
    expect(first(verdict)).toEqual({ kind: 'behind-checkpoint', topic: 'live.attempts', offset: 726 });
    expect(verdict.counts).toEqual({ 'behind-checkpoint': 2 });
  });

  it('a dropped checkpoint', async () => {
    const verdict = await verdictOf({ checkpoints: lines.toSpliced(7, 1) });
    expect(first(verdict)).toEqual({ kind: 'checkpoint-missing', topic: 'live.attempts', offset: 363 });
  });

  it('a checkpoint of another key', async () => {
    const forged = signCheckpoint(
      {
        environment,
        topic: 'live.audit',
        partition: 0,
        offset: 1000,
        rows: 1000,
        head: '0'.repeat(64),
        previous: null,
        at: '2030-05-02T12:00:00.000Z',
      },
      stranger.privateKey,
    );
    const verdict = await verdictOf({ checkpoints: [...lines, encodeCheckpoint(forged)] });
    expect(first(verdict)).toEqual({ kind: 'checkpoint-forged', topic: 'live.audit', offset: 1000 });
  });

  it('an edited daily count', async () => {
    const verdict = await verdictOf({ sql: `UPDATE daily_count SET fail = fail - 1 WHERE endpoint = 'ep_3';` });
    expect(first(verdict)).toEqual({ kind: 'count-differs', topic: null, offset: null });
    expect(verdict.problems[0]?.what).toContain('prj_1, ep_3, 2030-05-02');
    expect(verdict.counts).toEqual({ 'count-differs': 1 });
  });

  it('a delivery that is said to have ended otherwise', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE delivery SET state = 'delivered', reason = NULL WHERE event = 'evt_5';`,
    });
    expect(first(verdict)).toMatchObject({ kind: 'delivery-differs', topic: 'live.attempts' });
  });

  it('a time that is more exact than a broker tells it', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET recorded_at = recorded_at + interval '1 microsecond' WHERE ${attempts} AND record_offset = 44;`,
    });
    expect(first(verdict)).toEqual({ kind: 'row-altered', topic: 'live.attempts', offset: 44 });
  });

  it('a second outcome that is called the first, with everything that follows from it made to fit', async () => {
    const verdict = await verdictOf({
      sql: `DECLARE r record; BEGIN
        SELECT * INTO r FROM audit_record WHERE ${attempts} AND duplicate ORDER BY record_offset LIMIT 1;
        UPDATE audit_record SET duplicate = false WHERE ${attempts} AND record_offset = r.record_offset;
        UPDATE daily_count SET success = success + 1, delivered = delivered + 1 WHERE endpoint = r.endpoint;
      END;`,
    });
    expect(verdict.counts['flag-differs']).toBe(1);
    expect(verdict.counts['count-differs']).toBe(1);
  });

  it('a delivery that stands twice, once the index is gone that would not let it', async () => {
    const verdict = await verdictOf({
      sql: `ALTER TABLE delivery DROP CONSTRAINT delivery_pkey CASCADE;
            INSERT INTO delivery SELECT * FROM delivery WHERE event = 'evt_5';
            UPDATE delivery SET state = 'delivered', reason = NULL WHERE ctid = (SELECT max(ctid) FROM delivery WHERE event = 'evt_5');`,
    });
    expect(first(verdict)).toMatchObject({ kind: 'delivery-differs', topic: 'live.attempts' });
  });

  it('a byte that was flipped, for threads, too', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET value = set_byte(value, 40, get_byte(value, 40) # 1) WHERE ${attempts} AND record_offset = 321;`,
      threadsFrom: 0,
    });
    expect(first(verdict)).toEqual({ kind: 'row-altered', topic: 'live.attempts', offset: 321 });
  });

  it('a first record that is called a copy', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET duplicate = true WHERE ${attempts} AND record_offset = 31;`,
    });
    expect(first(verdict)).toEqual({ kind: 'flag-differs', topic: 'live.attempts', offset: 31 });
  });

  it('an answer beside an attempt that got none', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET response_excerpt = 'thank you' WHERE ${attempts} AND response_digest IS NULL;`,
    });
    expect(first(verdict)).toMatchObject({ kind: 'excerpt-differs', topic: 'live.attempts' });
    expect(verdict.counts).toEqual({ 'excerpt-differs': events / 100 });
  });

  it('a first trace of an event that is called a copy', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET duplicate = true WHERE topic = 'live.audit' AND record_offset = 31;`,
    });
    expect(first(verdict)).toEqual({ kind: 'flag-differs', topic: 'live.audit', offset: 31 });
    expect(verdict.counts).toEqual({ 'flag-differs': 1 });
  });

  it('an attempt of which only the bytes are left, as if PostgreSQL had refused it, with everything made to fit', async () => {
    const verdict = await verdictOf({
      sql: `DECLARE r record; BEGIN
        SELECT * INTO r FROM audit_record WHERE ${attempts} AND duplicate = false AND status = 'SUCCESS' AND attempt = 1 AND record_offset > 30 ORDER BY record_offset LIMIT 1;
        DELETE FROM audit_record WHERE ${attempts} AND record_offset = r.record_offset;
        INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, key, value, chain, duplicate, late, unreadable, problem)
        VALUES (r.environment, r.topic, r.partition, r.record_offset, r.recorded_at, r.key, r.value, r.chain, false, false, true,
          'refused by PostgreSQL: invalid byte sequence');
        UPDATE delivery SET state = 'pending', attempts = 0, settled_at = NULL, settled_attempts = NULL WHERE dispatch = r.dispatch;
        INSERT INTO delivery_open SELECT environment, dispatch, round, state, first_seen FROM delivery WHERE dispatch = r.dispatch;
        UPDATE daily_count SET success = success - 1, delivered = delivered - 1 WHERE endpoint = r.endpoint;
      END;`,
    });
    expect(first(verdict)).toMatchObject({ kind: 'columns-differ', topic: 'live.attempts' });
    expect(verdict.counts).toEqual({ 'columns-differ': 1 });
  });

  it('columns that say what they like, as if PostgreSQL had refused what the bytes say', async () => {
    const verdict = await verdictOf({
      sql: `UPDATE audit_record SET http_status = 204, unreadable = true, problem = 'refused by PostgreSQL: integer out of range'
            WHERE ${attempts} AND record_offset = 600;`,
    });
    expect(first(verdict)).toEqual({ kind: 'columns-differ', topic: 'live.attempts', offset: 600 });
    expect(verdict.bareRows).toBe(0);
  });

  it('open ones that are called delivered, and are not found among the undelivered any more', async () => {
    const verdict = await verdictOf({
      sql: `DELETE FROM delivery_open WHERE state = 'pending';
            UPDATE delivery SET state = 'delivered' WHERE state = 'pending';`,
    });
    expect(verdict.counts).toEqual({ 'delivery-differs': events / 100 });
    expect(verdict.problems[0]?.what).toContain(
      'stands as delivered after 0 attempts at no time, its records say open',
    );
  });

  it('undelivered ones that are not found among them any more, or as something else', async () => {
    const gone = await verdictOf({ sql: `DELETE FROM delivery_open WHERE state = 'dead' AND dispatch < 'dsp_c';` });
    expect(Object.keys(gone.counts)).toEqual(['delivery-differs']);
    const moved = await verdictOf({
      sql: `UPDATE delivery_open SET state = 'suppressed' WHERE dispatch = (SELECT min(dispatch) FROM delivery_open);`,
    });
    expect(moved.counts).toEqual({ 'delivery-differs': 1 });
    expect(moved.problems[0]?.what).toContain('is dead and stands among the undelivered as suppressed');
  });
});
