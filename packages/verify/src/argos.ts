// Opens and checks a request of the profile `argos`. The scheme signs nothing: who sent it is told by the decryption (gcm
// alone notices changes), by the authentication header that was agreed on, or by the address.

import { createDecipheriv, createHash } from 'node:crypto';

import {
  ageProblem,
  base64Secret,
  refuse,
  sameText,
  single,
  textSecret,
  toleranceSecondsDefault,
  type NonceCache,
  type RequestHeaders,
  type Verified,
} from './verification.ts';

export interface ArgosEncryption {
  readonly cipher: 'aes-256-gcm' | 'aes-256-ecb';
  readonly key: 'sha256-utf8' | 'raw-base64' | 'raw-hex' | 'utf8-32';
}

export interface ArgosInput {
  /** What was agreed on: absent means not encrypted. A request that is not what was agreed on is refused. */
  readonly encryption?: 'gcm' | 'ecb-legacy' | ArgosEncryption | undefined;
  /** The project's API key, where encryption is on; several while it is being changed. */
  readonly apiKey?: string | readonly string[] | undefined;
  /** The authentication header that was agreed on, with its whole value. */
  readonly auth?: { readonly header: string; readonly value: string } | undefined;
  readonly headers: RequestHeaders;
  /** The raw body. */
  readonly body: Uint8Array | string;
  readonly nowMs: number;
  /** How old the dispatch may be: attempts are made over a minute, a replay by hand within a day. Default 24 h. */
  readonly maxAgeSeconds?: number | undefined;
  /** Refuses the same ciphertext twice (gcm: every attempt has its own IV). */
  readonly nonces?: NonceCache | undefined;
}

const ivBytes = 12;
const tagBytes = 16;
const blockBytes = 16;
const daySeconds = 24 * 60 * 60;

/** `body` is the plain JSON. Never throws on what a request contains; throws a TypeError on a key of the wrong form. */
export function verifyArgos(input: ArgosInput): Verified<{ readonly body: Buffer; readonly timestampMs: number }> {
  const encryption = encryptionOf(input.encryption);
  const keys = encryption === undefined ? [] : keysOf(encryption, input.apiKey);
  if (input.auth !== undefined) {
    const given = single(input.headers[input.auth.header.toLowerCase()]);
    if (given === undefined) return refuse('header-missing');
    if (!sameText(given, input.auth.value)) return refuse('signature-mismatch');
  }
  const flag = single(input.headers['x-webhook-encrypted']);
  if (flag !== 'true' && flag !== 'false') return refuse('header-missing');
  if ((flag === 'true') !== (encryption !== undefined)) {
    return refuse(encryption === undefined ? 'key-unknown' : 'not-encrypted');
  }
  const opened = encryption === undefined ? plainBody(input.body) : decrypt(encryption.cipher, keys, input.body);
  if (!opened.ok) return opened;
  const timestampMs = timestampOf(opened.body);
  if (timestampMs === undefined) return refuse('body-malformed');
  const pastSeconds = input.maxAgeSeconds ?? daySeconds;
  const problem = ageProblem(timestampMs, { nowMs: input.nowMs, pastSeconds, futureSeconds: toleranceSecondsDefault });
  if (problem !== undefined) return problem;
  if (opened.nonce !== undefined && input.nonces?.take(opened.nonce, input.nowMs) === false) {
    return refuse('nonce-reused');
  }
  return { ok: true, body: opened.body, timestampMs };
}

function plainBody(body: Uint8Array | string): Verified<{ body: Buffer; nonce: undefined }> {
  return { ok: true, body: Buffer.from(body), nonce: undefined };
}

function decrypt(
  cipher: ArgosEncryption['cipher'],
  keys: readonly Buffer[],
  body: Uint8Array | string,
): Verified<{ body: Buffer; nonce: string | undefined }> {
  const text = Buffer.from(body).toString('latin1');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) return refuse('body-malformed');
  const gcm = cipher === 'aes-256-gcm';
  const lengthFits = gcm ? bytes.length >= ivBytes + tagBytes : bytes.length > 0 && bytes.length % blockBytes === 0;
  if (!lengthFits) return refuse('body-malformed');
  for (const key of keys) {
    try {
      return gcm
        ? { ok: true, body: openGcm(key, bytes), nonce: bytes.subarray(0, ivBytes).toString('base64') }
        : { ok: true, body: openEcb(key, bytes), nonce: undefined };
    } catch {
      // Another key may open it.
    }
  }
  return refuse('decryption-failed');
}

function openGcm(key: Buffer, bytes: Buffer): Buffer {
  const options = { authTagLength: tagBytes };
  const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), options);
  opener.setAuthTag(bytes.subarray(-tagBytes));
  return Buffer.concat([opener.update(bytes.subarray(ivBytes, -tagBytes)), opener.final()]);
}

function openEcb(key: Buffer, bytes: Buffer): Buffer {
  const opener = createDecipheriv('aes-256-ecb', key, null);
  const plain = Buffer.concat([opener.update(bytes), opener.final()]);
  // Padding alone lets one wrong key in 256 pass.
  JSON.parse(plain.toString('utf8'));
  return plain;
}

function timestampOf(body: Buffer): number | undefined {
  try {
    const { timestamp } = JSON.parse(body.toString('utf8')) as { readonly timestamp?: unknown };
    return typeof timestamp === 'string' ? Date.parse(timestamp) : undefined;
  } catch {
    return undefined;
  }
}

function encryptionOf(given: ArgosInput['encryption']): ArgosEncryption | undefined {
  if (given === undefined || typeof given === 'object') return given;
  return { cipher: given === 'gcm' ? 'aes-256-gcm' : 'aes-256-ecb', key: 'sha256-utf8' };
}

function keysOf({ key: form }: ArgosEncryption, apiKey: ArgosInput['apiKey']): Buffer[] {
  const list = typeof apiKey === 'string' ? [apiKey] : (apiKey ?? []);
  if (list.length === 0) throw new TypeError('no key to decrypt with');
  return list.map((text) => {
    const key = keyBytes(form, text.trim());
    if (key.length !== 32) throw new TypeError('the key does not have 32 bytes');
    return key;
  });
}

function keyBytes(form: ArgosEncryption['key'], text: string): Buffer {
  switch (form) {
    case 'sha256-utf8':
      return createHash('sha256').update(textSecret(text)).digest();
    case 'raw-base64':
      return base64Secret(text);
    case 'raw-hex':
      return /^[0-9A-Fa-f]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.alloc(0);
    case 'utf8-32':
      return Buffer.from(text);
  }
}
