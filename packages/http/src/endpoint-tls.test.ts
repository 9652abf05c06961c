import { expect, test } from 'vitest';
import { endpointTls } from './endpoint-tls.ts';

// Which key belongs to a certificate: test/integration/tls-client-keys.test.ts.

test('an endpoint with nothing of its own, or its own authority alone, needs no key', () => {
  expect(endpointTls({ tls: undefined }, [])).toEqual({ ok: true, material: undefined });
  const tls = { ca: 'CA' };
  const first = endpointTls({ tls }, []);
  expect(first).toEqual({ ok: true, material: { ca: 'CA' } });
  expect(first.ok && first.material).toBe(tls);
});

test('a client certificate without a valid key is not sent without it', () => {
  expect(endpointTls({ tls: { clientCert: 'CERT' } }, [])).toMatchObject({ ok: false });
});
