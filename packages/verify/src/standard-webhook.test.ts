import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

import { verifyStandardWebhook, type StandardWebhookInput } from './standard-webhook.ts';

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const body = '{"caseId":1998600000000026050}';
const secret = `whsec_${randomBytes(32).toString('base64')}`;

/** Signed by an independent implementation. */
function signed(atMs = nowMs, withSecret = secret): Record<string, string> {
  return {
    'webhook-id': 'dsp_a',
    'webhook-timestamp': String(Math.floor(atMs / 1_000)),
    'webhook-signature': new Webhook(withSecret).sign('dsp_a', new Date(atMs), body),
  };
}

function verify(change: Partial<StandardWebhookInput> = {}) {
  return verifyStandardWebhook({ secret, headers: signed(), body, nowMs, ...change });
}

describe('verifyStandardWebhook', () => {
  it('accepts what another implementation has signed, as text and as bytes', () => {
    expect(verify()).toEqual({ ok: true, id: 'dsp_a', timestamp: Math.floor(nowMs / 1_000) });
    expect(verify({ body: Buffer.from(body) }).ok).toBe(true);
  });

  it('accepts the known answer of the specification', () => {
    const result = verify({
      secret: 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      body: '{"test": 2432232314}',
      nowMs: 1_614_265_330_000,
    });
    expect(result.ok).toBe(true);
  });

  it('accepts either side of a rotation', () => {
    const other = randomBytes(24).toString('base64');
    const headers = signed();
    const both = { ...headers, 'webhook-signature': `v1,AAAA v2,x ${headers['webhook-signature']}` };
    expect(verify({ headers: both }).ok).toBe(true);
    expect(verify({ secret: [other, secret] }).ok).toBe(true);
  });

  it('refuses a stranger’s key and every changed byte', () => {
    const mismatch = { ok: false, reason: 'signature-mismatch' };
    expect(verify({ secret: randomBytes(32).toString('base64') })).toEqual(mismatch);
    expect(verify({ body: body.replace('6050', '6000') })).toEqual(mismatch);
    expect(verify({ headers: { ...signed(), 'webhook-id': 'dsp_b' } })).toEqual(mismatch);
    expect(verify({ headers: { ...signed(), 'webhook-timestamp': String(nowMs / 1_000 + 1) } })).toEqual(mismatch);
  });

  it('refuses every other spelling of a signature', () => {
    const signature = signed()['webhook-signature'] ?? '';
    for (const text of [
      '',
      'v1,',
      signature.slice(3),
      signature.replace('=', ''),
      `${signature}=`,
      signature.replace('v1,', 'v1, '),
    ]) {
      expect(verify({ headers: { ...signed(), 'webhook-signature': text } }).ok).toBe(false);
    }
  });

  it('refuses what is stale or from the future, by the tolerance to the second', () => {
    const at = (seconds: number) => verify({ headers: signed(nowMs + seconds * 1_000) });
    expect(at(-300).ok).toBe(true);
    expect(at(-301)).toEqual({ ok: false, reason: 'timestamp-too-old' });
    expect(at(300).ok).toBe(true);
    expect(at(301)).toEqual({ ok: false, reason: 'timestamp-too-new' });
    expect(verify({ headers: signed(nowMs - 2_000), toleranceSeconds: 1 }).ok).toBe(false);
  });

  it('refuses missing, repeated and malformed headers', () => {
    for (const name of Object.keys(signed())) {
      expect(verify({ headers: { ...signed(), [name]: undefined } })).toEqual({ ok: false, reason: 'header-missing' });
      expect(verify({ headers: { ...signed(), [name]: ['a', 'b'] } })).toEqual({ ok: false, reason: 'header-missing' });
    }
    for (const time of ['1e9', '-1', '1.5', ' 1', '0x1', '9'.repeat(16)]) {
      expect(verify({ headers: { ...signed(), 'webhook-timestamp': time } })).toEqual({
        ok: false,
        reason: 'timestamp-malformed',
      });
    }
  });

  it('never throws on a request, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.uint8Array(), (id, time, signature, bytes) => {
        const headers = { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature };
        expect(verify({ headers, body: bytes }).ok).toBe(false);
      }),
    );
  });

  it('throws on a secret that anybody could guess, rather than verifying with it', () => {
    for (const bad of ['', 'whsec_', 'not base64!', []]) expect(() => verify({ secret: bad })).toThrow(TypeError);
  });
});
