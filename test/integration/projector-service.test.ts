// The projector on real Kafka and real PostgreSQL: killed at any moment, doubled, cut off from its database, it puts every
// record of the log into the tables, in place, and counts it once.

import { encodeAudit, responseHeader } from '@postrider/core/contracts';
import { migrate, openAuditReads, openDatabase, type AuditReads, type Database } from '@postrider/postgres';
import { createMetrics, type Service } from '@postrider/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { brokenLinks } from '../support/chain-links.ts';
import { eventually } from '../support/eventually.ts';
import {
  createTestPostrider,
  createTestService,
  type TestPostrider,
  type TestPostriderOptions,
} from '../support/postrider.ts';
import { startProjectorProcess } from '../support/projector-process.ts';
import { createTestDatabase, testBrokers, testPostgresUrl, testPrefix } from '../support/stack.ts';

const partitions = 4;
const patienceMs = 30_000;

/** Nothing here is beyond mending. */
const failing = {
  fail: (error: Error): void => {
    throw error;
  },
};

interface World {
  readonly options: TestPostriderOptions;
  readonly postrider: TestPostrider;
  readonly database: Database;
  readonly reads: AuditReads;
}

async function createWorld(name: string, migrated = true): Promise<World> {
  const postgresUrl = await createTestDatabase(name);
  if (migrated) await migrate(postgresUrl);
  const environment = testPrefix(name);
  const options: TestPostriderOptions = { brokers: testBrokers(), postgresUrl, environment };
  const postrider = createTestPostrider(options);
  await postrider.applyTopics();
  const database = openDatabase({ url: postgresUrl });
  return { options, postrider, database, reads: openAuditReads(database, environment) };
}

async function endWorld({ postrider, database }: World): Promise<void> {
  await postrider.stop();
  await database.close();
}

/** Accepts and settles events `from` to `to`: every third takes two attempts, every fifth ends dead; one in ten is resent. */
async function publish({ options, postrider }: World, from: number, to: number): Promise<number> {
  const records = [];
  for (let number = from; number < to; number += 1) {
    const partition = number % partitions;
    const sample: Sample = {
      environment: options.environment,
      number,
      endpoint: `ep_${partition}`,
      atMs: Date.UTC(2030, 0, 1) + number,
    };
    const put = (topic: string, record: Parameters<typeof encodeAudit>[0]) => ({
      topic,
      partition,
      key: 'key',
      value: encodeAudit(record),
    });
    records.push(put(postrider.topics.audit, acceptedRecord(sample)));
    if (number % 3 === 0)
      records.push(put(postrider.topics.attempts, settledRecord(sample, { attempt: 1, next: 'retry' })));
    const last = put(
      postrider.topics.attempts,
      settledRecord(sample, { attempt: number % 3 === 0 ? 2 : 1, next: number % 5 === 0 ? 'dead' : 'delivered' }),
    );
    records.push(last);
    if (number % 10 === 0) records.push(last);
  }
  await postrider.appender.appendAll(records);
  return records.length;
}

/** Waits until the tables stand at the end of both topics. */
async function caughtUp({ postrider, reads }: World): Promise<void> {
  const admin = postrider.cluster.admin();
  const ends = new Map<string, number>();
  for (const topic of [postrider.topics.audit, postrider.topics.attempts]) {
    for (const [partition, end] of await admin.endOffsets(topic)) ends.set(`${topic}/${partition}`, end);
  }
  await admin.close();
  await eventually(
    async () => {
      const status = new Map(
        (await reads.projectionStatus()).map(({ topic, partition, next }) => [`${topic}/${partition}`, next]),
      );
      return [...ends]
        .filter(([key, end]) => (status.get(key) ?? 0) < end)
        .map(([key, end]) => `${key}: ${status.get(key)} of ${end}`);
    },
    (behind) => behind.length === 0,
    patienceMs,
  );
}

/**
 * Every offset of every partition stands once and in the chain, the counts are those of a recount and of what was published.
 * What the appender resent must stand there as a duplicate.
 */
async function expectExact({ database, options, reads }: World, events: number): Promise<void> {
  const gaps = await database.query<{ topic: string; rows: number; offsets: number }>(
    `SELECT topic, partition, count(*) AS rows, max(record_offset) - min(record_offset) + 1 AS offsets, min(record_offset) AS first
     FROM audit_record WHERE environment = $1 GROUP BY topic, partition HAVING count(*) <> max(record_offset) + 1`,
    [options.environment],
  );
  expect(gaps).toEqual([]);
  expect(await brokenLinks(database, options.environment)).toEqual([]);
  const numbers = Array.from({ length: events }, (_, number) => number);
  const dead = numbers.filter((number) => number % 5 === 0).length;
  const twice = numbers.filter((number) => number % 3 === 0).length;
  const totals = await reads.totals();
  expect(totals.duplicates).toBeGreaterThanOrEqual(numbers.filter((number) => number % 10 === 0).length);
  expect(totals).toMatchObject({
    records: 2 * events + twice + totals.duplicates,
    late: 0,
    unreadable: 0,
    deliveries: { pending: 0, retrying: 0, deferred: 0, delivered: events - dead, dead, suppressed: 0 },
    retried: twice,
  });
  const counts = await reads.dailyCounts();
  const sum = (of: (count: (typeof counts)[number]) => number): number => counts.reduce((n, count) => n + of(count), 0);
  expect([sum((c) => c.success), sum((c) => c.fail), sum((c) => c.delivered), sum((c) => c.dead)]).toEqual([
    events - dead,
    twice + dead,
    events - dead,
    dead,
  ]);
  expect(await reads.recount()).toEqual(counts);
}

/** What one process has counted, over both topics. */
function projectedRows(text: string, what: 'rows' | 'duplicates' | 'fenced' = 'rows'): number {
  const lines = text.matchAll(new RegExp(`^postrider_projection_${what}_total\\{.*\\} (\\d+)$`, 'gm'));
  return [...lines].reduce((sum, [, n]) => sum + Number(n), 0);
}

describe('the projector', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld('projectorone');
  });
  afterAll(() => endWorld(world));

  it('puts both topics into the tables, tells its lag, and commits to the group what it wrote', async () => {
    await world.postrider.start(['audit-projector']);
    await world.postrider.ready(patienceMs);
    await publish(world, 0, 300);
    const { postrider } = world;
    await postrider.appender.append({
      topic: postrider.topics.attempts,
      partition: 0,
      key: 'key',
      value: encodeAudit(
        settledRecord(
          { environment: world.options.environment, number: 300, endpoint: 'ep_0', atMs: Date.UTC(2030, 0, 1) },
          { attempt: 1, next: 'delivered' },
        ),
      ),
      headers: { [responseHeader]: Buffer.from([0xff, 0]) },
    });
    await caughtUp(world);
    const { records, duplicates } = await world.reads.totals();
    expect(records - duplicates).toBe(300 + 300 + 100 + 1);
    const excerpts = await world.database.query<{ response_excerpt: Buffer }>(
      'SELECT response_excerpt FROM audit_record WHERE response_excerpt IS NOT NULL',
    );
    expect(excerpts).toEqual([{ response_excerpt: Buffer.from([0xff, 0]) }]);
    const text = await eventually(
      async () => (await postrider.metrics.scrape()).text,
      (each) => /projection_lag_records\{[^}]*attempts"\} 0/.test(each),
      patienceMs,
    );
    expect(projectedRows(text)).toBe(records);
    expect(projectedRows(text, 'duplicates')).toBe(duplicates);
    const admin = postrider.cluster.admin();
    const groupId = `${world.options.environment}.audit-projector`;
    await eventually(
      async () =>
        (await admin.committed(groupId, [postrider.topics.audit, postrider.topics.attempts])).reduce(
          (sum, { offset }) => sum + offset,
          0,
        ),
      (sum) => sum === records,
      patienceMs,
    );
    await admin.close();
  });
});

describe('a projector that is killed', () => {
  it('goes on where the tables stand, however often it dies in the middle', async () => {
    const world = await createWorld('projectorkill');
    try {
      const events = 6_000;
      await publish(world, 0, events);
      // Each life writes some rows and is ended wherever it is then: before, within or behind a commit. The next one has
      // to wait until the group has missed it.
      let rows = 0;
      for (let life = 0; life < 2; life += 1) {
        const process = startProjectorProcess(world.options, ['projector.batchRecords=37']);
        const before = rows;
        try {
          rows = await eventually(
            async () => (await world.reads.totals()).records,
            (now) => now > before + 300,
            patienceMs,
            5,
          );
        } finally {
          await process.kill();
        }
      }
      expect(rows).toBeLessThan(events * 2);
      await world.postrider.start(['audit-projector']);
      await caughtUp(world);
      await expectExact(world, events);
    } finally {
      await endWorld(world);
    }
  });

  it('is replaced by another that runs beside it, and the two never count a record twice', async () => {
    const world = await createWorld('projectortwo');
    try {
      await world.postrider.start(['audit-projector']);
      await publish(world, 0, 1_000);
      const other = startProjectorProcess(world.options, ['projector.batchRecords=50']);
      const admin = world.postrider.cluster.admin();
      try {
        const group = `${world.options.environment}.audit-projector`;
        await eventually(
          () => admin.describeGroup(group),
          ({ state, members }) => state === 'Stable' && members.length === 2,
          patienceMs,
        );
        await publish(world, 1_000, 2_000);
        await caughtUp(world);
      } finally {
        await admin.close();
        await other.kill();
      }
      await publish(world, 2_000, 3_000);
      await caughtUp(world);
      await expectExact(world, 3_000);
    } finally {
      await endWorld(world);
    }
  });

  it('is fenced by one of another group that reads the same partitions', async () => {
    const world = await createWorld('projectorfence');
    const metrics = createMetrics({ version: 'test', processMetrics: false });
    // A second Kafka group over the same tables: what a misconfiguration or a zombie looks like to PostgreSQL.
    const consumeGroup: TestPostrider['cluster']['consumeGroup'] = (options) =>
      world.postrider.cluster.consumeGroup({ ...options, groupId: `${options.groupId}.zombie` });
    const cluster = { ...world.postrider.cluster, consumeGroup };
    const zombie: Service = createTestService('audit-projector', world.options, cluster, metrics);
    try {
      await world.postrider.start(['audit-projector']);
      await zombie.start(failing);
      await eventually(
        async () => zombie.readiness(),
        ({ ready }) => ready,
        patienceMs,
      );
      await world.postrider.ready(patienceMs);
      for (let from = 0; from < 2_000; from += 200) await publish(world, from, from + 200);
      await caughtUp(world);
      await expectExact(world, 2_000);
      const texts = await Promise.all(
        [metrics, world.postrider.metrics].map(async (each) => (await each.scrape()).text),
      );
      const sum = (what: 'rows' | 'fenced'): number =>
        texts.reduce((total, text) => total + projectedRows(text, what), 0);
      // Which of the two is first is chance; that both were there shows in who was too late.
      expect(sum('fenced')).toBeGreaterThan(0);
      expect(sum('rows')).toBe((await world.reads.totals()).records);
    } finally {
      await zombie.stop({ reason: 'test', drainTimeoutMs: 2_000 });
      metrics.close();
      await endWorld(world);
    }
  });
});

describe('a projector without its database', () => {
  it('waits for it, says so, and catches up when it is back', async () => {
    const world = await createWorld('projectoraway');
    const server = openDatabase({ url: testPostgresUrl() });
    const name = new URL(world.options.postgresUrl).pathname.slice(1);
    try {
      const service = createTestService(
        'audit-projector',
        world.options,
        world.postrider.cluster,
        world.postrider.metrics,
      );
      await service.start(failing);
      await publish(world, 0, 100);
      await caughtUp(world);

      await server.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS false`);
      await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
      await publish(world, 100, 1_000);
      const reasons = await eventually(
        async () => service.readiness(),
        ({ ready }) => !ready,
        patienceMs,
      );
      expect(reasons.reasons.join()).toMatch(/PostgreSQL \(unreachable\)/);

      await server.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS true`);
      await caughtUp(world);
      await eventually(
        async () => service.readiness(),
        ({ ready }) => ready,
        patienceMs,
      );
      await expectExact(world, 1_000);
      await service.stop({ reason: 'test', drainTimeoutMs: 2_000 });
    } finally {
      await server.close();
      await endWorld(world);
    }
  });

  it('starts before the tables exist, says what to run, and begins when it was run', async () => {
    const world = await createWorld('projectorearly', false);
    try {
      const service = createTestService(
        'audit-projector',
        world.options,
        world.postrider.cluster,
        world.postrider.metrics,
      );
      await service.start(failing);
      await publish(world, 0, 50);
      await eventually(
        async () => service.readiness(),
        ({ reasons }) => reasons.join().includes('not-migrated'),
        patienceMs,
      );
      await migrate(world.options.postgresUrl);
      await caughtUp(world);
      await expectExact(world, 50);
      await service.stop({ reason: 'test', drainTimeoutMs: 2_000 });
    } finally {
      await endWorld(world);
    }
  });
});

describe('a projector whose tables belong to another log', () => {
  it('stands still there and says so, instead of writing old offsets again', async () => {
    const world = await createWorld('projectorahead');
    try {
      const { environment } = world.options;
      await world.database.query(
        `INSERT INTO projection_offset (environment, topic, partition, next, head, rows)
         VALUES ($1, $2, 0, 1000000, audit_chain_start($1, $2, 0), 0)`,
        [environment, world.postrider.topics.audit],
      );
      const service = createTestService(
        'audit-projector',
        world.options,
        world.postrider.cluster,
        world.postrider.metrics,
      );
      await service.start(failing);
      await publish(world, 0, 40);
      const { reasons } = await eventually(
        async () => service.readiness(),
        (each) => each.reasons.join().includes('another Kafka'),
        patienceMs,
      );
      expect(reasons.join()).toContain(`${world.postrider.topics.audit}/0`);
      // The other partitions go on.
      const others = (all: { topic: string; partition: number; next: number }[]) =>
        all.filter(({ topic, partition }) => topic !== world.postrider.topics.audit || partition !== 0);
      await eventually(
        () => world.reads.projectionStatus(),
        (all) => others(all).length === 7 && others(all).every(({ next }) => next >= 10),
        patienceMs,
      );
      await service.stop({ reason: 'test', drainTimeoutMs: 2_000 });
    } finally {
      await endWorld(world);
    }
  });
});
