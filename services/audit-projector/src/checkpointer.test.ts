import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmdirSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkpointDigest,
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introduceKey,
  signCheckpoint,
  verifyCheckpoint,
  type AuditCheckpoint,
  type CheckpointRecord,
} from '@postrider/core/contracts';
import { KafkaError, type AppendRecord } from '@postrider/kafka';
import type { PartitionHead } from '@postrider/postgres';
import { beforeEach, describe, expect, it } from 'vitest';
import { openCheckpointLog } from './checkpoint-log.ts';
import { createCheckpointer, type Checkpointer } from './checkpointer.ts';

const topic = 'test.audit.checkpoints';
const first = generateKeyPairSync('ed25519').privateKey;
const second = generateKeyPairSync('ed25519').privateKey;

/** The topic, as all processes see it. */
let written: Buffer[];
let heads: PartitionHead[];
/** After so many records a reading of the topic fails. */
let readable: number;

beforeEach(() => {
  written = [];
  heads = [];
  readable = Number.POSITIVE_INFINITY;
});

const lines = (): string => written.map((value) => `${value.toString()}\n`).join('');
const records = (): CheckpointRecord[] =>
  written.map((value) => {
    const decoded = decodeCheckpoint(value);
    if (!decoded.ok) throw new Error(decoded.problem);
    return decoded.value;
  });
const checkpoints = (): AuditCheckpoint[] =>
  records().filter((record): record is AuditCheckpoint => record.type === 'Checkpoint');

/** A process of its own. */
function process(privateKey = first, file?: string): Checkpointer {
  const log = openCheckpointLog(
    {
      scan: async ({ from, onRecord }) => {
        const start = from === 'earliest' ? 0 : (from.get(0) ?? 0);
        for (const [offset, value] of written.slice(start).entries()) {
          if (offset === readable) throw new KafkaError('timeout', 'reading the topic took too long');
          onRecord({
            topic,
            partition: 0,
            offset: start + offset,
            timestamp: 0,
            key: null,
            value,
            headers: new Map(),
          });
        }
        return { records: 0, ends: new Map([[0, written.length]]) };
      },
    },
    {
      append: async ({ value }: AppendRecord) => {
        written.push(value as Buffer);
        return { offset: written.length - 1 };
      },
    },
    { environment: 'test', topic, signal: new AbortController().signal },
  );
  const owned = (): PartitionHead[] => heads;
  return createCheckpointer({
    environment: 'test',
    privateKey,
    store: { heads: async () => heads },
    log,
    owned,
    file,
    now: () => Date.UTC(2030, 0, 1),
  });
}

const at = (partition: number, rows: number, topicName = 'test.audit'): PartitionHead => ({
  topic: topicName,
  partition,
  next: rows + 2,
  rows,
  head: rows.toString(16).padStart(64, '0'),
});

describe('a round of checkpoints', () => {
  it('begins with the key, and signs what has moved since, each upon the one before it', async () => {
    const mine = process();
    heads = [at(0, 5), at(1, 0)];
    expect(await mine.runOnce()).toBe(1);
    expect(await mine.runOnce()).toBe(0);
    heads = [at(0, 9), at(1, 3)];
    expect(await mine.runOnce()).toBe(2);
    expect(records().map(({ type }) => type)).toEqual([
      'CheckpointKeyIntroduced',
      'Checkpoint',
      'Checkpoint',
      'Checkpoint',
    ]);
    const [a, b, c] = checkpoints();
    expect(a).toMatchObject({
      partition: 0,
      offset: 7,
      rows: 5,
      head: heads[0]!.head.replace('9', '5'),
      previous: null,
    });
    expect(b).toMatchObject({ partition: 0, rows: 9, previous: checkpointDigest(a!) });
    expect(c).toMatchObject({ partition: 1, rows: 3, previous: null });
    for (const record of records()) expect(verifyCheckpoint(record, createPublicKey(first))).toBe(true);
  });

  it('goes on after a restart, and after another process has signed meanwhile', async () => {
    heads = [at(0, 5)];
    await process().runOnce();
    heads = [at(0, 6)];
    const other = process();
    await other.runOnce();
    heads = [at(0, 7)];
    await process().runOnce();
    heads = [at(0, 8)];
    other.onAssigned();
    await other.runOnce();
    const all = checkpoints();
    expect(all.map(({ rows }) => rows)).toEqual([5, 6, 7, 8]);
    expect(all.map(({ previous }) => previous)).toEqual([null, ...all.slice(0, 3).map(checkpointDigest)]);
  });

  it('adds what it writes to the file as well', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'checkpoints-')), 'checkpoints.ndjson');
    heads = [at(0, 5)];
    await process(first, file).runOnce();
    heads = [at(0, 6)];
    await process(first, file).runOnce();
    expect(readFileSync(file, 'utf8')).toBe(lines());
  });
});

describe('the file of checkpoints', () => {
  let file: string;
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), 'checkpoints-')), 'checkpoints.ndjson');
  });

  it('holds what another process signed while it had the partition', async () => {
    heads = [at(0, 5)];
    const mine = process(first, file);
    await mine.runOnce();
    heads = [at(0, 6)];
    await process().runOnce();
    heads = [at(0, 7)];
    mine.onAssigned();
    await mine.runOnce();
    heads = [at(0, 8)];
    await process().runOnce();
    heads = [at(0, 9)];
    await process(first, file).runOnce();
    expect(readFileSync(file, 'utf8')).toBe(lines());
  });

  it('holds the key that a command introduced', async () => {
    heads = [at(0, 5)];
    await process(first, file).runOnce();
    const stated = { environment: 'test', at: '2030-01-01T00:00:00.000Z' };
    written.push(encodeCheckpoint(introduceKey(stated, createPublicKey(second), first)));
    heads = [at(0, 6)];
    await process(second, file).runOnce();
    expect(readFileSync(file, 'utf8')).toBe(lines());
  });

  it('gets what it did not take when it takes it', async () => {
    heads = [at(0, 5)];
    const mine = process(first, file);
    await mine.runOnce();
    renameSync(file, `${file}.away`);
    mkdirSync(file);
    heads = [at(0, 6)];
    await expect(mine.runOnce()).rejects.toThrow('EISDIR');
    rmdirSync(file);
    renameSync(`${file}.away`, file);
    expect(await mine.runOnce()).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(lines());
  });

  it('loses the end of a line that was cut, and has it whole after that', async () => {
    heads = [at(0, 5)];
    await process(first, file).runOnce();
    heads = [at(0, 6)];
    await process(first, file).runOnce();
    truncateSync(file, readFileSync(file).length - 30);
    heads = [at(0, 7)];
    await process(first, file).runOnce();
    expect(readFileSync(file, 'utf8')).toBe(lines());
  });

  it('takes nothing from the topic that nobody signed who may', async () => {
    heads = [at(0, 5)];
    await process(first, file).runOnce();
    const own = lines();
    const statement = {
      environment: 'test',
      topic: 'test.audit',
      partition: 1,
      offset: 9,
      rows: 9,
      head: 'a'.repeat(64),
    };
    const forged = signCheckpoint({ ...statement, previous: null, at: '2030-01-01T00:00:00.000Z' }, second);
    written.push(encodeCheckpoint(forged));
    await process(first, file).runOnce();
    expect(readFileSync(file, 'utf8')).toBe(own);
  });
});

describe('a topic that is longer than one reading gets', () => {
  it('is read on where the reading before ended, and signed upon', async () => {
    for (let rows = 1; rows <= 9; rows += 1) {
      heads = [at(0, rows)];
      await process().runOnce();
    }
    heads = [at(0, 10)];
    readable = 4;
    const late = process();
    await expect(late.runOnce()).rejects.toThrow('took too long');
    await expect(late.runOnce()).rejects.toThrow('took too long');
    expect(await late.runOnce()).toBe(1);
    expect(checkpoints().at(-1)).toMatchObject({ rows: 10, previous: checkpointDigest(checkpoints()[8]!) });
  });
});

describe('a process without partitions', () => {
  it('has nothing to sign and nothing against it', async () => {
    const idle = process();
    expect(await idle.runOnce()).toBe(0);
    expect(idle.objection()).toBeUndefined();
    expect(written).toEqual([]);
  });
});

describe('keys', () => {
  it('are refused until the one before has introduced them', async () => {
    heads = [at(0, 5)];
    await process(first).runOnce();
    heads = [at(0, 6)];
    const mine = process(second);
    expect(await mine.runOnce()).toBe(0);
    expect(mine.objection()).toContain(checkpointKeyId(createPublicKey(second)));
    expect(mine.objection()).toContain('postrider keys checkpoint rotate');
    const stated = { environment: 'test', at: '2030-01-01T00:00:00.000Z' };
    // Nobody's word but that of a key in force: not one's own either.
    const selfMade = process(second);
    written.push(Buffer.from(JSON.stringify(introduceKey(stated, createPublicKey(second), second))));
    expect(await selfMade.runOnce()).toBe(0);
    written.push(Buffer.from(JSON.stringify(introduceKey(stated, createPublicKey(second), first))));
    expect(await mine.runOnce()).toBe(1);
    expect(mine.objection()).toBeUndefined();
    expect(checkpoints().at(-1)).toMatchObject({ rows: 6, previous: checkpointDigest(checkpoints()[0]!) });
    expect(verifyCheckpoint(checkpoints().at(-1)!, createPublicKey(second))).toBe(true);
  });
});
