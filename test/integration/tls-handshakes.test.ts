// Handshakes that do not come to a good end, and what many of them leave behind.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import type { Sender, SenderOptions } from '@postrider/http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TlsOptions } from 'node:tls';
import { afterEach, beforeAll, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTcpServer, startRawTlsServer, type RawServer } from '../support/raw-server.ts';

/** By hand, `FAILING_HANDSHAKES=10000` shows the long run: about a minute. */
const failingHandshakes = Number(process.env['FAILING_HANDSHAKES'] ?? 300);

let ca: LocalCa;
let sender: Sender | undefined;
const servers: RawServer[] = [];

beforeAll(async () => {
  ca = await createLocalCa();
});
afterEach(async () => {
  await sender?.close();
  for (const server of servers.splice(0)) await server.close();
});

async function send(
  server: RawServer,
  { timeoutMs = 5_000, ...options }: Partial<SenderOptions> & { timeoutMs?: number } = {},
) {
  servers.push(server);
  sender = guardedSender(options);
  return sendTo(sender, server.port, { tls: { ca: ca.caPem }, timeoutMs });
}

const tlsServer = async (options: TlsOptions): Promise<RawServer> =>
  startRawTlsServer({ ...(await ca.issue({ names: [host] })), ...options }, (socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
  );

it.each(['TLSv1', 'TLSv1.1'] as const)('refuses a server that only knows %s', async (maxVersion) => {
  const server = await tlsServer({ minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' });
  expect((await send(server)).exchange).toMatchObject({ kind: 'failure', failure: 'tls' });
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s with a server that only knows that', async (version) => {
  const server = await tlsServer({ minVersion: version, maxVersion: version });
  expect((await send(server)).exchange).toMatchObject({ status: 200 });
});

it('refuses a server that insists on another protocol than HTTP/1.1', async () => {
  const server = await tlsServer({ ALPNProtocols: ['h2'] });
  expect((await send(server)).exchange).toMatchObject({ kind: 'failure', failure: 'tls' });
});

it('takes plain HTTP on the port for what it is: no TLS', async () => {
  const server = await startRawTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  expect((await send(server)).exchange).toMatchObject({ kind: 'failure', failure: 'tls' });
});

it('gives up one that stalls when the deadline strikes, and drops the connection', async () => {
  const server = await startRawTcpServer((socket) => socket.resume());
  const { exchange, durationMs } = await send(server, { timeoutMs: 200 });
  expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'tls: no end after 200 ms' });
  expect(durationMs).toBeLessThan(2_000);
  await server.drained();
});

it('gives up one that drips when the deadline strikes', async () => {
  const timers: NodeJS.Timeout[] = [];
  const server = await startRawTcpServer((socket) => {
    // A record header that announces 16 KB of handshake, and then a byte at a time.
    socket.resume().write(Buffer.from([22, 3, 3, 0x3f, 0xff]));
    timers.push(setInterval(() => socket.writable && socket.write('\u0002'), 10));
  });
  const { exchange } = await send(server, { timeoutMs: 300 });
  timers.forEach(clearInterval);
  expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout' });
  await server.drained();
});

it('gives up one that stalls at the connect limit when the deadline is further away', async () => {
  const server = await startRawTcpServer((socket) => socket.resume());
  const { exchange } = await send(server, { connectTimeoutMs: 100 });
  expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'tls: ETIMEDOUT' });
});

it('takes one that is broken off as no connection', async () => {
  const server = await startRawTcpServer((socket) => socket.once('data', () => socket.destroy()));
  expect((await send(server)).exchange).toMatchObject({ kind: 'failure', failure: 'connect' });
});

it('leaves nothing behind, however many fail', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const wrongName = await startRawTlsServer(await ca.issue({ names: ['other.postrider.example'] }), () => {});
  servers.push(wrongName);
  const failing = guardedSender();
  sender = failing;
  const tls = { ca: ca.caPem };

  async function fail(count: number): Promise<number> {
    for (let done = 0; done < count; done += 50) {
      const results = await Promise.all(Array.from({ length: 50 }, () => sendTo(failing, wrongName.port, { tls })));
      for (const { exchange } of results) expect(exchange).toMatchObject({ kind: 'failure', failure: 'tls' });
    }
    await wrongName.drained();
    collect();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    return process.memoryUsage().heapUsed;
  }

  const warm = await fail(Math.ceil(failingHandshakes / 3));
  const rssBefore = process.memoryUsage().rss;
  const after = await fail(failingHandshakes);
  const grownBytes = after - warm;
  const rssMb = (process.memoryUsage().rss - rssBefore) / 1e6;
  process.stderr.write(
    `${failingHandshakes} failing handshakes: heap ${(grownBytes / 1e3).toFixed(0)} KB, rss ${rssMb.toFixed(1)} MB\n`,
  );
  // Server and client live in this process: 300 connections kept would be 9 MB, and 10,000 of anything kept megabytes.
  expect(grownBytes).toBeLessThan(2e6);
  expect(failing.stats()).toMatchObject({ inFlight: 0, openConnections: 0, idleConnections: 0 });
});
