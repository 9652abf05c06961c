// Verifies a request of the profile `pomelo`. The scheme has no nonce; the signature itself is one, since every attempt has
// its own timestamp.

import { createHmac } from 'node:crypto';

import {
  ageProblem,
  base64Secret,
  refuse,
  sameText,
  single,
  toleranceSecondsDefault,
  type NonceCache,
  type RequestHeaders,
  type Verified,
} from './verification.ts';

export interface PomeloInput {
  /** api-key → api-secret (base64). */
  readonly secrets: Readonly<Record<string, string>>;
  /** The path and query at which this request came in, as in the request line; the path alone where that was agreed on. */
  readonly endpoint: string;
  readonly headers: RequestHeaders;
  /** The raw body. */
  readonly body: Uint8Array | string;
  readonly nowMs: number;
  readonly toleranceSeconds?: number | undefined;
  readonly nonces?: NonceCache | undefined;
}

/** Never throws on what a request contains; throws a TypeError on a secret that is empty or not base64. */
export function verifyPomelo(input: PomeloInput): Verified<{ readonly apiKey: string; readonly timestamp: number }> {
  const keys = new Map(Object.entries(input.secrets).map(([apiKey, secret]) => [apiKey, base64Secret(secret)]));
  const apiKey = single(input.headers['x-api-key']);
  const time = single(input.headers['x-timestamp']);
  const endpoint = single(input.headers['x-endpoint']);
  const signature = single(input.headers['x-signature']);
  if (apiKey === undefined || time === undefined || endpoint === undefined || signature === undefined) {
    return refuse('header-missing');
  }
  const key = keys.get(apiKey);
  if (key === undefined) return refuse('key-unknown');
  // Digits and a slash keep the parts apart, which are joined without a separator.
  if (!/^\d{1,12}$/.test(time)) return refuse('timestamp-malformed');
  if (!endpoint.startsWith('/') || endpoint !== input.endpoint) return refuse('endpoint-mismatch');
  const timestamp = Number(time);
  const seconds = input.toleranceSeconds ?? toleranceSecondsDefault;
  const problem = ageProblem(timestamp * 1_000, { nowMs: input.nowMs, pastSeconds: seconds, futureSeconds: seconds });
  if (problem !== undefined) return problem;

  const digest = createHmac('sha256', key).update(time).update(endpoint).update(input.body).digest('base64');
  if (!sameText(`hmac-sha256 ${digest}`, signature)) return refuse('signature-mismatch');
  if (input.nonces?.take(signature, input.nowMs) === false) return refuse('nonce-reused');
  return { ok: true, apiKey, timestamp };
}
