// Keys from the text of secrets, once for each: decoding costs as much as signing. Cached by the identity of the value,
// so that a removed secret goes with its Buffer.

import { createSecretKey, type KeyObject } from 'node:crypto';

import { hmacKeyBytesMax, key256Bytes } from './limits.ts';
import { fromBase64, fromHex } from './text-encodings.ts';

/** The problem never quotes the secret. */
export type DecodedKey =
  | { readonly ok: true; readonly key: KeyObject }
  | { readonly ok: false; readonly problem: string };

export type KeyReader = (value: Buffer) => DecodedKey;

/** Makes a reader of one form of key; white space around the text is ignored, since files end with a line end. */
export function keyReader(read: (text: string) => Uint8Array | string): KeyReader {
  const known = new WeakMap<Buffer, DecodedKey>();
  return (value) => {
    let decoded = known.get(value);
    if (decoded === undefined) {
      const bytes = read(value.toString('utf8').trim());
      decoded =
        typeof bytes === 'string'
          ? { ok: false, problem: bytes }
          : { ok: true, key: createSecretKey(Buffer.from(bytes)) };
      known.set(value, decoded);
    }
    return decoded;
  };
}

/** A shared secret that is used as the text it is. */
export const utf8HmacKey = keyReader((text) => hmacKey(Buffer.from(text)));

/** A shared secret that was handed out as base64. */
export const base64HmacKey = keyReader((text) => {
  const bytes = fromBase64(text);
  return bytes === undefined ? 'is not base64 with padding' : hmacKey(bytes);
});

/** Exactly 32 bytes as 64 hexadecimal digits. */
export const hex256Key = keyReader((text) => {
  const bytes = fromHex(text);
  return bytes === undefined ? 'is not hexadecimal' : key256(bytes);
});

/** What is wrong with an AES-256 or Envoy key, or the key. */
export function key256(bytes: Buffer): Buffer | string {
  if (bytes.length === 0) return 'is empty';
  return bytes.length === key256Bytes ? bytes : `has ${bytes.length} bytes, must have ${key256Bytes}`;
}

function hmacKey(bytes: Buffer): Buffer | string {
  if (bytes.length === 0) return 'is empty';
  return bytes.length <= hmacKeyBytesMax ? bytes : `has ${bytes.length} bytes, at most ${hmacKeyBytesMax} are a key`;
}
