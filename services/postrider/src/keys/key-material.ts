// Fresh secrets, in the form that each scheme asks for. Pure: randomness and time are given.
//
//   standard-webhooks  whsec_ + base64 of 32 bytes; asymmetric: whsk_ (private) and whpk_ (public), ed25519
//   envoy              64 hexadecimal digits; the id is the `kid`, a ULID
//   pomelo             base64 of 32 bytes, the api-secret; the id is what receivers see as `x-api-key`
//   advance            random text, or base64 with `secretEncoding: base64`
//   argos              by `encryption.key`: text, base64, hexadecimal digits, or 32 characters
//   auth, any scheme   random text

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { profileNamed } from '@postrider/profiles';

export interface KeyWish {
  readonly profile: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Undefined: what the scheme signs or encrypts with. */
  readonly purpose: string | undefined;
  /** ed25519 instead of a shared secret; standard-webhooks only. */
  readonly asymmetric: boolean;
}

export interface KeyMaterial {
  readonly purpose: string;
  /** The secret as the endpoint needs it. */
  readonly secret: string;
  /** What the receiver verifies with, when it is not the secret. */
  readonly publicKey: string | undefined;
}

export type KeyMade =
  | { readonly ok: true; readonly key: KeyMaterial }
  | { readonly ok: false; readonly problem: string };

type RandomBytes = (size: number) => Uint8Array;

const keyBytes = 32;
/** RFC 8410: what stands before the 32 bytes of the seed in PKCS #8. */
const pkcs8Ed25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

export function makeKey({ profile: name, options, purpose, asymmetric }: KeyWish, randomBytes: RandomBytes): KeyMade {
  const profile = profileNamed(name);
  if (profile === undefined) return { ok: false, problem: `there is no profile ${name}` };
  const wanted = purpose ?? profile.keyPurpose;
  if (wanted === undefined) return { ok: false, problem: `${name} signs nothing; only --purpose auth has a use` };
  if (wanted !== 'auth' && wanted !== profile.keyPurpose) {
    return { ok: false, problem: `${name} has no use for the purpose ${wanted}` };
  }
  if (asymmetric && (name !== 'standard-webhooks' || wanted === 'auth')) {
    return { ok: false, problem: 'only the signing key of standard-webhooks can be asymmetric' };
  }
  const bytes = Buffer.from(randomBytes(keyBytes));
  if (asymmetric) return { ok: true, key: { purpose: wanted, ...ed25519(bytes) } };
  const secret = wanted === 'auth' ? bytes.toString('base64url') : secretText(name, options, bytes);
  return { ok: true, key: { purpose: wanted, secret, publicKey: undefined } };
}

function secretText(profile: string, options: Readonly<Record<string, unknown>>, bytes: Buffer): string {
  switch (profile) {
    case 'standard-webhooks':
      return `whsec_${bytes.toString('base64')}`;
    case 'envoy':
      return bytes.toString('hex');
    case 'pomelo':
      return bytes.toString('base64');
    case 'advance':
      return bytes.toString(options['secretEncoding'] === 'base64' ? 'base64' : 'base64url');
    case 'argos':
      return encryptionKey(options['encryption'], bytes);
    default:
      return bytes.toString('base64url');
  }
}

function encryptionKey(encryption: unknown, bytes: Buffer): string {
  const form =
    typeof encryption === 'object' && encryption !== null && 'key' in encryption ? encryption.key : undefined;
  if (form === 'raw-base64') return bytes.toString('base64');
  if (form === 'raw-hex') return bytes.toString('hex');
  if (form === 'utf8-32') return bytes.toString('base64url').slice(0, keyBytes);
  return bytes.toString('base64url');
}

function ed25519(seed: Buffer): { readonly secret: string; readonly publicKey: string } {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Ed25519, seed]), format: 'der', type: 'pkcs8' });
  const own = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
  return {
    secret: `whsk_${Buffer.concat([seed, own]).toString('base64')}`,
    publicKey: `whpk_${own.toString('base64')}`,
  };
}

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** An id that sorts by time: 48 bits of epoch ms, 80 random ones, in Crockford's base 32. */
export function ulid(nowMs: number, randomBytes: RandomBytes): string {
  let value = (BigInt(nowMs) << 80n) | BigInt(`0x${Buffer.from(randomBytes(10)).toString('hex')}`);
  let text = '';
  for (let digit = 0; digit < 26; digit += 1) {
    text = `${crockford[Number(value & 31n)]}${text}`;
    value >>= 5n;
  }
  return text;
}
