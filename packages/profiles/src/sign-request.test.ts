import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { profileNames } from './registry.ts';
import { signRequest, type SignRequestInput } from './sign-request.ts';

const given: SignRequestInput = {
  profile: 'plain',
  secrets: [],
  body: Buffer.from('{}'),
  timestampMs: 1_700_000_000_000,
  randomBytes,
  id: 'dsp_a',
  url: 'https://a.example/webhooks/kyc',
};
const secrets = (value: string) => [{ id: 'k', purpose: 'signing', value: Buffer.from(value) }];
const headers = (change: Partial<SignRequestInput>): Record<string, string> | string => {
  const signed = signRequest({ ...given, ...change });
  return signed.ok ? signed.headers : signed.reason;
};

describe('signRequest', () => {
  it('gives the known answers', () => {
    for (const { body, secretUtf8, sha256 } of vectors.advance) {
      const change = { profile: 'advance', body: Buffer.from(body), secrets: secrets(secretUtf8), nonce: 'n' };
      expect(headers(change)).toMatchObject({
        'aai-signature': sha256,
        'aai-nonce': 'n',
        'aai-timestamp': '1700000000000',
      });
    }
    for (const { body, secretBase64, signature } of vectors.pomelo) {
      const change = { profile: 'pomelo', body: Buffer.from(body), secrets: secrets(secretBase64) };
      expect(headers(change)).toMatchObject({ 'x-signature': signature, 'x-endpoint': '/webhooks/kyc' });
    }
    for (const { id, timestamp, body, secretBase64, ed25519KeypairBase64, v1, v1a } of vectors.standardWebhooks) {
      const key = secretBase64 ?? `whsk_${ed25519KeypairBase64 ?? ''}`;
      const change = { profile: 'standard-webhooks', id, timestampMs: timestamp * 1_000, body: Buffer.from(body) };
      expect(headers({ ...change, secrets: secrets(key) })).toMatchObject({ 'webhook-signature': v1 ?? v1a });
    }
  });

  it('is the same again with the same nonce, and the encrypted body is what would be sent', () => {
    const change = {
      profile: 'argos',
      options: { encryption: 'gcm' },
      secrets: [{ id: 'p', purpose: 'encryption', value: Buffer.from('key') }],
      nonce: Buffer.alloc(12, 1).toString('base64url'),
    };
    const [one, two] = [0, 1].map(() => signRequest({ ...given, ...change }));
    expect(one).toEqual(two);
    expect(one).toMatchObject({ ok: true, method: 'POST', headers: { 'X-Webhook-Encrypted': 'true' }, keyIds: ['p'] });
  });

  it('has the customer’s authentication and custom headers', () => {
    const auth = [{ id: 'a', purpose: 'auth', value: Buffer.from('token') }];
    const change = {
      secrets: auth,
      auth: { header: 'Authorization', scheme: 'Bearer' },
      headers: { 'X-Region': 'eu' },
    };
    expect(headers(change)).toMatchObject({ Authorization: 'Bearer token', 'X-Region': 'eu' });
  });

  it('is refused with the first problem, without quoting a value', () => {
    expect(headers({ profile: 'x' })).toBe(`profile is not known; known are: ${profileNames.join(', ')}`);
    expect(headers({ profile: 'advance' })).toBe('a secret with the purpose "signing" is needed');
    expect(headers({ profile: 'pomelo', secrets: secrets('*') })).toBe('secret "k" is not base64 with padding');
    expect(headers({ options: { a: 1 } })).toMatch(/^option "a" is not known/);
    expect(headers({ url: 'x' })).toBe('the url is not a URL');
    expect(headers({ id: 'a\r\nX: b' })).toMatch(/^the id must be printable ASCII/);
    expect(headers({ profile: 'advance', secrets: secrets('k'), nonce: 'a\nb' })).toMatch(/^the nonce must be/);
    expect(headers({ headers: { Host: 'x' } })).toMatch(/^header "Host" belongs to the connection/);
    expect(headers({ auth: { header: 'X-Token' } })).toBe('no auth secret is valid now');
    expect(
      headers({ profile: 'standard-webhooks', id: 'a.b', secrets: secrets('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') }),
    ).toBe('the id holds a dot');
  });
});
