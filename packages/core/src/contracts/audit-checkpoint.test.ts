import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkpointDigest,
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introducedKey,
  introduceKey,
  signCheckpoint,
  verifyCheckpoint,
  type CheckpointRecord,
  type CheckpointStatement,
} from './audit-checkpoint.ts';

const first = generateKeyPairSync('ed25519');
const second = generateKeyPairSync('ed25519');

const statement: CheckpointStatement = {
  environment: 'live',
  topic: 'live.attempts',
  partition: 3,
  offset: 1_000,
  rows: 998,
  head: 'ab'.repeat(32),
  previous: null,
  at: '2026-01-01T00:00:00.000Z',
};

function decoded(value: Uint8Array): CheckpointRecord {
  const result = decodeCheckpoint(value);
  if (!result.ok) throw new Error(result.problem);
  return result.value;
}

const statements = fc.record({
  environment: fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/),
  topic: fc.string({ minLength: 1, maxLength: 20 }),
  partition: fc.nat(100_000),
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  rows: fc.nat(Number.MAX_SAFE_INTEGER),
  head: fc.stringMatching(/^[0-9a-f]{64}$/),
  previous: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: null }),
  at: fc
    .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
});

describe('a checkpoint', () => {
  test('comes back as it was signed, and its signature holds', () => {
    fc.assert(
      fc.property(statements, (given) => {
        const record = signCheckpoint(given, first.privateKey);
        expect(record).toMatchObject(given);
        const read = decoded(encodeCheckpoint(record));
        expect(read).toEqual(record);
        expect(verifyCheckpoint(read, first.publicKey)).toBe(true);
        expect(verifyCheckpoint(read, second.publicKey)).toBe(false);
        expect(checkpointDigest(read)).toBe(checkpointDigest(record));
      }),
      { numRuns: 30 },
    );
  });

  test('does not hold with any field changed', () => {
    const record = signCheckpoint(statement, first.privateKey);
    const changes: Partial<typeof record>[] = [
      { environment: 'test' },
      { topic: 'live.audit' },
      { partition: 4 },
      { offset: 1_001 },
      { rows: 999 },
      { head: 'ac'.repeat(32) },
      { previous: 'ab'.repeat(32) },
      { at: '2026-01-01T00:00:00.001Z' },
      { keyId: checkpointKeyId(second.publicKey) },
    ];
    expect(verifyCheckpoint(record, first.publicKey)).toBe(true);
    for (const change of changes) {
      expect([change, verifyCheckpoint({ ...record, ...change }, first.publicKey)]).toEqual([change, false]);
      expect(checkpointDigest({ ...record, ...change })).not.toBe(checkpointDigest(record));
    }
  });

  test('has one spelling: the same statement written another way is refused', () => {
    const line = encodeCheckpoint(signCheckpoint(statement, first.privateKey)).toString();
    const spellings = [
      `${line} `,
      line.replace('"rows":998', '"rows":9.98e2'),
      line.replace('"v":1,', ''),
      line.replace('{', '{"more":1,'),
      line.replace('"type":"Checkpoint","v":1', '"v":1,"type":"Checkpoint"'),
    ];
    expect(decodeCheckpoint(Buffer.from(line)).ok).toBe(true);
    for (const each of spellings) expect([each, decodeCheckpoint(Buffer.from(each)).ok]).toEqual([each, false]);
  });
});

describe('what is no checkpoint', () => {
  const record = JSON.parse(encodeCheckpoint(signCheckpoint(statement, first.privateKey)).toString()) as object;
  test.each([
    [null, 'no value'],
    ['', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['{"type":"toString","v":1}', 'unknown type "toString"'],
    [JSON.stringify({ ...record, v: 2 }), 'unknown layout version 2'],
    [JSON.stringify({ ...record, head: 'AB'.repeat(32) }), 'head is wrong or missing'],
    [JSON.stringify({ ...record, rows: -1 }), 'rows is wrong or missing'],
    [JSON.stringify({ ...record, at: '2026-01-01' }), 'at is wrong or missing'],
    [JSON.stringify({ ...record, previous: undefined }), 'previous is wrong or missing'],
  ])('%s: says what is wrong', (text, problem) => {
    const result = decodeCheckpoint(text === null ? null : Buffer.from(text));
    expect(result).toEqual({ ok: false, problem: expect.stringContaining(problem) as string });
  });
});

describe('keys', () => {
  const at = { environment: 'live', at: '2026-01-01T00:00:00.000Z' };

  test('the first introduces itself', () => {
    const record = introduceKey(at, first.publicKey, first.privateKey);
    expect(record.keyId).toBe(checkpointKeyId(first.publicKey));
    expect(verifyCheckpoint(decoded(encodeCheckpoint(record)), first.publicKey)).toBe(true);
  });

  test('each other is introduced by the one before it', () => {
    const record = decoded(encodeCheckpoint(introduceKey(at, second.publicKey, first.privateKey)));
    if (record.type !== 'CheckpointKeyIntroduced') throw new Error(record.type);
    expect(verifyCheckpoint(record, first.publicKey)).toBe(true);
    expect(verifyCheckpoint(record, second.publicKey)).toBe(false);
    const key = introducedKey(record)!;
    expect(verifyCheckpoint(signCheckpoint(statement, second.privateKey), key)).toBe(true);
    const other = { ...record, publicKey: introduceKey(at, first.publicKey, first.privateKey).publicKey };
    expect(verifyCheckpoint(other, first.publicKey)).toBe(false);
  });

  test('what is no Ed25519 key is none', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
    expect(introducedKey({ publicKey: der })).toBeUndefined();
    expect(introducedKey({ publicKey: 'AAAA' })).toBeUndefined();
  });
});
