// The symmetric secrets of Standard Webhooks: `whsec_` (may be left out) + base64 of 24 to 64 bytes.

import { createSecretKey, type KeyObject } from 'node:crypto';

import { secretBytesMax, secretBytesMin } from './limits.ts';

const prefix = 'whsec_';
const strictBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export type DecodedSecret =
  | { readonly ok: true; readonly key: KeyObject }
  | { readonly ok: false; readonly problem: string };

/** By the identity of the value: decoding costs as much as signing, and a removed secret goes with its Buffer. */
const decoded = new WeakMap<Buffer, DecodedSecret>();

/** The key of a secret's text (surrounding white space is ignored); the problem never quotes it. */
export function decodeWebhookSecret(value: Buffer): DecodedSecret {
  let known = decoded.get(value);
  if (known === undefined) {
    known = decode(value.toString('utf8').trim());
    decoded.set(value, known);
  }
  return known;
}

function decode(text: string): DecodedSecret {
  const base64 = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (base64 === '') return { ok: false, problem: 'is empty' };
  if (!strictBase64.test(base64)) return { ok: false, problem: 'is not base64 with padding' };
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < secretBytesMin || bytes.length > secretBytesMax) {
    return { ok: false, problem: `has ${bytes.length} bytes, must have ${secretBytesMin} to ${secretBytesMax}` };
  }
  return { ok: true, key: createSecretKey(bytes) };
}
