// Where a rebuild ends: when the connection to PostgreSQL breaks after a commit and before its answer, when there is nothing to write, and
// when topics get partitions meanwhile.

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

const clock = { now: () => now, monotonic: () => 0 };
const sleep = async (): Promise<void> => undefined;
const signal = new AbortController().signal;

/** A log of one partition for each topic, and all records in that of the audit. @param partitions of each, when they are assigned */
function cluster(partitionsLater = 1): KafkaCluster {
  const consumeGroup = (options: GroupOptions): GroupConsumer => {
    const deliver = async (): Promise<void> => {
      const partitions = [topics.audit, topics.attempts].flatMap((topic) =>
        Array.from({ length: partitionsLater }, (_, partition) => {
          const logEnd = topic === topics.audit && partition === 0 ? count : 0;
          return { topic, partition, committed: null, logStart: 0, logEnd };
        }),
      );
      options.onAssigned!({ assignment: partitions, added: partitions, kept: [], lost: [] }, { id: 1, memberId: 'm' });
      const starts = await options.prepare!(partitions, signal);
      const at = starts?.find(({ topic, partition }) => topic === topics.audit && partition === 0)?.offset ?? 0;
      // As the consumer does it: at the end of a log nothing is delivered.
      if (at < count)
        options.onRecords({
          topic: topics.audit,
          partition: 0,
          records: records.slice(at),
          nextOffset: count,
          highWatermark: count,
        });
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

it('ends as if nothing had been where an answer was lost', async () => {
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
    clock,
    sleep,
    signal,
    onTrouble: (message) => told.push(message),
  });
  expect(told).toEqual(['the answer was lost']);
  expect(await verifyAudit({ database, environment, checkpoints: undefined })).toMatchObject({
    problems: [],
    rows: count,
  });
});

it('ends at once where the tables are at the ends of the log already', async () => {
  expect(await rebuildTables({ environment, cluster: cluster(), database, clock, sleep, signal })).toMatchObject({
    records: 0,
  });
});

it('ends where topics got partitions since it began', async () => {
  const url = await createTestDatabase('rebuildgrown');
  await migrate(url);
  const empty = openDatabase({ url });
  expect(
    await rebuildTables({ environment, cluster: cluster(2), database: empty, clock, sleep, signal }),
  ).toMatchObject({ records: count });
  await empty.close();
});
