// Verifies a Standard Webhooks request (v1 symmetric, v1a ed25519) with Node's standard library alone.

import { createHmac, createPrivateKey, createPublicKey, timingSafeEqual, verify, type KeyObject } from 'node:crypto';

import {
  ageProblem,
  base64Secret,
  refuse,
  secretList,
  single,
  toleranceSecondsDefault,
  type NonceCache,
  type RequestHeaders,
  type Verified,
} from './verification.ts';

export interface StandardWebhookInput {
  /** `whsec_…` (the prefix may be missing) or `whpk_…` as handed out; several while a secret is being changed. */
  readonly secret: string | readonly string[];
  readonly headers: RequestHeaders;
  /** The raw body, before any parsing. */
  readonly body: Uint8Array | string;
  /** Epoch ms; usually `Date.now()`. */
  readonly nowMs: number;
  /** How far the sender's clock and yours may differ, both ways. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Refuses the very same attempt twice. (A retry has the same id and another timestamp: handle ids once.) */
  readonly nonces?: NonceCache | undefined;
}

type Key =
  | { readonly version: 'v1'; readonly secret: Buffer }
  | { readonly version: 'v1a'; readonly publicKey: KeyObject };

/** RFC 8410: what stands before the 32 bytes of a key in SubjectPublicKeyInfo and in PKCS #8. */
const spki = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Says whether the request is genuine and fresh. Never throws on what a request contains. Throws a TypeError when
 * a secret is empty or not base64: with an empty key anybody could sign.
 */
export function verifyStandardWebhook(
  input: StandardWebhookInput,
): Verified<{ readonly id: string; readonly timestamp: number }> {
  const keys = secretList(input.secret).map(decodeSecret);
  const id = single(input.headers['webhook-id']);
  const time = single(input.headers['webhook-timestamp']);
  const signatures = single(input.headers['webhook-signature']);
  if (id === undefined || time === undefined || signatures === undefined) return refuse('header-missing');

  if (!/^\d{1,15}$/.test(time)) return refuse('timestamp-malformed');
  const timestamp = Number(time);
  const seconds = input.toleranceSeconds ?? toleranceSecondsDefault;
  const age = { nowMs: input.nowMs, pastSeconds: seconds, futureSeconds: seconds };
  const problem = ageProblem(timestamp * 1_000, age);
  if (problem !== undefined) return problem;

  const signed = Buffer.concat([Buffer.from(`${id}.${time}.`), Buffer.from(input.body)]);
  const genuine = signatures.split(' ').some((part) => keys.some((key) => matches(key, part, signed)));
  if (!genuine) return refuse('signature-mismatch');
  if (input.nonces?.take(`${id}.${time}`, input.nowMs) === false) return refuse('nonce-reused');
  return { ok: true, id, timestamp };
}

/** Compared as text, so that only one spelling of a signature is accepted; other versions never match. */
function matches(key: Key, part: string, signed: Buffer): boolean {
  if (key.version === 'v1') {
    const expected = Buffer.from(`v1,${createHmac('sha256', key.secret).update(signed).digest('base64')}`);
    const given = Buffer.from(part);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
  const signature = Buffer.from(part.slice('v1a,'.length), 'base64');
  return `v1a,${signature.toString('base64')}` === part && verify(null, signed, key.publicKey, signature);
}

function decodeSecret(secret: string): Key {
  const text = secret.trim();
  if (text.startsWith('whpk_')) return { version: 'v1a', publicKey: publicKey(base64Secret(text.slice(5))) };
  if (text.startsWith('whsk_')) {
    const seed = base64Secret(text.slice(5)).subarray(0, 32);
    const key = Buffer.concat([pkcs8, seed]);
    return { version: 'v1a', publicKey: createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' })) };
  }
  return { version: 'v1', secret: base64Secret(text.startsWith('whsec_') ? text.slice(6) : text) };
}

function publicKey(bytes: Buffer): KeyObject {
  if (bytes.length !== 32) throw new TypeError('an ed25519 public key has 32 bytes');
  return createPublicKey({ key: Buffer.concat([spki, bytes]), format: 'der', type: 'spki' });
}
