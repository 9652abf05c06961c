// Closing records, behind which the verification lets records be gone: those alone that were signed, of what is really gone, and
// whatever else stands in them.

import { generateKeyPairSync } from 'node:crypto';
import {
  chainStart,
  checkpointDigest,
  encodeAudit,
  encodeCheckpoint,
  introduceKey,
  signCheckpoint,
  type PartitionClosed,
} from '@postrider/core/contracts';
import { openAuditStore, readChainHeads } from '@postrider/postgres';
import {
  CheckpointBook,
  dropClassDay,
  dropDay,
  planClassDays,
  planDays,
  verifyAudit,
  type AuditVerdict,
} from '@postrider/postrider';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { batchOf } from '../support/audit-tables.ts';
import { closingPorts } from '../support/closing-ports.ts';
import {
  accepted,
  before,
  classDatabases,
  clock,
  dayOf,
  dropTrial,
  environment,
  noon,
  sampleOf,
  topics,
  trial,
  verified,
  why,
  type ClassDatabases,
  type ClassTables,
} from '../support/class-tables.ts';

const key = generateKeyPairSync('ed25519');
const at = '2030-05-02T12:00:00.000Z';

let databases: ClassDatabases;
beforeAll(async () => {
  databases = await classDatabases('closings');
});
afterEach(() => databases.close());

/** What is signed of the tables as they stand, one upon the other. */
function signer({ database }: ClassTables): { sign(): Promise<void>; book(): CheckpointBook } {
  const lines = [encodeCheckpoint(introduceKey({ environment, at }, key.publicKey, key.privateKey))];
  const previous = new Map<string, string>();
  return {
    async sign() {
      for (const head of await readChainHeads(database, environment)) {
        const place = `${head.topic}/${head.partition}`;
        const of = { environment, ...head, previous: previous.get(place) ?? null, at };
        const checkpoint = signCheckpoint(of, key.privateKey);
        previous.set(place, checkpointDigest(checkpoint));
        lines.push(encodeCheckpoint(checkpoint));
      }
    },
    book() {
      const book = new CheckpointBook(environment, [key.publicKey]);
      for (const [index, line] of lines.entries()) book.take(line, `line ${index + 1}`);
      return book;
    },
  };
}

const kinds = ({ problems }: AuditVerdict) => problems.map(({ kind, partition, offset }) => [kind, partition, offset]);

const startOf = (at: { readonly topic: string; readonly partition: number }): string =>
  chainStart({ environment, topic: at.topic, partition: at.partition });

async function closeDay(tables: ClassTables): Promise<void> {
  const [oldest] = await planDays(tables.ports, before);
  await dropDay(tables.ports, oldest!, why);
}

describe('a closing record', () => {
  it.each([
    ['a day', closeDay],
    ['a class', (tables: ClassTables) => dropTrial(tables, dayOf(61))],
  ])('of %s that nobody signed is named, and is in order once it is signed', async (_what, drop) => {
    const tables = await databases.copyOf(databases.original);
    const { sign, book } = signer(tables);
    await sign();
    await drop(tables);
    const verify = () => verifyAudit({ database: tables.database, environment, checkpoints: book() });
    const unsigned = await verify();
    expect(new Set(Object.keys(unsigned.counts))).toEqual(new Set(['closing-unsigned']));
    expect(unsigned.problems[0]).toMatchObject({ topic: topics.audit, partition: 0, offset: 12 });
    await sign();
    expect(kinds(await verify())).toEqual([]);
  });

  it('in a partition that was made up for it does not hide a day that somebody dropped', async () => {
    const tables = await databases.copyOf(databases.original);
    const { sign, book } = signer(tables);
    await sign();
    const [oldest] = await planDays(tables.ports, before);
    const forged = oldest!.chains.map(({ topic, partition, first, next, rows, total, head }): PartitionClosed => {
      const { day } = oldest!;
      return {
        type: 'PartitionClosed',
        at,
        ...why,
        day,
        topic,
        partition,
        from: first,
        next,
        rows,
        total,
        head,
        actor: 'x',
      };
    });
    const store = openAuditStore(tables.writer, clock);
    await store.claimOffsets(environment, [{ topic: topics.audit, partition: 7, start: 0 }]);
    await store.append({ ...batchOf(environment, 'audit', 0, forged, clock.now()), partition: 7 });
    await tables.database.query(`DROP TABLE audit_record_${dayOf(61).replaceAll('-', '')}`);
    const verdict = await verifyAudit({ database: tables.database, environment, checkpoints: book() });
    expect(verdict.counts['closing-unsigned']).toBe(2);
    expect(verdict.problems).toContainEqual(
      expect.objectContaining({ kind: 'closing-unsigned', topic: topics.audit, partition: 7 }),
    );
  });

  it('still stands for its day when that is made again, for a record that came to the tables late', async () => {
    const tables = await databases.copyOf(databases.original);
    await closeDay(tables);
    const topic = topics.audit;
    const store = openAuditStore(tables.writer, clock);
    await store.claimOffsets(environment, [{ topic, partition: 1, start: 0 }]);
    const late = batchOf(environment, 'audit', 0, [accepted(sampleOf(61, 40))], noon(61));
    await store.append({ ...late, partition: 1 });
    expect(kinds(await verified(tables))).toEqual([]);
    // It can be dropped like any other.
    await closeDay(tables);
    expect(kinds(await verified(tables))).toEqual([]);
  });

  it('is not gone without by a day that holds nothing, while older ones stand', async () => {
    const tables = await databases.copyOf(databases.original);
    const [, , empty] = await planDays(tables.ports, before);
    expect(empty).toMatchObject({ day: dayOf(59), rows: 0 });
    await expect(dropDay(tables.ports, empty!, why)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(`days before ${dayOf(59)} stand`) as string,
    });
    expect(kinds(await verified(tables))).toEqual([]);
    for (let day = 0; day < 3; day += 1) await closeDay(tables);
    expect(await planDays(tables.ports, before)).toEqual([]);
  });

  it.each([
    ['nothing', { topic: topics.attempts, partition: 0, from: 0, next: 0, rows: 0, total: 0 }],
    ['records that stand', { topic: topics.attempts, partition: 0, from: 0, next: 1, rows: 1, total: 1 }],
    [
      'a partition that there is none of',
      { topic: topics.attempts, partition: 99, from: 0, next: 7, rows: 7, total: 7 },
    ],
    ['a topic of something else', { topic: 'orders', partition: 0, from: 0, next: 7, rows: 7, total: 7 }],
  ])('of %s hides no count that was changed, and no row', async (_what, closed) => {
    const tables = await databases.copyOf(databases.original);
    const closing = { type: 'PartitionClosed', at, ...why, day: dayOf(2), ...closed, head: startOf(closed) } as const;
    await tables.append('audit', [encodeAudit(closing)], clock.now());
    expect(kinds(await verified(tables))).toEqual([]);
    await tables.database.query('UPDATE daily_count SET success = success + 5');
    expect(new Set(Object.keys((await verified(tables)).counts))).toEqual(new Set(['count-differs']));
  });

  it('of things that the server cannot be asked for ends neither the verification nor the next retention', async () => {
    const tables = await databases.copyOf(databases.original);
    const odd = {
      at,
      ...why,
      day: dayOf(61),
      class: trial.name,
      topic: 'a\0b',
      partition: 0,
      from: 0,
      next: 3,
      rows: 3,
    };
    const told: readonly object[] = [
      { ...odd, type: 'PartitionClosed', total: 3, head: 'no hash' },
      { ...odd, type: 'PartitionClosed', total: 3, head: 'no hash', topic: topics.attempts },
      { ...odd, type: 'ClassClosed', digest: 'none' },
    ];
    const records = told.map((record) => Buffer.from(JSON.stringify({ v: 1, ...record })));
    await tables.append('audit', records, clock.now());
    expect(kinds(await verified(tables))).toEqual([]);
    await dropTrial(tables, dayOf(61));
    expect(await planClassDays(tables.ports, trial, { before, again: false })).toMatchObject([{ day: dayOf(60) }]);
    await closeDay(tables);
    expect(kinds(await verified(tables))).toEqual([]);
  });

  it('that says again what is gone, and of a later day, hides no count of the days between', async () => {
    const tables = await databases.copyOf(databases.original);
    const [oldest] = await planDays(tables.ports, before);
    await dropDay(tables.ports, oldest!, why);
    const again = oldest!.chains.map(({ topic, partition, first, next, rows, total, head }): PartitionClosed => {
      return {
        type: 'PartitionClosed',
        at,
        ...why,
        day: dayOf(2),
        topic,
        partition,
        from: first,
        next,
        rows,
        total,
        head,
      };
    });
    await tables.append(
      'audit',
      again.map((closing) => encodeAudit(closing)),
      clock.now(),
    );
    expect(kinds(await verified(tables))).toEqual([]);
    await tables.database.query('UPDATE daily_count SET success = success + 5 WHERE day = $1', [dayOf(60)]);
    expect(Object.keys((await verified(tables)).counts)).toEqual(['count-differs']);
  });

  it('of a partition that nothing came to since outlives its own day', async () => {
    const tables = await databases.copyOf(databases.original);
    const soonAfter = closingPorts(environment, tables.append, () => noon(50));
    for (const plan of await planDays(tables.ports, before))
      await dropDay({ ...tables.ports, ...soonAfter }, plan, why);
    expect(kinds(await verified(tables))).toEqual([]);
    const [ofClosings] = await planDays(tables.ports, before);
    expect(ofClosings).toMatchObject({ day: dayOf(50), obstacle: undefined });
    await dropDay(tables.ports, ofClosings!, why);
    expect(kinds(await verified(tables))).toEqual([]);
  });

  it('may say why in characters that PostgreSQL does not take', async () => {
    const tables = await databases.copyOf(databases.original);
    const [oldest] = await planDays(tables.ports, before);
    await dropDay(tables.ports, oldest!, { ...why, reason: 'old \ud800 and \0' });
    expect(kinds(await verified(tables))).toEqual([]);
    const [next] = await planClassDays(tables.ports, trial, { before, again: false });
    await dropClassDay(tables.ports, trial, next!, { ...why, reason: 'over \ud800 and \0' });
    expect(await planClassDays(tables.ports, trial, { before, again: false })).toEqual([]);
    await tables.append('audit', [Buffer.from('{"v":1,"type":"PartitionClosed","day":"no day"}')], clock.now());
    expect(kinds(await verified(tables))).toEqual([]);
  });
});
