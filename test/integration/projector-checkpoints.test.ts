// Signed checkpoints on real Kafka and PostgreSQL: what stands on the topic is what the tables come to, one upon the other,
// over a projector that is stopped and one that takes its place.

import { createPublicKey } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkpointDigest,
  decodeCheckpoint,
  encodeAudit,
  verifyCheckpoint,
  type AuditCheckpoint,
  type CheckpointRecord,
} from '@postrider/core/contracts';
import { migrate, openDatabase, type Database } from '@postrider/postgres';
import { makeCheckpointKey, type Service } from '@postrider/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { settledRecord } from '../support/audit-log.ts';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, createTestService, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const environment = testPrefix('projectorcheckpoints');
const keyPath = join(mkdtempSync(join(tmpdir(), 'checkpoint-')), 'key.pem');
let postrider: TestPostrider;
let database: Database;
let options: Parameters<typeof createTestService>[1];

beforeAll(async () => {
  const postgresUrl = await createTestDatabase('projectorcheckpoints');
  await migrate(postgresUrl);
  database = openDatabase({ url: postgresUrl });
  options = {
    brokers: testBrokers(),
    postgresUrl,
    environment,
    set: [`audit.checkpointKey=${keyPath}`, 'audit.checkpointIntervalMs=100ms'],
  };
  postrider = createTestPostrider(options);
  await postrider.applyTopics();
});
afterAll(async () => {
  await postrider.stop();
  await database.close();
});

const projector = (): Service => createTestService('audit-projector', options, postrider.cluster, postrider.metrics);

const failing = {
  fail: (error: Error): void => {
    throw error;
  },
};

async function publish(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await postrider.appender.appendAll(
    numbers.map((number) => ({
      topic: postrider.topics.attempts,
      partition: number % 2,
      key: 'key',
      value: encodeAudit(
        settledRecord(
          { environment, number, endpoint: `ep_${number % 2}`, atMs: 0 },
          { attempt: 1, next: 'delivered' },
        ),
      ),
    })),
  );
}

async function onTopic(): Promise<CheckpointRecord[]> {
  const records: CheckpointRecord[] = [];
  await postrider.cluster.scan({
    topic: postrider.topics.checkpoints,
    from: 'earliest',
    onRecord: ({ value }) => {
      const decoded = decodeCheckpoint(value);
      if (!decoded.ok) throw new Error(decoded.problem);
      records.push(decoded.value);
    },
  });
  return records;
}

const failures = async (): Promise<number> =>
  Number(/^postrider_audit_checkpoint_failures_total (\d+)/m.exec((await postrider.metrics.scrape()).text)?.[1] ?? 0);

const lastOf = (records: readonly CheckpointRecord[], partition: number): AuditCheckpoint | undefined =>
  records.findLast(
    (record): record is AuditCheckpoint => record.type === 'Checkpoint' && record.partition === partition,
  );

/** Waits until each partition's last checkpoint speaks of so many rows. */
const signedUpTo = (rows: number): Promise<CheckpointRecord[]> =>
  eventually(onTopic, (records) => [0, 1].every((partition) => lastOf(records, partition)?.rows === rows), 30_000);

it('says what to do about a key that is not there', async () => {
  await expect(projector().start(failing)).rejects.toThrow(/does not exist.*postrider keys checkpoint create/);
});

it('refuses to run in live without one', async () => {
  const live = createTestService(
    'audit-projector',
    { ...options, environment: 'live', set: [] },
    postrider.cluster,
    postrider.metrics,
  );
  await expect(live.start(failing)).rejects.toThrow(/without audit.checkpointKey.*audit.unsignedInLive=true/);
});

it('signs what the tables come to, goes on after a restart, and signs once more as it leaves', async () => {
  const key = makeCheckpointKey(keyPath);
  if (!key.ok) throw new Error(key.problem);
  const one = projector();
  await one.start(failing);
  await publish(0, 100);
  await signedUpTo(50);
  await publish(100, 140);
  await signedUpTo(70);
  await one.stop({ reason: 'test', drainTimeoutMs: 5_000 });

  const two = projector();
  await two.start(failing);
  await publish(140, 200);
  const records = await signedUpTo(100);
  await two.stop({ reason: 'test', drainTimeoutMs: 5_000 });

  const publicKey = createPublicKey(key.privateKey);
  expect(records.every((record) => verifyCheckpoint(record, publicKey))).toBe(true);
  expect(records.map(({ type }) => type).filter((type) => type === 'CheckpointKeyIntroduced')).toHaveLength(1);
  for (const partition of [0, 1]) {
    const all = records.filter(
      (record): record is AuditCheckpoint => record.type === 'Checkpoint' && record.partition === partition,
    );
    expect(all.map(({ previous }) => previous)).toEqual([null, ...all.slice(0, -1).map(checkpointDigest)]);
    const rows = await database.query<{ head: string; rows: number }>(
      `SELECT encode(chain, 'hex') AS head, record_offset + 1 AS rows FROM audit_record
       WHERE topic = $1 AND partition = $2 ORDER BY record_offset`,
      [postrider.topics.attempts, partition],
    );
    for (const { head, rows: count } of all) expect(rows[count - 1]).toEqual({ head, rows: count });
  }
});

it('counts each round in which it may not sign, because nobody introduced its key', async () => {
  const unknown = join(mkdtempSync(join(tmpdir(), 'checkpoint-')), 'unknown.pem');
  makeCheckpointKey(unknown);
  const set = [`audit.checkpointKey=${unknown}`, 'audit.checkpointIntervalMs=100ms'];
  const before = await failures();
  const stranger = createTestService('audit-projector', { ...options, set }, postrider.cluster, postrider.metrics);
  await stranger.start(failing);
  await publish(200, 210);
  await eventually(failures, (count) => count > before, 15_000);
  expect(stranger.readiness().reasons.join()).toContain('keys checkpoint rotate');
  await stranger.stop({ reason: 'test', drainTimeoutMs: 5_000 });
});
