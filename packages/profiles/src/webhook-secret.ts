// The secrets of Standard Webhooks: `whsec_` (may be left out) + base64 of 24 to 64 bytes for HMAC, `whsk_` + base64 of an
// ed25519 private key (its seed of 32 bytes, or seed and public key together) for v1a.

import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

import { key256Bytes, secretBytesMax, secretBytesMin } from './limits.ts';
import { fromBase64 } from './text-encodings.ts';

const symmetricPrefix = 'whsec_';
const privatePrefix = 'whsk_';
const publicPrefix = 'whpk_';

/** RFC 8410: what stands before the 32 bytes of the seed in PKCS #8. */
const pkcs8Ed25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

export type DecodedSecret =
  | { readonly ok: true; readonly version: 'v1' | 'v1a'; readonly key: KeyObject }
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
  if (text.startsWith(publicPrefix)) return { ok: false, problem: 'is a public key, which cannot sign' };
  const asymmetric = text.startsWith(privatePrefix);
  const prefix = asymmetric ? privatePrefix : symmetricPrefix;
  const base64 = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (base64 === '') return { ok: false, problem: 'is empty' };
  const bytes = fromBase64(base64);
  if (bytes === undefined) return { ok: false, problem: 'is not base64 with padding' };
  if (asymmetric) return privateKey(bytes);
  if (bytes.length < secretBytesMin || bytes.length > secretBytesMax) {
    return { ok: false, problem: `has ${bytes.length} bytes, must have ${secretBytesMin} to ${secretBytesMax}` };
  }
  return { ok: true, version: 'v1', key: createSecretKey(bytes) };
}

function privateKey(bytes: Buffer): DecodedSecret {
  if (bytes.length !== key256Bytes && bytes.length !== 2 * key256Bytes) {
    return { ok: false, problem: `has ${bytes.length} bytes, an ed25519 key has ${key256Bytes} or ${2 * key256Bytes}` };
  }
  const der = Buffer.concat([pkcs8Ed25519, bytes.subarray(0, key256Bytes)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const given = bytes.subarray(key256Bytes);
  const own = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-key256Bytes);
  if (given.length > 0 && !given.equals(own)) return { ok: false, problem: 'holds a public key that is not its own' };
  return { ok: true, version: 'v1a', key };
}
