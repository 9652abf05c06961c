// A rebuild whose connection to PostgreSQL breaks after a commit and before its answer.

import { rebuildTables } from '@postrider/audit-projector';
import { encodeAudit, topicNames } from '@postrider/core/contracts';
import type { GroupConsumer, GroupOptions, KafkaCluster, KafkaRecord } from '@postrider/kafka';
import { migrate, openDatabase, PostgresError, type Database } from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { acceptedRecord } from '../support/audit-log.ts';
import { now } from '../support/audit-tables.ts';
import { createTestDatabase } from '../support/stack.ts';

const environment = 'rebuilt';
const topics = topicNames(environment);
const count = 3;
let database: Database;

beforeAll(async () => {
  const url = await createTestDatabase('rebuildfaults');
  await migrate(url);
  database = openDatabase({ url });
});
afterAll(() => database.close());

const records = Array.from({ length: count }, (_, number): KafkaRecord => {
  const value = encodeAudit(acceptedRecord({ environment, number, endpoint: 'ep_1', atMs: now }));
  const at = { topic: topics.audit, partition: 0, offset: number, timestamp: now };
  return { ...at, key: null, value: Buffer.from(value), headers: new Map() };
});

/** A log of one partition for each topic, and all records in that of the audit. */
function cluster(): KafkaCluster {
  const consumeGroup = (options: GroupOptions): GroupConsumer => {
    const deliver = async (): Promise<void> => {
      const partitions = [topics.audit, topics.attempts].map((topic) => {
        return { topic, partition: 0, committed: null, logStart: 0, logEnd: topic === topics.audit ? count : 0 };
      });
      await options.prepare!(partitions, new AbortController().signal);
      options.onAssigned!({ assignment: partitions, added: partitions, kept: [], lost: [] }, { id: 1, memberId: 'm' });
      options.onRecords({ topic: topics.audit, partition: 0, records, nextOffset: count, highWatermark: count });
    };
    void deliver();
    return { pause() {}, resume() {}, seek() {}, stop: async () => undefined } as unknown as GroupConsumer;
  };
  const admin = {
    endOffsets: async (topic: string) => new Map([[0, topic === topics.audit ? count : 0]]),
    deleteGroup: async () => undefined,
  };
  return { consumeGroup, admin: () => admin } as unknown as KafkaCluster;
}

it('ends as if nothing had been', async () => {
  const told: string[] = [];
  const forgetful: Database = {
    ...database,
    query: async <R extends object>(sql: string, values?: readonly unknown[], kept?: string) => {
      const rows = await database.query<R>(sql, values, kept);
      if (!sql.includes('audit_append(') || told.length > 0) return rows;
      throw new PostgresError('unreachable', 'the answer was lost');
    },
  };
  await rebuildTables({
    environment,
    cluster: cluster(),
    database: forgetful,
    clock: { now: () => now, monotonic: () => 0 },
    sleep: async () => undefined,
    signal: new AbortController().signal,
    onTrouble: (message) => told.push(message),
  });
  expect(told).toEqual(['the answer was lost']);
  expect(await verifyAudit({ database, environment, checkpoints: undefined })).toMatchObject({
    problems: [],
    rows: count,
  });
});
