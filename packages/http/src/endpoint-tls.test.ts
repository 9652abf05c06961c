import { expect, test } from 'vitest';
import { endpointTls } from './endpoint-tls.ts';

const key = { id: 'k', purpose: 'tls-client-key', value: Buffer.from('KEY') };

test('an endpoint with nothing of its own, or its own authority alone, needs no key', () => {
  expect(endpointTls({ tls: undefined }, [])).toEqual({ ok: true, material: undefined });
  const tls = { ca: 'CA' };
  const first = endpointTls({ tls }, []);
  expect(first).toEqual({ ok: true, material: { ca: 'CA' } });
  expect(first.ok && first.material).toBe(tls);
});

test('a client certificate goes with its key, and the same key gives the same object back', () => {
  const tls = { ca: 'CA', clientCert: 'CERT' };
  const first = endpointTls({ tls }, [key]);
  expect(first).toEqual({ ok: true, material: { ca: 'CA', clientCert: { cert: 'CERT', key: 'KEY' } } });
  const again = endpointTls({ tls }, [key]);
  expect(again.ok && first.ok && again.material === first.material).toBe(true);
  const rotated = endpointTls({ tls }, [{ ...key, value: Buffer.from('NEW') }]);
  expect(rotated).toMatchObject({ material: { clientCert: { key: 'NEW' } } });
});

test('a client certificate without a valid key is not sent without it', () => {
  expect(endpointTls({ tls: { clientCert: 'CERT' } }, [])).toMatchObject({ ok: false });
});
