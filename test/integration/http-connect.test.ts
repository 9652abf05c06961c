// Connections that must not come about, each against a real server: names, addresses, certificates, versions, stalls.

import { createLocalCa, createSelfSigned, type LocalCa, type ServerCertificate } from '@postrider/dev-stack/local-ca';
import {
  createSender,
  nodeDnsResolver,
  type ConnectTarget,
  type SenderOptions,
  type SendResult,
} from '@postrider/http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { startNameServer, type NameServerAnswer } from '../support/name-server.ts';

const host = 'receiver.postrider.example';
const day = 24 * 60 * 60_000;

let ca: LocalCa;
const open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  ca = await createLocalCa();
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

async function httpsServer(
  certificate: ServerCertificate,
  options: ServerOptions = {},
): Promise<{ port: number; requests: number }> {
  const seen = { port: 0, requests: 0 };
  const server = createHttpsServer({ ...certificate, ...options }, (request, response) => {
    seen.requests += 1;
    request.resume();
    response.end('ok');
  });
  server.on('tlsClientError', () => {});
  seen.port = await listen(server);
  return seen;
}

/** One send with a sender of its own. */
async function sendTo(
  port: number,
  change: { name?: string; ca?: string | undefined; timeoutMs?: number; options?: Partial<SenderOptions> } = {},
): Promise<SendResult> {
  const sender = createSender({ now: Date.now, allowHosts: { [host]: '127.0.0.1' }, ...change.options });
  try {
    return await sender.send({
      url: new URL(`https://${change.name ?? host}:${port}/`),
      method: 'POST',
      headers: [],
      body: Buffer.from('{}'),
      timeoutMs: change.timeoutMs ?? 5_000,
      tls: { ca: 'ca' in change ? change.ca : ca.caPem },
    });
  } finally {
    await sender.close();
  }
}

describe('certificates', () => {
  async function refusal(certificate: ServerCertificate, change: Parameters<typeof sendTo>[1] = {}): Promise<unknown> {
    const server = await httpsServer(certificate);
    const { exchange, phases } = await sendTo(server.port, change);
    expect(server.requests).toBe(0);
    expect(Object.keys(phases)).toEqual(['dnsMs', 'connectMs']);
    return exchange;
  }
  const tls = (code: string) => ({ kind: 'failure', failure: 'tls', detail: `tls: ${code}` });

  it('refuses one that has expired', async () => {
    const nowMs = Date.now();
    const expired = await ca.issue({
      names: [host],
      notBefore: new Date(nowMs - 30 * day),
      notAfter: new Date(nowMs - day),
    });
    expect(await refusal(expired)).toEqual(tls('CERT_HAS_EXPIRED'));
  });

  it('refuses one that is not valid yet', async () => {
    const early = await ca.issue({ names: [host], notBefore: new Date(Date.now() + day) });
    expect(await refusal(early)).toEqual(tls('CERT_NOT_YET_VALID'));
  });

  it('refuses one for another name', async () => {
    expect(await refusal(await ca.issue({ names: ['other.postrider.example'] }))).toEqual(
      tls('ERR_TLS_CERT_ALTNAME_INVALID'),
    );
  });

  it('refuses one for the address when the URL has the name', async () => {
    const certificate = await ca.issue({ names: ['other.postrider.example'], addresses: ['127.0.0.1'] });
    expect(await refusal(certificate)).toEqual(tls('ERR_TLS_CERT_ALTNAME_INVALID'));
  });

  it('refuses a self-signed one', async () => {
    expect(await refusal(await createSelfSigned({ names: [host] }))).toEqual(tls('DEPTH_ZERO_SELF_SIGNED_CERT'));
  });

  it('refuses a private authority that the endpoint has not named, whatever another endpoint has', async () => {
    const certificate = await ca.issue({ names: [host] });
    expect(await refusal(certificate, { ca: undefined })).toEqual(tls('SELF_SIGNED_CERT_IN_CHAIN'));
    expect(await refusal(certificate, { ca: (await createLocalCa()).caPem })).toMatchObject({ failure: 'tls' });
  });

  it('refuses also when the environment says that verification is off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await refusal(await createSelfSigned({ names: [host] }))).toEqual(tls('DEPTH_ZERO_SELF_SIGNED_CERT'));
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('takes a self-signed one that was arranged beforehand', async () => {
    const certificate = await createSelfSigned({ names: [host] });
    const server = await httpsServer(certificate);
    expect((await sendTo(server.port, { ca: certificate.cert })).exchange).toMatchObject({ status: 200 });
  });

  it('takes one for the address when the URL has the address', async () => {
    const server = await httpsServer(await ca.issue({ names: [host], addresses: ['127.0.0.1'] }));
    expect((await sendTo(server.port, { name: '127.0.0.1' })).exchange).toMatchObject({ status: 200 });
  });
});

describe('handshakes', () => {
  it('refuses TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const server = await httpsServer(await ca.issue({ names: [host] }), old);
    expect((await sendTo(server.port)).exchange).toMatchObject({ kind: 'failure', failure: 'tls' });
  });

  it('gives up one that stalls when the deadline strikes, and drops the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const port = await listen(
      createTcpServer((socket) =>
        socket
          .on('error', () => {})
          .on('close', closed.resolve)
          .resume(),
      ),
    );
    const { exchange, durationMs } = await sendTo(port, { timeoutMs: 200 });
    expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'tls: no end after 200 ms' });
    expect(durationMs).toBeLessThan(2_000);
    await closed.promise;
  });

  it('gives up one that stalls at the connect limit when the deadline is further away', async () => {
    const port = await listen(createTcpServer((socket) => socket.on('error', () => {}).resume()));
    const { exchange } = await sendTo(port, { options: { connectTimeoutMs: 100 } });
    expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'tls: ETIMEDOUT' });
  });

  it('takes one that is broken off as no connection', async () => {
    const port = await listen(
      createTcpServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy())),
    );
    expect((await sendTo(port)).exchange).toMatchObject({ kind: 'failure', failure: 'connect' });
  });

  it('takes a closed port as no connection', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await open.pop()?.();
    expect((await sendTo(port)).exchange).toEqual({
      kind: 'failure',
      failure: 'connect',
      detail: 'connect: ECONNREFUSED',
    });
  });
});

describe('names', () => {
  async function withNameServer(answer: NameServerAnswer, port: number, timeoutMs = 5_000): Promise<SendResult> {
    const server = await startNameServer(answer);
    open.push(server.close);
    const options = { allowHosts: {}, dnsTimeoutMs: 300, resolver: nodeDnsResolver({ servers: [server.address] }) };
    return sendTo(port, { options, timeoutMs });
  }
  const dns = (code: string) => ({ kind: 'failure', failure: 'dns', detail: `dns: ${code}` });

  it('dials the address that the name server gives', async () => {
    const server = await httpsServer(await ca.issue({ names: [host] }));
    expect((await withNameServer({ a: '127.0.0.1' }, server.port)).exchange).toMatchObject({ status: 200 });
  });

  it('says so when there is no such name, or the look-up fails', async () => {
    expect((await withNameServer('nxdomain', 9)).exchange).toEqual(dns('ENOTFOUND'));
    expect((await withNameServer('servfail', 9)).exchange).toEqual(dns('ESERVFAIL'));
  });

  it('gives up a name server that is silent within its budget, and within the deadline', async () => {
    expect((await withNameServer('silence', 9)).exchange).toEqual(dns('ETIMEOUT'));
    const { exchange } = await withNameServer('silence', 9, 100);
    expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'dns: no end after 100 ms' });
  });
});

