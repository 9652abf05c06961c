// Receivers that want to see a certificate of ours: asked for and missing, given, wrong, and never mixed up between endpoints.

import { createLocalCa, createSelfSigned, type LocalCa, type ServerCertificate } from '@postrider/dev-stack/local-ca';
import type { Sender, TlsMaterial } from '@postrider/http';
import { X509Certificate } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTlsServer, type RawServer } from '../support/raw-server.ts';

let ca: LocalCa;
let certificate: ServerCertificate;
let alice: ServerCertificate;
let bob: ServerCertificate;
let sender: Sender;
let server: RawServer | undefined;
/** Fingerprint of the client of each request. */
let seen: (string | undefined)[];

beforeAll(async () => {
  ca = await createLocalCa();
  certificate = await ca.issue({ names: [host] });
  alice = await createSelfSigned({ names: ['alice.postrider.example'] });
  bob = await createSelfSigned({ names: ['bob.postrider.example'] });
});
beforeEach(() => {
  sender = guardedSender();
  seen = [];
});
afterEach(async () => {
  await sender.close();
  await server?.close();
});

const fingerprint = ({ cert }: ServerCertificate): string => new X509Certificate(cert).fingerprint256;
const clientOf = (clientCert: ServerCertificate): TlsMaterial => ({ ca: ca.caPem, clientCert });

async function serve(options: TlsOptions): Promise<number> {
  server = await startRawTlsServer({ ...certificate, requestCert: true, ...options }, (socket) =>
    socket.on('data', () => {
      seen.push(socket.getPeerX509Certificate()?.fingerprint256);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    }),
  );
  return server.port;
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a receiver that requires a client certificate, over %s', (version) => {
  const required: TlsOptions = { minVersion: version, maxVersion: version, rejectUnauthorized: true };

  it('gets no request without one', async () => {
    const port = await serve(required);
    const { exchange } = await sendTo(sender, port, { tls: { ca: ca.caPem } });
    // With TLS 1.3 the client is done before the server refuses it: the refusal may be overtaken by the end of the connection.
    const possible = version === 'TLSv1.2' ? ['tls'] : ['tls', 'reset'];
    expect(exchange).toMatchObject({ kind: 'failure' });
    expect(possible).toContain(exchange.kind === 'failure' ? exchange.failure : exchange.status);
    expect(seen).toEqual([]);
  });

  it('sees the one that the endpoint has', async () => {
    // Whether it trusts it is the receiver's affair; here it looks for itself.
    const port = await serve({ ...required, rejectUnauthorized: false });
    const { exchange } = await sendTo(sender, port, { tls: clientOf(alice) });
    expect(exchange).toMatchObject({ status: 200 });
    expect(seen).toEqual([fingerprint(alice)]);
  });
});

it('shows each endpoint’s certificate on its own connections only, at one and the same origin', async () => {
  const port = await serve({ rejectUnauthorized: false });
  const materials = [clientOf(alice), clientOf(bob), { ca: ca.caPem }];
  for (const tls of [...materials, ...materials]) {
    expect((await sendTo(sender, port, { tls })).exchange).toMatchObject({ status: 200 });
    await new Promise((resolve) => setImmediate(resolve)); // undici frees the connection one loop turn later
  }
  const once = [fingerprint(alice), fingerprint(bob), undefined];
  expect(seen).toEqual([...once, ...once]);
  expect(sender.stats()).toMatchObject({ agents: 3, connectsTotal: 3 });
});

it('takes equal material from different objects for the same', async () => {
  const port = await serve({ rejectUnauthorized: false });
  await sendTo(sender, port, { tls: clientOf(alice) });
  await sendTo(sender, port, { tls: { ca: ca.caPem, clientCert: { ...alice } } });
  expect(sender.stats().agents).toBe(1);
});

it('is a configuration failure when key and certificate do not belong together', async () => {
  const port = await serve({ rejectUnauthorized: false });
  const { exchange } = await sendTo(sender, port, { tls: clientOf({ cert: alice.cert, key: bob.key }) });
  expect(exchange).toMatchObject({ kind: 'failure', failure: 'invalid-configuration' });
  expect(server?.connections).toBe(0);
});

it('keeps a bounded number of materials, and works on after the bound', async () => {
  const port = await serve({ rejectUnauthorized: false });
  const closed = await startRawTlsServer(certificate, () => {});
  await closed.close();
  const first = { ca: ca.caPem };
  expect((await sendTo(sender, port, { tls: first })).exchange).toMatchObject({ status: 200 });
  for (let n = 0; n < 270; n += 1) {
    // Text around the certificates is no part of them, but makes another material of it.
    const { exchange } = await sendTo(sender, closed.port, { tls: { ca: `${n}\n${ca.caPem}` } });
    expect(exchange).toMatchObject({ failure: 'connect' });
  }
  expect(sender.stats().agents).toBe(256);
  // The first one had to go, and its connection with it; it is made anew.
  await expect.poll(() => sender.stats().openConnections).toBe(0);
  expect((await sendTo(sender, port, { tls: first })).exchange).toMatchObject({ status: 200 });
  expect(sender.stats()).toMatchObject({ agents: 256, connectsTotal: 2 });
});
