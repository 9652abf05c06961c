// What the shared vectors of test/conformance do not show: keys that are refused, rotation, and that garbage is a value.

import fc from 'fast-check';
import { createCipheriv, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { verifyAdvance } from './advance.ts';
import { verifyArgos, type ArgosInput } from './argos.ts';
import { signEnvoyReply, verifyEnvoy } from './envoy.ts';
import { verifyPlain } from './plain.ts';
import { verifyPomelo } from './pomelo.ts';
import { verifyStandardWebhook } from './standard-webhook.ts';
import { verifyRequest } from './verify-request.ts';

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const hex = 'cfbabc4715b4759d45ba26953dd2fc0bfc2344ef70a2005432e7f16b5081610d';
const request = { headers: {}, body: '{}', nowMs };

describe('a key that anybody could guess, or that cannot be read', () => {
  it.each([
    ['advance, empty', () => verifyAdvance({ ...request, secret: ' ' })],
    ['advance, none', () => verifyAdvance({ ...request, secret: [] })],
    ['advance, not base64', () => verifyAdvance({ ...request, secret: '*', secretEncoding: 'base64' })],
    ['pomelo, empty', () => verifyPomelo({ ...request, endpoint: '/', secrets: { k: '' } })],
    ['envoy, too short', () => verifyEnvoy({ ...request, keys: { k: 'abcd' } })],
    ['plain, empty', () => verifyPlain({ headers: {}, auth: { header: 'x', value: '' } })],
    ['plain, none', () => verifyPlain({ headers: {}, auth: { header: 'x', value: [] } })],
    ['argos, none', () => verifyArgos({ ...request, encryption: 'gcm' })],
    ['argos, empty', () => verifyArgos({ ...request, encryption: 'gcm', apiKey: '' })],
    [
      'argos, short',
      () => verifyArgos({ ...request, encryption: { cipher: 'aes-256-gcm', key: 'utf8-32' }, apiKey: 'x' }),
    ],
    [
      'standard-webhooks, public key of another length',
      () => verifyStandardWebhook({ ...request, secret: 'whpk_AAAA' }),
    ],
  ])('throws: %s', (_name, verify) => {
    expect(verify).toThrow(TypeError);
  });

  it('is a reason for the tool that takes any profile', () => {
    const given = { secrets: [{ id: 'k', value: '' }], headers: {}, body: Buffer.from('{}'), nowMs };
    expect(verifyRequest({ ...given, profile: 'advance' })).toEqual({ ok: false, reason: 'the secret is empty' });
    expect(verifyRequest({ ...given, profile: 'x' })).toEqual({ ok: false, reason: 'the profile is not known' });
    expect(verifyRequest({ ...given, profile: 'pomelo' })).toEqual({ ok: false, reason: 'pomelo needs the url' });
    expect(verifyRequest({ ...given, profile: 'plain' })).toMatchObject({ ok: false });
  });
});

describe('during a rotation', () => {
  it('either secret of advance and either token of plain is taken', () => {
    const signature = createHmac('sha256', 'new').update('{}').digest('base64');
    const headers = { 'aai-timestamp': String(nowMs), 'aai-nonce': 'n', 'aai-signature': signature };
    expect(verifyAdvance({ ...request, headers, secret: ['old', 'new'] })).toEqual({
      ok: true,
      nonce: 'n',
      timestampMs: nowMs,
    });
    const auth = { header: 'X-Token', value: ['old', 'new'] };
    expect(verifyPlain({ auth, headers: { 'x-token': 'new', 'postrider-dispatch-id': 'd' } })).toEqual({
      ok: true,
      id: 'd',
    });
  });

  it('either key of argos opens the body, in every form of key', () => {
    const key = Buffer.alloc(32, 'k');
    const forms = {
      'raw-base64': key.toString('base64'),
      'raw-hex': key.toString('hex'),
      'utf8-32': key.toString(),
    } as const;
    const plain = Buffer.from(`{"timestamp":"${new Date(nowMs).toISOString()}"}`);
    const gcm = createCipheriv('aes-256-gcm', key, Buffer.alloc(12), { authTagLength: 16 });
    const sealed = Buffer.concat([Buffer.alloc(12), gcm.update(plain), gcm.final(), gcm.getAuthTag()]).toString(
      'base64',
    );
    const headers = { 'x-webhook-encrypted': 'true' };
    for (const [form, apiKey] of Object.entries(forms) as [keyof typeof forms, string][]) {
      const encryption: ArgosInput['encryption'] = { cipher: 'aes-256-gcm', key: form };
      const other =
        form === 'raw-base64' ? Buffer.alloc(32).toString('base64') : form === 'raw-hex' ? hex : 'x'.repeat(32);
      const result = verifyArgos({ headers, body: sealed, nowMs, encryption, apiKey: [other, apiKey] });
      expect(result).toEqual({ ok: true, body: plain, timestampMs: nowMs });
    }
  });
});

it('argos tells a wrong ECB key also where the padding happens to fit, which it does for one in 256', () => {
  const key = Buffer.alloc(32, 'k');
  const ecb = createCipheriv('aes-256-ecb', key, null);
  const sealed = Buffer.concat([ecb.update(`{"timestamp":"${new Date(nowMs).toISOString()}"}`), ecb.final()]);
  const encryption = { cipher: 'aes-256-ecb', key: 'utf8-32' } as const;
  const given = { headers: { 'x-webhook-encrypted': 'true' }, body: sealed.toString('base64'), nowMs, encryption };
  const wrong = Array.from({ length: 1_500 }, (_, n) => String(n).padStart(32, '0'));
  const reasons = wrong.map((apiKey) => verifyArgos({ ...given, apiKey }));
  expect(reasons).toEqual(wrong.map(() => ({ ok: false, reason: 'decryption-failed' })));
  expect(verifyArgos({ ...given, apiKey: [...wrong, key.toString()] }).ok).toBe(true);
});

it('argos checks the authentication header that was agreed on', () => {
  const body = `{"timestamp":"${new Date(nowMs).toISOString()}"}`;
  const auth = { header: 'Authorization', value: 'Bearer a' };
  const given = (authorization?: string) =>
    verifyArgos({ auth, headers: { 'x-webhook-encrypted': 'false', authorization }, body, nowMs });
  expect(given('Bearer a').ok).toBe(true);
  expect(given('Bearer b')).toEqual({ ok: false, reason: 'signature-mismatch' });
  expect(given()).toEqual({ ok: false, reason: 'header-missing' });
});

describe('an envoy token', () => {
  const id = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
  const timestamp = new Date(nowMs).toISOString();
  const signed = (headers: Record<string, string>) => ({
    ...headers,
    authorization: signEnvoyReply({ kid: 'k', key: hex, nonce: Buffer.alloc(16), headers }),
  });
  const verify = (headers: Record<string, string>) =>
    verifyEnvoy({ keys: { k: hex }, headers, body: JSON.stringify({ transaction_id: id, timestamp }), nowMs });

  it('must cover both headers of the transfer, and may cover more', () => {
    const both = { 'x-transfer-id': id, 'x-transfer-timestamp': timestamp };
    expect(verify(signed(both))).toEqual({ ok: true, transactionId: id, kid: 'k' });
    expect(verify(signed({ ...both, date: 'x' }))).toMatchObject({ ok: true });
    const part = { ...signed({ 'x-transfer-id': id }), 'x-transfer-timestamp': timestamp };
    expect(verify(part)).toEqual({ ok: false, reason: 'signature-mismatch' });
  });
});

it('no verifier throws on what a request contains', () => {
  const names = [
    'authorization',
    'x-transfer-id',
    'x-transfer-timestamp',
    'x-webhook-encrypted',
    'aai-timestamp',
    'aai-nonce',
    'aai-signature',
    'x-api-key',
    'x-timestamp',
    'x-endpoint',
    'x-signature',
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
  ];
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('true', 'false', 'HMAC sig=AA,nonce=AA,headers=a,kid=k', String(nowMs), '/', 'k'),
  );
  const profiles = { 'standard-webhooks': 'whsec_AAAA', argos: hex, advance: hex, pomelo: 'AAAA', envoy: hex };
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.entries(profiles)),
      fc.dictionary(fc.constantFrom(...names), value),
      fc.uint8Array(),
      (profile, headers, body) => {
        const result = verifyRequest({
          profile: profile[0],
          options: profile[0] === 'argos' ? { encryption: { cipher: 'aes-256-gcm', key: 'raw-hex' } } : {},
          secrets: [{ id: 'k', value: profile[1] }],
          headers,
          body,
          nowMs,
          url: 'https://a.example/',
        });
        expect(result.ok).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});
