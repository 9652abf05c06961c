// The envelope around a secret that stands in an endpoint record: the secret encrypted under a data key of its own, the data
// key wrapped by a key-encryption key (KEK) that is named beside it. Pure, over key bytes that are given.
//
//   v1.<wrapped data key>.<IV ‖ ciphertext ‖ tag>     both parts base64url without padding
//
// The secret is bound to its place (environment, project, endpoint, id, purpose) as additional data: moved into another
// record it does not open. The binding leaves out the KEK, so that a rewrap changes the first part alone.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { wrappedDataKeyBytesMax, wrappedSecretBytesMax } from './limits.ts';

/** What a wrapped secret is bound to. */
export interface SecretPlace {
  readonly environment: string;
  readonly project: string;
  readonly endpoint: string;
  readonly id: string;
  readonly purpose: string;
}

/** The two parts of the text form. */
export interface SecretEnvelope {
  readonly wrappedDataKey: Buffer;
  /** IV ‖ ciphertext ‖ tag. */
  readonly sealed: Buffer;
}

export const dataKeyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;
const form = /^v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/**
 * IV ‖ ciphertext ‖ tag of AES-256-GCM.
 * @param key 32 bytes
 * @param randomBytes gives the IV: 96 bits that must never come twice for one key
 */
export function seal(
  key: Uint8Array,
  plain: Uint8Array,
  additional: Uint8Array,
  randomBytes: (size: number) => Uint8Array,
): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(additional);
  const ciphertext = [cipher.update(plain), cipher.final()];
  return Buffer.concat([iv, ...ciphertext, cipher.getAuthTag()]);
}

/** What `seal` closed; undefined: another key, another place, or changed bytes. Which of them nobody can tell. */
export function open(key: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Buffer | undefined {
  if (key.length !== dataKeyBytes || sealed.length < ivBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(additional).setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** A place as bytes: each part after its length, so that no two places look alike. */
export function placeBytes({ environment, project, endpoint, id, purpose }: SecretPlace): Buffer {
  return labelled('postrider secret v1', [environment, project, endpoint, id, purpose]);
}

/** Additional data: a label for what it is used for, and the parts, each after its length in 4 bytes. */
export function labelled(label: string, parts: readonly string[]): Buffer {
  const pieces = [label, ...parts].flatMap((part) => {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(pieces);
}

/** The text form. */
export function encodeEnvelope({ wrappedDataKey, sealed }: SecretEnvelope): string {
  return `v1.${wrappedDataKey.toString('base64url')}.${sealed.toString('base64url')}`;
}

/** Reads the text form; undefined when it is none, in another version, or larger than any that we write. */
export function decodeEnvelope(text: string): SecretEnvelope | undefined {
  const [, key = '', body = ''] = form.exec(text) ?? [];
  const wrappedDataKey = Buffer.from(key, 'base64url');
  const sealed = Buffer.from(body, 'base64url');
  // Node skips what does not fit at the end; only the one canonical spelling counts.
  if (key === '' || wrappedDataKey.toString('base64url') !== key || sealed.toString('base64url') !== body) {
    return undefined;
  }
  if (wrappedDataKey.length > wrappedDataKeyBytesMax) return undefined;
  const plainBytes = sealed.length - ivBytes - tagBytes;
  return plainBytes > 0 && plainBytes <= wrappedSecretBytesMax ? { wrappedDataKey, sealed } : undefined;
}

/** The part that a rewrap leaves as it is: two texts with the same one hold the same secret of the same place. */
export function sealedPart(text: string): string {
  return text.slice(text.lastIndexOf('.') + 1);
}
