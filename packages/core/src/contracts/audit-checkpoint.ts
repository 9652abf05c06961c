// Signed statements of how far the audit log stood and what its chain came to, on `<env>.audit.checkpoints`, kept for ever.
// Somebody who rewrites the tables, hashes included, contradicts them; somebody who removes one breaks the line of
// `previous` digests of its partition. The keys stand on the same topic: each is introduced by the one before it.
//
// A record is one line of JSON in one spelling: fields in the order below, no spaces. The signature is Ed25519 over a label
// and the line without its `signature`; digests are SHA-256 over the whole line.

import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { ChainPlace } from './audit-chain.ts';
import type { Timestamp } from './audit-record.ts';
import type { Decoded } from './dispatch-record.ts';

/** What one partition of the log comes to. */
export interface CheckpointStatement extends ChainPlace {
  /** Offset of the first record that is not in it. */
  readonly offset: number;
  /** Records in it, since the log began. */
  readonly rows: number;
  /** Hash after the last of them. */
  readonly head: string;
  /** `checkpointDigest` of the partition's checkpoint before this; null: the first. */
  readonly previous: string | null;
  readonly at: Timestamp;
}

interface Signed {
  /** Of the key that signed: `checkpointKeyId` of its public part. */
  readonly keyId: string;
  /** base64url. */
  readonly signature: string;
}

export interface AuditCheckpoint extends CheckpointStatement, Signed {
  readonly type: 'Checkpoint';
  readonly v: 1;
}

/** A key that signs from here on. The first is signed by itself and has to be known from elsewhere; each other by one before it. */
export interface CheckpointKeyIntroduced extends Signed {
  readonly type: 'CheckpointKeyIntroduced';
  readonly v: 1;
  readonly environment: string;
  /** The new key: DER SubjectPublicKeyInfo, base64url. */
  readonly publicKey: string;
  readonly at: Timestamp;
}

export type CheckpointRecord = AuditCheckpoint | CheckpointKeyIntroduced;

const label = 'postrider audit checkpoint v1\0';

/** `ed25519-` and 16 hexadecimal digits of SHA-256 of the DER public key. */
export function checkpointKeyId(publicKey: KeyObject): string {
  return `ed25519-${createHash('sha256').update(derOf(publicKey)).digest('hex').slice(0, 16)}`;
}

/** @param privateKey Ed25519 */
export function signCheckpoint(statement: CheckpointStatement, privateKey: KeyObject): AuditCheckpoint {
  const { environment, topic, partition, offset, rows, head, previous, at } = statement;
  const keyId = checkpointKeyId(createPublicKey(privateKey));
  return signed(
    { type: 'Checkpoint', v: 1, environment, topic, partition, offset, rows, head, previous, at, keyId },
    privateKey,
  );
}

/**
 * @param introduced the public part of the new key
 * @param signer private; of the key in force until now, or the new one itself if it is the first
 */
export function introduceKey(
  { environment, at }: { readonly environment: string; readonly at: Timestamp },
  introduced: KeyObject,
  signer: KeyObject,
): CheckpointKeyIntroduced {
  const publicKey = derOf(introduced).toString('base64url');
  const keyId = checkpointKeyId(createPublicKey(signer));
  return signed({ type: 'CheckpointKeyIntroduced', v: 1, environment, publicKey, at, keyId }, signer);
}

/** True when `publicKey` is the one that the record names, and signed it as it stands. */
export function verifyCheckpoint(record: CheckpointRecord, publicKey: KeyObject): boolean {
  if (record.keyId !== checkpointKeyId(publicKey)) return false;
  return verify(null, signedBytes(record), publicKey, Buffer.from(record.signature, 'base64url'));
}

/** The public key of an introduction; undefined when it is no Ed25519 key. */
export function introducedKey({ publicKey }: Pick<CheckpointKeyIntroduced, 'publicKey'>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64url'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The line: value of the Kafka record, and of a file of checkpoints. */
export function encodeCheckpoint(record: CheckpointRecord): Buffer {
  return Buffer.from(lineOf(record));
}

/** What `previous` of the next checkpoint of the partition holds. */
export function checkpointDigest(record: CheckpointRecord): string {
  return createHash('sha256').update(lineOf(record)).digest('hex');
}

/** Reads a line back; its signature is not looked at. Never throws. */
export function decodeCheckpoint(value: Uint8Array | null): Decoded<CheckpointRecord> {
  if (value === null) return { ok: false, problem: 'no value' };
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { ok: false, problem: 'not a JSON object' };
  }
  const fields = parsed as Readonly<Record<string, unknown>>;
  const { type } = fields;
  if (typeof type !== 'string' || !Object.hasOwn(layouts, type)) {
    return { ok: false, problem: `unknown type ${JSON.stringify(type)}` };
  }
  if (fields['v'] !== 1) return { ok: false, problem: `unknown layout version ${JSON.stringify(fields['v'])}` };
  for (const [name, check] of Object.entries(layouts[type as CheckpointRecord['type']])) {
    if (!check(fields[name])) return { ok: false, problem: `${name} is wrong or missing` };
  }
  const record = fields as unknown as CheckpointRecord;
  if (lineOf(record) !== text) return { ok: false, problem: 'not in the one spelling that is signed' };
  return { ok: true, value: record };
}

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string' && value !== '';
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const digest: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const digestOrNone: Check = (value) => value === null || digest(value);
const moment: Check = (value) => typeof value === 'string' && isoText(value);
const base64url: Check = (value) => typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value);
const keyName: Check = (value) => typeof value === 'string' && /^ed25519-[0-9a-f]{16}$/.test(value);
const present: Check = (value) => value !== undefined;

function isoText(value: string): boolean {
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === value;
}

/** The fields of each type, in the order in which they are written. */
const layouts: Readonly<Record<CheckpointRecord['type'], Readonly<Record<string, Check>>>> = {
  Checkpoint: {
    type: present,
    v: present,
    environment: text,
    topic: text,
    partition: count,
    offset: count,
    rows: count,
    head: digest,
    previous: digestOrNone,
    at: moment,
    keyId: keyName,
    signature: base64url,
  },
  CheckpointKeyIntroduced: {
    type: present,
    v: present,
    environment: text,
    publicKey: base64url,
    at: moment,
    keyId: keyName,
    signature: base64url,
  },
};

type Unsigned = Omit<CheckpointRecord, 'signature'>;

function lineOf(record: Unsigned & { readonly signature?: string | undefined }): string {
  return JSON.stringify(record, Object.keys(layouts[record.type]));
}

const signedBytes = (record: Unsigned): Buffer => Buffer.from(label + lineOf({ ...record, signature: undefined }));

function signed<R extends CheckpointRecord>(unsigned: Omit<R, 'signature'>, privateKey: KeyObject): R {
  return { ...unsigned, signature: sign(null, signedBytes(unsigned), privateKey).toString('base64url') } as R;
}

const derOf = (publicKey: KeyObject): Buffer => publicKey.export({ type: 'spki', format: 'der' });
