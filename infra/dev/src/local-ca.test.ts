import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createLocalCa, createSelfSigned } from './local-ca.ts';

describe('a local authority', () => {
  it('vouches for the names and addresses asked for', async () => {
    const ca = await createLocalCa({ name: 'Test authority' });
    const issuer = new X509Certificate(ca.caPem);
    const { cert, key } = await ca.issue({ names: ['a.example', '*.b.example'], addresses: ['127.0.0.1', '::1'] });
    const leaf = new X509Certificate(cert);
    expect(issuer.ca).toBe(true);
    expect(issuer.subject).toBe('CN=Test authority');
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)).toBe(true);
    expect(leaf.checkHost('a.example')).toBe('a.example');
    expect(leaf.checkHost('x.b.example')).toBe('*.b.example');
    expect(leaf.checkHost('c.example')).toBeUndefined();
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(leaf.checkIP('127.0.0.2')).toBeUndefined();
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('makes certificates of any time, and each a different one', async () => {
    const ca = await createLocalCa();
    const notAfter = new Date('2020-02-01T00:00:00Z');
    const options = { names: ['a.example'], notBefore: new Date('2020-01-01T00:00:00Z'), notAfter };
    const [one, two] = await Promise.all([ca.issue(options), ca.issue(options)]);
    expect(new X509Certificate(one.cert).validToDate).toEqual(notAfter);
    expect(new X509Certificate(one.cert).serialNumber).not.toBe(new X509Certificate(two.cert).serialNumber);
  });

  it('makes certificates that nobody vouches for', async () => {
    const { cert } = await createSelfSigned({ names: ['a.example'] });
    const leaf = new X509Certificate(cert);
    expect(leaf.verify(leaf.publicKey)).toBe(true);
    expect(leaf.issuer).toBe(leaf.subject);
  });
});
