// Whatever body is signed, the customer's package takes it, refuses it with one byte changed, and its signed reply
// satisfies our check. The two sides share no code.

import { randomBytes } from 'node:crypto';

import { profileNamed, signRequest } from '@postrider/profiles';
import { signEnvoyReply, verifyRequest } from '@postrider/verify';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const key32 = Buffer.alloc(32, 7);
const kid = '01JT4B3R5Z6AHJXV87QHPPKRBM';
const transactionId = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
const url = 'https://receiver.example/hooks?x=1';

/** Profiles whose signature or encryption covers the whole body. */
const schemes = [
  ['standard-webhooks', {}, `whsec_${key32.toString('base64')}`],
  ['advance', {}, 'a shared secret'],
  ['advance', { algorithm: 'sha512', signedText: 'timestamp-newline-nonce-newline-body' }, 'a shared secret'],
  ['pomelo', {}, key32.toString('base64')],
  ['argos', { encryption: 'gcm' }, 'project api key'],
  ['argos', { encryption: { cipher: 'aes-256-gcm', key: 'raw-hex' } }, key32.toString('hex')],
] as const;

describe('what is signed', () => {
  it.each(schemes)('by %s %j is verified, and refused with one bit changed', (profile, options, value) => {
    const purpose = profile === 'argos' ? 'encryption' : 'signing';
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.integer({ min: 0, max: 2 ** 41 }), (data, at, timestampMs) => {
        const plain = Buffer.from(JSON.stringify({ timestamp: new Date(timestampMs).toISOString(), data }));
        const secrets = [{ id: 'k', purpose, value: Buffer.from(value) }];
        const signed = signRequest({
          profile,
          options,
          secrets,
          body: plain,
          timestampMs,
          randomBytes,
          id: 'dsp_a',
          url,
        });
        if (!signed.ok) throw new Error(signed.reason);
        const verify = (body: Uint8Array) =>
          verifyRequest({
            profile,
            options,
            secrets: [{ id: 'k', value }],
            headers: signed.headers,
            body,
            nowMs: timestampMs,
            url,
          });
        expect(verify(signed.body)).toEqual({ ok: true, body: plain });
        const changed = Buffer.from(signed.body);
        const byte = at % changed.length;
        changed[byte] = (changed[byte] ?? 0) ^ 1;
        expect(verify(changed).ok).toBe(false);
      }),
    );
  });
});

describe('a reply that was signed with the kit', () => {
  const envoy = profileNamed('envoy');
  const plain = `{"transaction_id":"${transactionId}","timestamp":"2026-01-02T03:04:05Z","counterparty":{},"error":{"code":1}}`;
  const signed = signRequest({
    profile: 'envoy',
    secrets: [{ id: kid, purpose: 'signing', value: Buffer.from(key32.toString('hex')) }],
    body: Buffer.from(plain),
    timestampMs: 0,
    randomBytes,
    id: 'dsp_a',
    url,
  });
  const reply = JSON.stringify({ transaction_id: transactionId, error: { code: 90 }, transfer_action: 'REJECTED' });

  it.each(['envoy', 'strict'])('satisfies our check in mode %s', (serverAuth) => {
    if (!signed.ok || envoy?.reply === undefined) throw new Error('envoy cannot sign');
    const covered = { 'x-transfer-id': transactionId };
    const headers: Record<string, string> = {
      ...covered,
      'content-type': 'application/json',
      'server-authorization': signEnvoyReply({
        kid,
        key: key32.toString('hex'),
        nonce: randomBytes(16),
        headers: covered,
      }),
    };
    const verdict = envoy.reply.judge({
      exchange: { kind: 'response', status: 200, retryAfterMs: undefined, bodyCut: false },
      response: { header: (name) => headers[name], bytes: Buffer.from(reply), truncated: false },
      sentHeaders: Object.entries(signed.headers).flat(),
      secrets: [{ id: kid, purpose: 'signing', value: Buffer.from(key32.toString('hex')) }],
      options: { serverAuth },
    });
    expect(verdict).toMatchObject({ outcome: 'replied', reply: { transferAction: 'REJECTED' } });
  });
});
