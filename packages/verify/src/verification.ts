// What all verifiers share: how a request is given, the closed list of reasons, and the checks that each scheme repeats.

import { createHash, timingSafeEqual } from 'node:crypto';

/** As Node gives them: lower-case names. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type VerificationFailure =
  | 'header-missing'
  | 'timestamp-malformed'
  | 'timestamp-too-old'
  | 'timestamp-too-new'
  | 'signature-malformed'
  | 'signature-mismatch'
  | 'key-unknown'
  | 'endpoint-mismatch'
  | 'not-encrypted'
  | 'body-malformed'
  | 'decryption-failed'
  | 'body-mismatch'
  | 'nonce-reused';

export type Verified<Facts> = ({ readonly ok: true } & Facts) | Refused;

export interface Refused {
  readonly ok: false;
  readonly reason: VerificationFailure;
}

/** Remembers what was used once; see nonce-cache.ts, or bring your own (one that all your processes share). */
export interface NonceCache {
  /** False when `nonce` was taken before. */
  take(nonce: string, nowMs: number): boolean;
}

export const toleranceSecondsDefault = 300;

export function refuse(reason: VerificationFailure): Refused {
  return { ok: false, reason };
}

/** A repeated header is not one value: which copy was signed cannot be known. */
export function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Why a moment is too far from now, or undefined. */
export function ageProblem(
  atMs: number,
  { nowMs, pastSeconds, futureSeconds }: { nowMs: number; pastSeconds: number; futureSeconds: number },
): Refused | undefined {
  const ageSeconds = Math.floor(nowMs / 1_000) - Math.floor(atMs / 1_000);
  if (Number.isNaN(ageSeconds)) return refuse('timestamp-malformed');
  if (ageSeconds > pastSeconds) return refuse('timestamp-too-old');
  return ageSeconds < -futureSeconds ? refuse('timestamp-too-new') : undefined;
}

/** Compares text in a time that tells neither where two values differ nor how long the expected one is. */
export function sameText(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Bytes of a secret that was handed out as base64. Throws a TypeError, since a half-read key verifies forgeries. */
export function base64Secret(secret: string): Buffer {
  const text = secret.trim();
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text) || text === '') {
    throw new TypeError('the secret is empty or not base64');
  }
  return Buffer.from(text, 'base64');
}

/** Throws a TypeError for a secret that anybody could guess. */
export function textSecret(secret: string): Buffer {
  const text = secret.trim();
  if (text === '') throw new TypeError('the secret is empty');
  return Buffer.from(text);
}

/** One secret or several, never none. */
export function secretList(secret: string | readonly string[]): readonly string[] {
  const list = typeof secret === 'string' ? [secret] : secret;
  if (list.length === 0) throw new TypeError('no secret to verify with');
  return list;
}
