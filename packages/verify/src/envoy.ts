// Verifies a request of the profile `envoy`, and signs the reply to it.
//
// The token covers a nonce and two headers, not the body: a change of the body is noticed only where body and headers say
// the same thing (transaction id, timestamp). TLS protects the rest.

import { createHmac, timingSafeEqual } from 'node:crypto';

import {
  ageProblem,
  refuse,
  single,
  toleranceSecondsDefault,
  type NonceCache,
  type RequestHeaders,
  type Verified,
} from './verification.ts';

export interface EnvoyInput {
  /** Key id → 64 hexadecimal digits. */
  readonly keys: Readonly<Record<string, string>>;
  readonly headers: RequestHeaders;
  /** The raw body. */
  readonly body: Uint8Array | string;
  readonly nowMs: number;
  /** Between the envelope's timestamp and now. Default 300; a node that forwards late needs more. */
  readonly toleranceSeconds?: number | undefined;
  readonly nonces?: NonceCache | undefined;
}

const covered = ['x-transfer-id', 'x-transfer-timestamp'];

/** Never throws on what a request contains; throws a TypeError on a key that is not 32 bytes of hexadecimal digits. */
export function verifyEnvoy(input: EnvoyInput): Verified<{ readonly transactionId: string; readonly kid: string }> {
  const keys = new Map(Object.entries(input.keys).map(([kid, hex]) => [kid, hexKey(hex)]));
  const authorization = single(input.headers['authorization']);
  const id = single(input.headers['x-transfer-id']);
  const timestamp = single(input.headers['x-transfer-timestamp']);
  if (authorization === undefined || id === undefined || timestamp === undefined) return refuse('header-missing');
  const token = parseToken(authorization);
  if (token === undefined) return refuse('signature-malformed');
  const key = keys.get(token.kid);
  if (key === undefined) return refuse('key-unknown');
  // Anything else may be signed as well; less would be a token for some other transfer.
  if (!covered.every((name) => token.headers.includes(name))) return refuse('signature-mismatch');
  const values = token.headers.map((name) => single(input.headers[name]) ?? '');
  const expected = signature(key, token.nonce, values);
  if (expected.length !== token.sig.length || !timingSafeEqual(expected, token.sig))
    return refuse('signature-mismatch');
  const seconds = input.toleranceSeconds ?? toleranceSecondsDefault;
  const age = { nowMs: input.nowMs, pastSeconds: seconds, futureSeconds: seconds };
  const problem = ageProblem(Date.parse(timestamp), age);
  if (problem !== undefined) return problem;
  const body = parseBody(input.body);
  if (body === undefined) return refuse('body-malformed');
  if (body['transaction_id'] !== id || body['timestamp'] !== timestamp) return refuse('body-mismatch');
  if (input.nonces?.take(token.nonce.toString('base64url'), input.nowMs) === false) return refuse('nonce-reused');
  return { ok: true, transactionId: id, kid: token.kid };
}

/**
 * Value of `Server-Authorization` over the given headers of your reply (name → value; take `x-transfer-id`, and send it).
 * `nonce`: 16 fresh random bytes, never those of the request.
 */
export function signEnvoyReply(input: {
  readonly kid: string;
  readonly key: string;
  readonly nonce: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}): string {
  const sig = signature(hexKey(input.key), input.nonce, Object.values(input.headers)).toString('base64url');
  const names = Object.keys(input.headers).map((name) => name.toLowerCase());
  const nonce = Buffer.from(input.nonce).toString('base64url');
  return `HMAC sig=${sig}, nonce=${nonce}, headers=${names.join(';')}, kid=${input.kid}`;
}

interface Token {
  readonly sig: Buffer;
  readonly nonce: Buffer;
  readonly headers: readonly string[];
  readonly kid: string;
}

/** Parts are split on commas, names on semicolons or commas; undefined for anything that is no token. */
function parseToken(text: string): Token | undefined {
  if (!text.startsWith('HMAC ')) return undefined;
  const values = new Map<string, string>();
  let last = '';
  for (const part of text.slice('HMAC '.length).split(',')) {
    const equals = part.indexOf('=');
    if (equals >= 0) {
      last = part.slice(0, equals).trim();
      if (values.has(last)) return undefined;
      values.set(last, part.slice(equals + 1).trim());
    } else if (part.trim() !== '') {
      if (last !== 'headers') return undefined;
      values.set(last, `${values.get(last) ?? ''};${part}`);
    }
  }
  const sig = base64Url(values.get('sig'));
  const nonce = base64Url(values.get('nonce'));
  const names = (values.get('headers') ?? '').split(/[;,]/).map((name) => name.trim().toLowerCase());
  const headers = names.filter((name) => name !== '');
  const kid = values.get('kid');
  if (sig === undefined || nonce === undefined || headers.length === 0 || !kid) return undefined;
  return { sig, nonce, headers, kid };
}

function base64Url(text: string | undefined): Buffer | undefined {
  if (text === undefined || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function signature(key: Buffer, nonce: Uint8Array, values: readonly string[]): Buffer {
  const hmac = createHmac('sha256', key).update(nonce);
  for (const value of values) hmac.update(value, 'utf8');
  return hmac.digest();
}

function hexKey(hex: string): Buffer {
  const text = hex.trim();
  if (!/^[0-9A-Fa-f]{64}$/.test(text)) throw new TypeError('the key is not 32 bytes of hexadecimal digits');
  return Buffer.from(text, 'hex');
}

function parseBody(body: Uint8Array | string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
