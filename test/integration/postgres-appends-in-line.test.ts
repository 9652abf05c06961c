// Two appends under way at once, on a real server: the second waits for the offset rows of the first, and stands upon it or not
// at all, whatever becomes of the first.

import {
  openAuditStore,
  openDatabase,
  PostgresError,
  type AppendBatch,
  type AppendResult,
  type AuditStore,
  type Database,
} from '@postrider/postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptedRecord, settledRecord } from '../support/audit-log.ts';
import { batchOf, claim, now, openAuditTables, type AuditTables } from '../support/audit-tables.ts';

let tables: AuditTables;
let projector: Database;
let store: AuditStore;
/** Before and after the n-th statement of an append, from 0. */
let before: (nth: number) => Promise<unknown>;
let after: (nth: number) => void;
let asked = 0;

beforeAll(async () => {
  tables = await openAuditTables('appendsinline');
  projector = openDatabase({ url: tables.url, role: 'postrider_projector', applicationName: 'in line' });
});
beforeEach(() => {
  asked = 0;
  before = async () => undefined;
  after = () => undefined;
  const watched: Database = {
    ...projector,
    query: async <R extends object>(sql: string, values: readonly unknown[] = [], kept?: string) => {
      if (!sql.includes('audit_append')) return projector.query<R>(sql, values, kept);
      const nth = asked;
      asked += 1;
      await before(nth);
      const rows = await projector.query<R>(sql, values, kept);
      after(nth);
      return rows;
    },
  };
  store = openAuditStore(watched, { now: () => now });
});
afterAll(async () => {
  await projector.close();
  await tables.database.close();
});

/** Server processes of these appends that wait for a lock, the first to wait first; looks until there are so many. */
async function waiting(count: number): Promise<number[]> {
  for (let look = 0; look < 10_000; look += 1) {
    const rows = await tables.database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'in line' AND datname = current_database() AND wait_event_type = 'Lock' ORDER BY query_start`,
    );
    if (rows.length === count) return rows.map(({ pid }) => pid);
  }
  throw new Error(`${count} appends never waited`);
}

/**
 * Both are at the server and wait there when `meanwhile` is called, the first for an offset row that somebody holds, the second behind it.
 * @returns what became of each; an error where there was one
 */
async function bothUnderWay(
  environment: string,
  [first, second]: readonly [readonly AppendBatch[], readonly AppendBatch[]],
  meanwhile: (pids: readonly number[]) => Promise<unknown> = async () => undefined,
) {
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holding = tables.database.transaction(async (session) => {
    await session.query('SELECT FROM projection_offset WHERE environment = $1 FOR UPDATE', [environment]);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  before = async (nth) => nth === 1 && waiting(1);
  const appending = store.appendTogether(first).catch((error: unknown) => error as PostgresError);
  const behind = await store.prepare(second, () => false);
  expect(behind).toBeDefined();
  await meanwhile(await waiting(2));
  letGo.resolve();
  await holding;
  return { first: await appending, second: await behind!.ended };
}

const counted = { kind: 'appended', duplicates: 0, late: 0, unreadable: 0, defaulted: 0 };
const fenced = { kind: 'fenced' };

/** What a delivery came to, and whether counts and chain hold. */
async function standing(environment: string) {
  const [chain] = await tables.database.query<{ holds: boolean; rows: number }>(
    `SELECT bool_and(chain = audit_chain_next(previous, topic, partition, record_offset, recorded_at, key, value)) AS holds, count(*) AS rows FROM (
       SELECT *, coalesce(lag(chain) OVER (PARTITION BY topic, partition ORDER BY record_offset),
                          audit_chain_start(environment, topic, partition)) AS previous
       FROM audit_record WHERE environment = $1
     ) AS linked`,
    [environment],
  );
  const deliveries = await tables.database.query(
    'SELECT state, attempts FROM delivery WHERE environment = $1 ORDER BY event',
    [environment],
  );
  const open = await tables.database.query('SELECT state FROM delivery_open WHERE environment = $1', [environment]);
  return { ...chain, deliveries, open: open.length };
}

/** Accepted and tried once; then tried again, and another accepted. */
async function twoAppends() {
  const { environment, reads, sample } = tables.fresh();
  await claim(store, environment, 'audit');
  await claim(store, environment, 'attempts');
  const first = [
    batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))]),
    batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'retry' })]),
  ];
  const second = [
    batchOf(environment, 'audit', 1, [acceptedRecord(sample(2))]),
    batchOf(environment, 'attempts', 1, [settledRecord(sample(1), { attempt: 2, next: 'delivered' })]),
  ];
  const both = [first, second] as const;
  const expectAll = async (): Promise<void> => {
    expect(await standing(environment)).toEqual({
      holds: true,
      rows: 4,
      deliveries: [
        { state: 'delivered', attempts: 2 },
        { state: 'pending', attempts: 0 },
      ],
      open: 1,
    });
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  };
  return { environment, both, first, second, sample, expectAll };
}

describe('an append that is sent before the one before it is answered', () => {
  it('is written upon that one, with the deliveries as it leaves them', async () => {
    const { environment, both, expectAll } = await twoAppends();
    expect(await bothUnderWay(environment, both)).toMatchObject({
      first: [counted, counted],
      second: [counted, counted],
    });
    expect(asked).toBe(2);
    await expectAll();
  });

  it('is not written when that one is rolled back, and both are written when they are appended again', async () => {
    const { environment, both, first, second, expectAll } = await twoAppends();
    const ended = await bothUnderWay(environment, both, ([pid]) =>
      tables.database.query('SELECT pg_terminate_backend($1, 5000)', [pid]),
    );
    expect(ended).toMatchObject({ first: { code: 'unreachable' }, second: undefined });
    expect(await standing(environment)).toMatchObject({ rows: 0, deliveries: [] });
    expect(await store.appendTogether(first)).toMatchObject([counted, counted]);
    expect(await store.appendTogether(second)).toMatchObject([counted, counted]);
    await expectAll();
  });

  it('stands when the answer of that one is lost and its commit is not: the offset rows say so', async () => {
    const { environment, both, first, expectAll } = await twoAppends();
    after = (nth) => {
      if (nth === 0) throw new PostgresError('unreachable', 'the answer was lost');
    };
    expect(await bothUnderWay(environment, both)).toMatchObject({
      first: { code: 'unreachable' },
      second: [counted, counted],
    });
    expect(await store.appendTogether(first)).toEqual([fenced, fenced]);
    expect([await claim(store, environment, 'audit'), await claim(store, environment, 'attempts')]).toEqual([2, 2]);
    await expectAll();
  });

  it('is told to be unknown when its own answer is lost, and found to stand', async () => {
    const { environment, both, second, expectAll } = await twoAppends();
    after = (nth) => {
      if (nth === 1) throw new PostgresError('unreachable', 'the answer was lost');
    };
    expect(await bothUnderWay(environment, both)).toMatchObject({ first: [counted, counted], second: undefined });
    expect(await store.appendTogether(second)).toEqual([fenced, fenced]);
    await expectAll();
  });

  it('is not written when another process has the partitions meanwhile', async () => {
    const { environment, both, first, second, expectAll } = await twoAppends();
    const results: AppendResult[] = [];
    // The other one's transaction holds the offset rows while both wait for them.
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const otherWrites = tables.database.transaction(async (session) => {
      const apart: Database['query'] = (sql, values, kept) =>
        (sql.includes('audit_append') ? session : tables.database).query(sql, values, kept);
      const other = openAuditStore({ ...tables.database, query: apart }, { now: () => now });
      results.push(...(await other.appendTogether(first)));
      held.resolve();
      await gate.promise;
    });
    await held.promise;
    before = async (nth) => nth === 1 && waiting(1);
    const appending = store.appendTogether(first);
    const behind = await store.prepare(second, () => false);
    await waiting(2);
    gate.resolve();
    await otherWrites;
    expect(results).toMatchObject([counted, counted]);
    expect([await appending, await behind!.ended]).toEqual([[fenced, fenced], undefined]);
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    expect(await store.appendTogether(both[1])).toMatchObject([counted, counted]);
    await expectAll();
  });

  it('does not stand upon what that one was first taken to come to, when it is written another way', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    // Closed before its event is accepted: the first append takes it for new, and it is not.
    const dead = settledRecord(sample(1), { attempt: 1, next: 'dead' });
    expect(await store.append(batchOf(environment, 'attempts', 0, [dead]))).toMatchObject(counted);
    const first = [
      batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))]),
      batchOf(environment, 'attempts', 1, [settledRecord(sample(1), { attempt: 2, next: 'retry' })]),
    ];
    const second = [batchOf(environment, 'attempts', 2, [settledRecord(sample(1), { attempt: 3, next: 'delivered' })])];
    asked = 0;
    const ended = await bothUnderWay(environment, [first, second]);
    expect(ended).toMatchObject({ first: [counted, { late: 1 }], second: undefined });
    expect(await store.appendTogether(second)).toMatchObject([{ late: 1 }]);
    expect(await standing(environment)).toMatchObject({
      holds: true,
      rows: 4,
      deliveries: [{ state: 'dead', attempts: 1 }],
    });
  });

  it('waits for that one where they have no partition in common', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    const accepted = [batchOf(environment, 'audit', 0, [acceptedRecord(sample(1))])];
    const settled = [batchOf(environment, 'attempts', 0, [settledRecord(sample(1), { attempt: 1, next: 'dead' })])];
    const ended = await bothUnderWay(environment, [accepted, settled], ([pid]) =>
      tables.database.query('SELECT pg_terminate_backend($1, 5000)', [pid]),
    );
    expect(ended).toMatchObject({ first: { code: 'unreachable' }, second: undefined });
    expect(await store.appendTogether(accepted)).toMatchObject([counted]);
    expect(await store.appendTogether(settled)).toMatchObject([counted]);
    expect(await standing(environment)).toMatchObject({
      holds: true,
      deliveries: [{ state: 'dead', attempts: 1 }],
      open: 1,
    });
  });
});

it('two processes that append to many partitions in opposite orders do not wait for each other', async () => {
  const { environment, sample } = tables.fresh();
  const topic = `${environment}.attempts`;
  const partitions = Array.from({ length: 40 }, (_, partition) => partition);
  const stores = [store, openAuditStore(projector, { now: () => now })] as const;
  // Both know the day and the URL, so that nothing but the append is waited for.
  for (const each of stores) {
    await each.claimOffsets(
      environment,
      partitions.map((partition) => ({ topic, partition, start: 0 })),
    );
    const next = each === store ? 0 : 1;
    await each.append({
      ...batchOf(environment, 'attempts', next, [settledRecord(sample(next), { attempt: 1, next: 'delivered' })]),
      partition: 0,
    });
  }
  const batches = partitions.map((partition) => ({
    ...batchOf(environment, 'attempts', partition === 0 ? 2 : 0, [
      settledRecord(sample(100 + partition), { attempt: 1, next: 'delivered' }),
    ]),
    partition,
  }));
  await stores[0].claimOffsets(environment, [{ topic, partition: 0, start: 0 }]);
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  // A row in the middle: each of them has taken what it takes before that one.
  const holding = tables.database.transaction(async (session) => {
    await session.query('SELECT FROM projection_offset WHERE environment = $1 AND partition = 20 FOR UPDATE', [
      environment,
    ]);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  const appending = [stores[0].appendTogether(batches), stores[1].appendTogether(batches.toReversed())];
  await waiting(2);
  letGo.resolve();
  await holding;
  const results = await Promise.all(appending);
  const kinds = results.map((each) => [...new Set(each.map(({ kind }) => kind))].join());
  expect(kinds.toSorted()).toEqual(['appended', 'fenced']);
});

describe('deliveries that are taken for what they mostly are', () => {
  it('are moved without being read, and marked when they stay open', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    await store.append(
      batchOf(
        environment,
        'audit',
        0,
        [1, 2, 3].map((number) => acceptedRecord(sample(number))),
      ),
    );
    const settled = batchOf(environment, 'attempts', 0, [
      settledRecord(sample(1), { attempt: 1, next: 'delivered' }),
      settledRecord(sample(2), { attempt: 1, next: 'dead' }),
    ]);
    expect(await store.append(settled)).toMatchObject(counted);
    expect(asked).toBe(2);
    expect(await standing(environment)).toMatchObject({
      deliveries: [
        { state: 'delivered', attempts: 1 },
        { state: 'dead', attempts: 1 },
        { state: 'pending', attempts: 0 },
      ],
      open: 2,
    });
    expect(await reads.totals()).toMatchObject({ deliveries: { delivered: 1, dead: 1, pending: 1 } });
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
  });

  it('are found out when they are not: a copy of an attempt, an attempt before its event, a statement that is earlier', async () => {
    const { environment, reads, sample } = tables.fresh();
    await claim(store, environment, 'audit');
    await claim(store, environment, 'attempts');
    const attempt = (number: number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' });
    // Before its event: nothing stands that could be moved.
    expect(await store.append(batchOf(environment, 'attempts', 0, [attempt(1)]))).toMatchObject(counted);
    expect(asked).toBe(2);
    // From here on a store that has not been told better yet.
    const bold = (): AuditStore => openAuditStore(projector, { now: () => now });
    const accepted = [acceptedRecord(sample(1)), acceptedRecord({ ...sample(2), atMs: now - 5_000 })];
    expect(await bold().append(batchOf(environment, 'audit', 0, accepted))).toMatchObject(counted);
    // A copy, and one that says it began before its event was seen.
    expect(await bold().append(batchOf(environment, 'attempts', 1, [attempt(1), attempt(2)]))).toMatchObject({
      duplicates: 1,
    });
    expect(await reads.totals()).toMatchObject({ records: 5, duplicates: 1, deliveries: { delivered: 2 } });
    const seen = await tables.database.query<{ ms: number }>(
      `SELECT (extract(epoch FROM first_seen) * 1000)::float8 AS ms FROM delivery WHERE environment = $1 AND event = 'evt_2'`,
      [environment],
    );
    expect(seen).toEqual([{ ms: sample(2).atMs + 1_000 }]);
    expect(await reads.recount()).toEqual(await reads.dailyCounts());
    expect(await standing(environment)).toMatchObject({ holds: true, open: 0 });
  });

  it('are looked for first for a while, once they were not what they were taken for', async () => {
    const { environment, sample } = tables.fresh();
    await claim(store, environment, 'attempts');
    const attempt = (number: number) => settledRecord(sample(number), { attempt: 1, next: 'delivered' });
    for (let offset = 0; offset < 10; offset += 1)
      await store.append(batchOf(environment, 'attempts', offset, [attempt(offset)]));
    expect(asked).toBe(11);
  });
});
