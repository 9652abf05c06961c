// Verifies a request of the profile `advance`.
//
// In the default form the signature covers the body alone: timestamp and nonce can be changed by whoever records a request,
// and only the memory of nonces and TLS stand against a replay. Ask for `timestamp-newline-nonce-newline-body` if you can.

import { createHmac } from 'node:crypto';

import {
  ageProblem,
  base64Secret,
  refuse,
  sameText,
  secretList,
  single,
  textSecret,
  toleranceSecondsDefault,
  type NonceCache,
  type RequestHeaders,
  type Verified,
} from './verification.ts';

export interface AdvanceInput {
  /** Several while a secret is being changed. */
  readonly secret: string | readonly string[];
  readonly headers: RequestHeaders;
  /** The raw body, before any parsing: a large number does not survive parsing and writing it again. */
  readonly body: Uint8Array | string;
  readonly nowMs: number;
  readonly toleranceSeconds?: number | undefined;
  readonly nonces?: NonceCache | undefined;
  /** What was agreed on with the sender; the defaults are the sender's. */
  readonly algorithm?: 'sha256' | 'sha512' | undefined;
  readonly signedText?: 'body' | 'timestamp-newline-nonce-newline-body' | undefined;
  readonly timestampUnit?: 'ms' | 's' | undefined;
  readonly secretEncoding?: 'utf8' | 'base64' | undefined;
}

/** Never throws on what a request contains; throws a TypeError on a secret that is empty or cannot be read. */
export function verifyAdvance(input: AdvanceInput): Verified<{ readonly nonce: string; readonly timestampMs: number }> {
  const keys = secretList(input.secret).map(input.secretEncoding === 'base64' ? base64Secret : textSecret);
  const time = single(input.headers['aai-timestamp']);
  const nonce = single(input.headers['aai-nonce']);
  const signature = single(input.headers['aai-signature']);
  if (time === undefined || nonce === undefined || signature === undefined) return refuse('header-missing');

  if (!/^\d{1,15}$/.test(time)) return refuse('timestamp-malformed');
  const timestampMs = Number(time) * (input.timestampUnit === 's' ? 1_000 : 1);
  const seconds = input.toleranceSeconds ?? toleranceSecondsDefault;
  const problem = ageProblem(timestampMs, { nowMs: input.nowMs, pastSeconds: seconds, futureSeconds: seconds });
  if (problem !== undefined) return problem;

  const prefix = input.signedText === 'timestamp-newline-nonce-newline-body' ? `${time}\n${nonce}\n` : '';
  const genuine = keys.some((key) => {
    const hmac = createHmac(input.algorithm ?? 'sha256', key)
      .update(prefix)
      .update(input.body);
    return sameText(hmac.digest('base64'), signature);
  });
  if (!genuine) return refuse('signature-mismatch');
  if (input.nonces?.take(nonce, input.nowMs) === false) return refuse('nonce-reused');
  return { ok: true, nonce, timestampMs };
}
