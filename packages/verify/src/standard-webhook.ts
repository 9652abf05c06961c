// Verifies a Standard Webhooks request (v1, symmetric) with Node's standard library alone.

import { createHmac, timingSafeEqual } from 'node:crypto';

export interface StandardWebhookInput {
  /** `whsec_…` as handed out, the prefix may be missing; several while a secret is being changed. */
  readonly secret: string | readonly string[];
  /** As Node gives them: lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The raw body, before any parsing. */
  readonly body: Uint8Array | string;
  /** Epoch ms; usually `Date.now()`. */
  readonly nowMs: number;
  /** How far the sender's clock and yours may differ, both ways. Default 300. */
  readonly toleranceSeconds?: number;
}

export type Verification =
  | { readonly ok: true; readonly id: string; readonly timestamp: number }
  | { readonly ok: false; readonly reason: VerificationFailure };

export type VerificationFailure =
  | 'header-missing'
  | 'timestamp-malformed'
  | 'timestamp-too-old'
  | 'timestamp-too-new'
  | 'signature-mismatch';

const toleranceSecondsDefault = 300;

/**
 * Says whether the request is genuine and fresh. Never throws on what a request contains. Throws a TypeError when
 * a secret is empty or not base64: with an empty key anybody could sign.
 */
export function verifyStandardWebhook(input: StandardWebhookInput): Verification {
  const keys = (typeof input.secret === 'string' ? [input.secret] : input.secret).map(decodeSecret);
  if (keys.length === 0) throw new TypeError('no secret to verify with');
  const id = single(input.headers['webhook-id']);
  const time = single(input.headers['webhook-timestamp']);
  const signatures = single(input.headers['webhook-signature']);
  if (id === undefined || time === undefined || signatures === undefined) return refuse('header-missing');

  if (!/^\d{1,15}$/.test(time)) return refuse('timestamp-malformed');
  const timestamp = Number(time);
  const ageSeconds = Math.floor(input.nowMs / 1_000) - timestamp;
  const toleranceSeconds = input.toleranceSeconds ?? toleranceSecondsDefault;
  if (ageSeconds > toleranceSeconds) return refuse('timestamp-too-old');
  if (ageSeconds < -toleranceSeconds) return refuse('timestamp-too-new');

  const expected = keys.map((key) => signatureOf(key, `${id}.${time}.`, input.body));
  for (const part of signatures.split(' ')) {
    // Compared as text, so that only one spelling of a signature is accepted; other versions never match.
    const given = Buffer.from(part);
    if (expected.some((digest) => given.length === digest.length && timingSafeEqual(given, digest))) {
      return { ok: true, id, timestamp };
    }
  }
  return refuse('signature-mismatch');
}

function signatureOf(key: Buffer, prefix: string, body: Uint8Array | string): Buffer {
  return Buffer.from(`v1,${createHmac('sha256', key).update(prefix).update(body).digest('base64')}`);
}

function refuse(reason: VerificationFailure): Verification {
  return { ok: false, reason };
}

/** A repeated header is not one value: which copy was signed cannot be known. */
function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function decodeSecret(secret: string): Buffer {
  const base64 = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new TypeError('the secret is empty or not base64');
  return Buffer.from(base64, 'base64');
}
