// From profile to receiver over the wire: what arrives satisfies verifiers that know nothing of the signer.

import type { DispatchId } from '@postrider/core/domain';
import { createLocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver } from '@postrider/dev-stack/receiver';
import { buildRequest, profileNamed, type SecretValue } from '@postrider/profiles';
import { verifyStandardWebhook } from '@postrider/verify';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { guardedSender } from '../support/guarded-sender.ts';

it('a signed request arrives so that every current secret verifies it, and no other', async () => {
  const host = 'signed.postrider.example';
  const ca = await createLocalCa();
  const receiver = await startReceiver(await ca.issue({ names: [host] }));
  const sender = guardedSender({}, { allowHosts: [`${host}=127.0.0.1`] });
  try {
    const profile = profileNamed('standard-webhooks');
    if (profile === undefined) throw new Error('no such profile');
    const secrets: SecretValue[] = ['old', 'new'].map((id) => ({
      id,
      purpose: 'signing',
      value: Buffer.from(`whsec_${randomBytes(32).toString('base64')}`),
    }));
    const url = receiver.url('/hook', host);
    const built = buildRequest(profile, {
      dispatch: {
        dispatchId: 'dsp_mfrggzdfmztwq2lk' as DispatchId,
        body: Buffer.from('{"n":1998600000000026050,"s":"ü"}'),
      },
      endpoint: { url, method: 'POST', headers: { 'X-Region': 'eu' }, auth: undefined, profileOptions: {} },
      secrets,
      timestampMs: Date.now(),
      randomBytes,
    });
    if (!built.ok) throw new Error(built.reason);
    await sender.send({
      url: new URL(url),
      method: 'POST',
      headers: built.headers,
      body: built.body,
      timeoutMs: 5_000,
      tls: { ca: ca.caPem },
    });
    const [request] = await receiver.waitFor(1, 5_000);
    if (request === undefined) throw new Error('nothing came');
    const headers = request.headers as Record<string, string>;
    for (const { value } of secrets) {
      expect(new Webhook(value.toString()).verify(request.body.toString(), headers)).toMatchObject({ s: 'ü' });
      const own = verifyStandardWebhook({ secret: value.toString(), headers, body: request.body, nowMs: Date.now() });
      expect(own.ok).toBe(true);
    }
    const stranger = new Webhook(randomBytes(32).toString('base64'));
    expect(() => stranger.verify(request.body.toString(), headers)).toThrow();
  } finally {
    await sender.close();
    await receiver.close();
  }
});
