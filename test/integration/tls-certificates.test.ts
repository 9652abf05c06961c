// Whom the sender trusts: real servers with certificates that must not be taken, and those that must.

import { createLocalCa, createSelfSigned, type LocalCa, type ServerCertificate } from '@postrider/dev-stack/local-ca';
import type { SendResult, TlsMaterial } from '@postrider/http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTlsServer, type RawServer } from '../support/raw-server.ts';

const day = 24 * 60 * 60_000;
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

let ca: LocalCa;
const servers: RawServer[] = [];

beforeAll(async () => {
  ca = await createLocalCa();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Served {
  readonly result: SendResult;
  /** Requests that reached the server. */
  readonly requests: number;
}

async function exchange(
  certificate: ServerCertificate,
  tls: TlsMaterial | undefined = { ca: ca.caPem },
  name = host,
): Promise<Served> {
  let requests = 0;
  const server = await startRawTlsServer(certificate, (socket) =>
    socket.on('data', () => {
      requests += 1;
      socket.write(ok);
    }),
  );
  servers.push(server);
  const sender = guardedSender({}, { allowCidrs: ['127.0.0.0/8'] });
  try {
    return { result: await sendTo(sender, server.port, { tls, host: name }), requests };
  } finally {
    await sender.close();
  }
}

/** The failure; nothing of the request may have been sent. */
async function refusal(...input: Parameters<typeof exchange>): Promise<unknown> {
  const { result, requests } = await exchange(...input);
  expect(requests).toBe(0);
  expect(Object.keys(result.phases)).toEqual(['dnsMs', 'connectMs']);
  return result.exchange;
}

const tlsFailure = (code: string) => ({ kind: 'failure', failure: 'tls', detail: `tls: ${code}` });
const taken = { kind: 'response', status: 200 };

describe('a certificate that is refused', () => {
  it('has expired', async () => {
    const nowMs = Date.now();
    const notBefore = new Date(nowMs - 30 * day);
    const expired = await ca.issue({ names: [host], notBefore, notAfter: new Date(nowMs - day) });
    expect(await refusal(expired)).toEqual(tlsFailure('CERT_HAS_EXPIRED'));
  });

  it('is not valid yet', async () => {
    const early = await ca.issue({ names: [host], notBefore: new Date(Date.now() + day) });
    expect(await refusal(early)).toEqual(tlsFailure('CERT_NOT_YET_VALID'));
  });

  it.each([
    ['another name', ['other.postrider.example']],
    ['a wildcard of another level', ['*.example']],
    ['a part of the name', ['postrider.example']],
  ])('is for %s', async (_what, names) => {
    expect(await refusal(await ca.issue({ names }))).toEqual(tlsFailure('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  it('is for the address only, while the URL has the name', async () => {
    const certificate = await ca.issue({ names: ['other.postrider.example'], addresses: ['127.0.0.1'] });
    expect(await refusal(certificate)).toEqual(tlsFailure('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  it('is for the name only, while the URL has the address', async () => {
    const certificate = await ca.issue({ names: [host] });
    expect(await refusal(certificate, { ca: ca.caPem }, '127.0.0.1')).toEqual(
      tlsFailure('ERR_TLS_CERT_ALTNAME_INVALID'),
    );
  });

  it('is self-signed', async () => {
    const selfSigned = await createSelfSigned({ names: [host] });
    expect(await refusal(selfSigned)).toEqual(tlsFailure('DEPTH_ZERO_SELF_SIGNED_CERT'));
    expect(await refusal(selfSigned, {})).toEqual(tlsFailure('DEPTH_ZERO_SELF_SIGNED_CERT'));
  });

  it('comes without the certificate that vouches for it', async () => {
    const { key, cert } = await ca.issue({ names: [host] });
    const leafOnly = { key, cert: `${cert.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n` };
    expect(await refusal(leafOnly, {})).toEqual(tlsFailure('UNABLE_TO_VERIFY_LEAF_SIGNATURE'));
    expect((await exchange(leafOnly)).result.exchange).toMatchObject(taken);
  });

  it('is from a private authority that this endpoint has not named, whatever another endpoint has', async () => {
    const certificate = await ca.issue({ names: [host] });
    expect((await exchange(certificate)).result.exchange).toMatchObject(taken);
    expect(await refusal(certificate, {})).toEqual(tlsFailure('SELF_SIGNED_CERT_IN_CHAIN'));
    const { caPem } = await createLocalCa();
    expect(await refusal(certificate, { ca: caPem })).toMatchObject({ failure: 'tls' });
  });

  it('is refused also when the environment says that verification is off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const selfSigned = await createSelfSigned({ names: [host] });
      expect(await refusal(selfSigned)).toEqual(tlsFailure('DEPTH_ZERO_SELF_SIGNED_CERT'));
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

describe('a certificate that is taken', () => {
  it('is self-signed by prior arrangement', async () => {
    const certificate = await createSelfSigned({ names: [host] });
    expect((await exchange(certificate, { ca: certificate.cert })).result.exchange).toMatchObject(taken);
  });

  it('is for the address when the URL has the address', async () => {
    const certificate = await ca.issue({ names: [host], addresses: ['127.0.0.1'] });
    expect((await exchange(certificate, { ca: ca.caPem }, '127.0.0.1')).result.exchange).toMatchObject(taken);
  });

  it('is from one of several authorities in one text', async () => {
    const both = `${(await createLocalCa()).caPem}\n${ca.caPem}`;
    expect((await exchange(await ca.issue({ names: [host] }), { ca: both })).result.exchange).toMatchObject(taken);
  });

  it('is from a public authority also for an endpoint that names its own', async () => {
    const publicOnes = getCACertificates('default');
    const publicCa = await createLocalCa({ name: 'Stands in for a public authority' });
    setDefaultCACertificates([...publicOnes, publicCa.caPem]);
    try {
      const certificate = await publicCa.issue({ names: [host] });
      expect((await exchange(certificate, { ca: ca.caPem })).result.exchange).toMatchObject(taken);
      expect((await exchange(await ca.issue({ names: [host] }))).result.exchange).toMatchObject(taken);
      expect(await refusal(await ca.issue({ names: [host] }), {})).toMatchObject({ failure: 'tls' });
    } finally {
      setDefaultCACertificates(publicOnes);
    }
  });
});

describe('material that cannot be used', () => {
  const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  it.each([
    ['a CA that is no text of certificates', { ca: 'no certificate' }],
    ['a CA that cannot be read', { ca: garbage }],
    ['a CA of which one part cannot be read', { ca: `${garbage}${garbage}` }],
    ['a client certificate that cannot be read', { clientCert: { cert: garbage, key: 'secret' } }],
  ])('is a configuration failure, told without showing it: %s', async (_what, tls) => {
    const sender = guardedSender();
    const { exchange: outcome } = await sendTo(sender, 9, { tls });
    await sender.close();
    expect(outcome).toMatchObject({ kind: 'failure', failure: 'invalid-configuration' });
    expect(JSON.stringify(outcome)).not.toMatch(/secret|AAAA/);
  });
});
