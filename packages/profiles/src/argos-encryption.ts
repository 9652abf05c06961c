// The optional encryption of argos. The document fixes AES-256, Base64 and "a key derived from the project's API key", and
// leaves mode, IV, layout and derivation open; so an endpoint names them. Neither preset was verified against the vendor.
//
//   gcm         aes-256-gcm, key = SHA-256 of the API key's UTF-8 text, 96-bit random IV ‖ ciphertext ‖ 16-byte tag
//   ecb-legacy  aes-256-ecb with the same key, PKCS #7 padding: equal blocks show, and nothing notices a change

import { createCipheriv, createHash } from 'node:crypto';

import { gcmIvBytes, gcmTagBytes, key256Bytes } from './limits.ts';
import type { ProfileOptions, Refusal } from './profile.ts';
import { hex256Key, key256, keyReader, type KeyReader } from './secret-keys.ts';
import { fromBase64, fromBase64Url } from './text-encodings.ts';

type KeyForm = 'sha256-utf8' | 'raw-base64' | 'raw-hex' | 'utf8-32';

interface ArgosEncryption {
  readonly cipher: 'aes-256-gcm' | 'aes-256-ecb';
  readonly key: KeyForm;
}

const presets: Readonly<Record<string, ArgosEncryption>> = {
  gcm: { cipher: 'aes-256-gcm', key: 'sha256-utf8' },
  'ecb-legacy': { cipher: 'aes-256-ecb', key: 'sha256-utf8' },
};

/** What the bytes before Base64 are made of: one layout for each cipher. */
const layouts = { 'aes-256-gcm': 'iv-ciphertext-tag', 'aes-256-ecb': 'ciphertext' } as const;

const readers: Readonly<Record<KeyForm, KeyReader>> = {
  'sha256-utf8': keyReader((text) => (text === '' ? 'is empty' : createHash('sha256').update(text).digest())),
  'raw-base64': keyReader((text) => {
    const bytes = fromBase64(text);
    return bytes === undefined ? 'is not base64 with padding' : key256(bytes);
  }),
  'raw-hex': hex256Key,
  'utf8-32': keyReader((text) => key256(Buffer.from(text))),
};

/** What is wrong with the option `encryption`, or undefined. */
export function checkEncryption(option: unknown): string | undefined {
  const named = `must be none, ${Object.keys(presets).join(', ')}, or { cipher, key, layout }`;
  if (typeof option === 'string') return option === 'none' || Object.hasOwn(presets, option) ? undefined : named;
  if (option === null || typeof option !== 'object' || Array.isArray(option)) return named;
  const { cipher, key, layout, ...rest } = option as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `has "${unknown}", which is not known; known are: cipher, key, layout`;
  if (cipher !== 'aes-256-gcm' && cipher !== 'aes-256-ecb') return 'needs a cipher: aes-256-gcm or aes-256-ecb';
  if (typeof key !== 'string' || !Object.hasOwn(readers, key)) {
    return `needs a key: one of ${Object.keys(readers).join(', ')}`;
  }
  const parts = typeof layout === 'string' ? layout.replaceAll('‖', '-') : layout;
  return parts === undefined || parts === layouts[cipher]
    ? undefined
    : `with ${cipher} has the layout ${layouts[cipher]}`;
}

/** The encryption that checked options ask for; undefined: none. */
export function encryptionOf(options: ProfileOptions): ArgosEncryption | undefined {
  const option = options['encryption'];
  if (option === undefined || option === 'none') return undefined;
  return typeof option === 'string' ? presets[option] : (option as ArgosEncryption);
}

export function keyReaderOf({ key }: ArgosEncryption): KeyReader {
  return readers[key];
}

/**
 * Base64 text of the encrypted body. `random` gives fresh bytes; `nonce` (base64url) replaces the IV where a request must be
 * made again. Refused: a key or IV of the wrong form, the reason quotes neither.
 */
export function encryptBody(
  { cipher, key }: ArgosEncryption,
  input: { readonly secret: Buffer; readonly body: Uint8Array; readonly nonce: string | undefined },
  random: (size: number) => Uint8Array,
): { readonly ok: true; readonly body: Buffer } | Refusal {
  const decoded = readers[key](input.secret);
  if (!decoded.ok) return { ok: false, reason: decoded.problem };
  if (cipher === 'aes-256-ecb') {
    const ecb = createCipheriv(cipher, decoded.key, null);
    return { ok: true, body: base64Body([ecb.update(input.body), ecb.final()]) };
  }
  const iv = input.nonce === undefined ? random(gcmIvBytes) : fromBase64Url(input.nonce);
  if (iv?.length !== gcmIvBytes) return { ok: false, reason: `the IV is not base64url of ${gcmIvBytes} bytes` };
  const gcm = createCipheriv(cipher, decoded.key, iv, { authTagLength: gcmTagBytes });
  const ciphertext = [gcm.update(input.body), gcm.final()];
  return { ok: true, body: base64Body([iv, ...ciphertext, gcm.getAuthTag()]) };
}

/** Said where the endpoint is registered. */
export function encryptionWarnings(encryption: ArgosEncryption | undefined): string[] {
  if (encryption === undefined) return [];
  const warnings = [
    'encryption of argos is not verified against the vendor: agree on cipher, key and layout with the receiver',
  ];
  if (encryption.cipher === 'aes-256-ecb') {
    warnings.push(
      'aes-256-ecb shows which blocks are equal and does not notice changes: use gcm where the receiver can',
    );
  }
  if (encryption.key === 'utf8-32') {
    warnings.push(`a key of ${key256Bytes} typed characters holds far fewer than 256 bits`);
  }
  return warnings;
}

function base64Body(parts: readonly Uint8Array[]): Buffer {
  return Buffer.from(Buffer.concat(parts).toString('base64'), 'latin1');
}
