import type { Endpoint } from '@postrider/core/domain';
import type { SecretAsk, SecretProblem, SecretSource } from '@postrider/runtime';
import { describe, expect, it } from 'vitest';
import { EndpointRuntimes } from './endpoint-runtime.ts';

const wrapping = { wrapped: 'v1.key.text', kekId: 'test.a' };

function endpoint(secrets: Endpoint['secrets']): Endpoint {
  const place = { environment: 'test', projectId: 'p', endpointId: 'e' };
  return { ...place, url: 'https://a.example/', profile: 'plain', secrets } as unknown as Endpoint;
}

/** A source that keeps what it was asked for. */
function source() {
  const asked: SecretAsk[] = [];
  const prepared: SecretAsk[] = [];
  const preparing = Promise.withResolvers<readonly SecretProblem[]>();
  const port: SecretSource = {
    resolve(ask) {
      asked.push(ask);
      return { ok: true, value: Buffer.from('x') };
    },
    prepare(asks) {
      prepared.push(...asks);
      return preparing.promise;
    },
  };
  return { port, asked, prepared, finish: preparing.resolve };
}

describe('the secrets of an endpoint version', () => {
  it('are prepared but for those that have ended, and every attempt asks with the same objects', async () => {
    const { port, asked, prepared, finish } = source();
    const runtimes = new EndpointRuntimes(port);
    const version = endpoint([
      { id: 'k1', purpose: 'signing', ...wrapping },
      { id: 'k2', purpose: 'auth', ref: 'env:X' },
      { id: 'k0', purpose: 'signing', ...wrapping, notAfterMs: 100 },
    ]);
    finish([]);
    expect(await runtimes.prepare(version, 100)).toEqual([]);
    expect(prepared).toEqual([
      { environment: 'test', project: 'p', endpoint: 'e', id: 'k1', purpose: 'signing', ...wrapping },
      'env:X',
    ]);
    runtimes.secrets(version, 100);
    runtimes.secrets(version, 100);
    expect(asked).toHaveLength(4);
    expect(asked[0]).toBe(prepared[0]);
    expect(asked[2]).toBe(prepared[0]);
  });

  it('that begin later are not waited for yet, when they are not to be had', () => {
    const minute = 60_000;
    const beginsMs = 100 * minute;
    const runtimes = new EndpointRuntimes({
      resolve: (ask) =>
        ask === 'env:NOW'
          ? { ok: true, value: Buffer.from('x') }
          : { ok: false, problem: { ref: 'env:NEXT', code: 'not-set', message: 'is not set' } },
      prepare: () => Promise.resolve([]),
    });
    const version = endpoint([
      { id: 'now', purpose: 'signing', ref: 'env:NOW' },
      { id: 'next', purpose: 'signing', ref: 'env:NEXT', notBeforeMs: beginsMs },
    ]);
    expect(runtimes.secrets(version, beginsMs - 2 * minute)).toMatchObject({ ok: true, values: [{ id: 'now' }] });
    expect(runtimes.secrets(version, beginsMs)).toMatchObject({ ok: false, problem: { ref: 'env:NEXT' } });
    // What is begun now may be signed a little later: by then there must not be one too few.
    expect(runtimes.secrets(version, beginsMs - 1)).toMatchObject({ ok: false, problem: { ref: 'env:NEXT' } });
  });

  it('hold no key of the client certificate: what is sent waits, for the key or for the next version of the endpoint', async () => {
    const { port, finish } = source();
    finish([]);
    const runtimes = new EndpointRuntimes(port);
    const secrets = [{ id: 'k', purpose: 'tls-client-key', ref: 'file:/tls.key' }];
    const version = { ...endpoint(secrets), tls: { clientCert: 'CERT' } };
    const problem = { ref: 'e/tls.clientCert', code: 'not-found', message: 'no key belongs to clientCert' };
    expect(runtimes.secrets(version, 0)).toEqual({ ok: false, problem });
    expect(await runtimes.prepare(version, 0)).toEqual([problem]);
  });

  it('are waited for by whoever asks whether all are prepared', async () => {
    const { port, finish } = source();
    const runtimes = new EndpointRuntimes(port);
    const preparing = runtimes.prepare(endpoint([{ id: 'k1', purpose: 'signing', ...wrapping }]), 0);
    let done = false;
    const all = runtimes.prepared().then(() => (done = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    finish([{ ref: 'e/k1', code: 'key-unavailable', message: 'away' }]);
    expect(await preparing).toHaveLength(1);
    expect(await all).toBe(true);
    await runtimes.prepared();
  });
});
