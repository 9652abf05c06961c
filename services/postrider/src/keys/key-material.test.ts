import { createHash, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { profileNamed } from '@postrider/profiles';
import { describe, expect, test } from 'vitest';
import { makeKey, ulid, type KeyMaterial } from './key-material.ts';

function key(
  profile: string,
  over: { options?: Record<string, unknown>; purpose?: string; asymmetric?: boolean } = {},
): KeyMaterial {
  const wish = { profile, options: {}, purpose: undefined, asymmetric: false, ...over };
  const made = makeKey(wish, randomBytes);
  if (!made.ok) throw new Error(made.problem);
  return made.key;
}

describe('a secret that is made', () => {
  test.each([
    ['standard-webhooks', {}, /^whsec_[A-Za-z0-9+/]{43}=$/, 'signing'],
    ['envoy', {}, /^[0-9a-f]{64}$/, 'signing'],
    ['pomelo', {}, /^[A-Za-z0-9+/]{43}=$/, 'signing'],
    ['advance', {}, /^[\w-]{43}$/, 'signing'],
    ['advance', { secretEncoding: 'base64' }, /^[A-Za-z0-9+/]{43}=$/, 'signing'],
    ['argos', { encryption: 'gcm' }, /^[\w-]{43}$/, 'encryption'],
    ['argos', { encryption: { cipher: 'aes-256-gcm', key: 'raw-base64' } }, /^[A-Za-z0-9+/]{43}=$/, 'encryption'],
    ['argos', { encryption: { cipher: 'aes-256-gcm', key: 'raw-hex' } }, /^[0-9a-f]{64}$/, 'encryption'],
    ['argos', { encryption: { cipher: 'aes-256-gcm', key: 'utf8-32' } }, /^[\w-]{32}$/, 'encryption'],
  ])('for %s with %j has the form of the scheme, and the scheme takes it', (name, options, form, purpose) => {
    const made = key(name, { options });
    expect(made).toMatchObject({ secret: expect.stringMatching(form) as string, purpose, publicKey: undefined });
    const facts = [{ id: 'k1', purpose: made.purpose, value: Buffer.from(made.secret) }];
    expect(profileNamed(name)?.checkSecrets(facts, options)).toEqual([]);
  });

  test('for a customer to know us by is random text, for any scheme', () => {
    expect(key('plain', { purpose: 'auth' })).toMatchObject({
      purpose: 'auth',
      secret: expect.stringMatching(/^[\w-]{43}$/) as string,
    });
    expect(key('plain', { purpose: 'auth' }).secret).not.toBe(key('plain', { purpose: 'auth' }).secret);
  });

  test('asymmetric: the public key verifies what the private one signs', () => {
    const { secret, publicKey } = key('standard-webhooks', { asymmetric: true });
    expect(secret).toMatch(/^whsk_/);
    const value = Buffer.from(secret);
    expect(profileNamed('standard-webhooks')?.checkSecrets([{ id: 'k', purpose: 'signing', value }])).toEqual([]);
    const der = (prefix: string, bytes: Buffer): Buffer => Buffer.concat([Buffer.from(prefix, 'hex'), bytes]);
    const own = Buffer.from(publicKey?.replace('whpk_', '') ?? '', 'base64');
    const seed = Buffer.from(secret.replace('whsk_', ''), 'base64').subarray(0, 32);
    const signature = sign(null, Buffer.from('text'), {
      key: der('302e020100300506032b657004220420', seed),
      format: 'der',
      type: 'pkcs8',
    });
    const verifier = createPublicKey({ key: der('302a300506032b6570032100', own), format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from('text'), verifier, signature)).toBe(true);
  });

  test.each([
    ['unknown', {}],
    ['plain', {}],
    ['plain', { purpose: 'signing' }],
    ['envoy', { purpose: 'encryption' }],
    ['envoy', { asymmetric: true }],
    ['standard-webhooks', { asymmetric: true, purpose: 'auth' }],
  ])('is refused for %s with %j', (profile, over) => {
    expect(() => key(profile, over)).toThrow();
  });
});

test('a ULID holds its time and randomness, and sorts by time', () => {
  const zeros = (size: number) => new Uint8Array(size);
  expect(ulid(0, zeros)).toBe('0'.repeat(26));
  // The example of the specification.
  expect(ulid(1_469_918_176_385, zeros).slice(0, 10)).toBe('01ARYZ6S41');
  expect(ulid(2 ** 48 - 1, (size) => new Uint8Array(size).fill(255))).toBe('7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
  const seed = createHash('sha256').update('x').digest();
  expect(ulid(1_000, () => seed.subarray(0, 10)) < ulid(2_000, zeros)).toBe(true);
});
