// The sender against receivers that mean well: what goes out, what comes back, which connections are kept. Those that do not
// mean well are in hostile-*.test.ts.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver, type Receiver } from '@postrider/dev-stack/receiver';
import type { Sender, SendRequest, SendResult } from '@postrider/http';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';

let ca: LocalCa;
let receiver: Receiver;
let sender: Sender;

beforeAll(async () => {
  ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
});
afterAll(() => receiver.close());
beforeEach(() => {
  receiver.reset();
  sender = guardedSender();
});
afterEach(() => sender.close());

function send(path: string, change: Partial<SendRequest> = {}): Promise<SendResult> {
  return sender.send({
    url: new URL(receiver.url(path, host)),
    method: 'POST',
    headers: ['Content-Type', 'application/json'],
    body: Buffer.from('{"a":1}'),
    timeoutMs: 5_000,
    tls: { ca: ca.caPem },
    ...change,
  });
}

/** A TLS server that says exactly what the test wants. */
async function withRawServer(
  onSocket: (socket: TLSSocket, connection: number) => void,
  use: (url: URL) => Promise<void>,
): Promise<void> {
  let connections = 0;
  const server: Server = createServer(await ca.issue({ names: [host] }), (socket) => {
    socket.on('error', () => {});
    connections += 1;
    onSocket(socket, connections);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(new URL(`https://${host}:${(server.address() as AddressInfo).port}/raw`));
  } finally {
    await sender.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

describe('a healthy exchange', () => {
  it('sends the exact bytes, path, query and headers in order, and nothing else of its own but these three', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x00, 0x7d]);
    const headers = ['Content-Type', 'application/json', 'X-Second', 'b', 'x-first', 'a'];
    const result = await send('/hook?a=1&b=%20', { body, headers, method: 'PUT' });
    expect(result.exchange).toEqual({ kind: 'response', status: 200, retryAfterMs: undefined, bodyCut: false });
    const [request] = receiver.received();
    expect(request?.method).toBe('PUT');
    expect(request?.path).toBe('/hook?a=1&b=%20');
    expect(request?.body.equals(body)).toBe(true);
    expect(request?.rawHeaders).toEqual([
      'host',
      `${host}:${receiver.port}`,
      'connection',
      'keep-alive',
      ...headers,
      'content-length',
      '4',
    ]);
  });

  it('reports the steps of a new connection once, and the body', async () => {
    const opened = await send('/phases');
    expect(Object.keys(opened.phases)).toEqual(['dnsMs', 'connectMs', 'tlsMs', 'firstByteMs']);
    expect(opened.response).toMatchObject({ excerpt: Buffer.from('ok'), bytes: 2, truncated: false });
    expect(opened.durationMs).toBeGreaterThanOrEqual(opened.phases.firstByteMs ?? Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setImmediate(resolve)); // undici frees the connection one loop turn later
    const reused = await send('/phases');
    expect(Object.keys(reused.phases)).toEqual(['firstByteMs']);
    expect(sender.stats()).toMatchObject({ inFlight: 0, openConnections: 1, connectsTotal: 1, agents: 1 });
  });

  it('reads Retry-After', async () => {
    receiver.route('/later', { kind: 'retry-after', value: '7' });
    expect((await send('/later')).exchange).toEqual({
      kind: 'response',
      status: 503,
      retryAfterMs: 7_000,
      bodyCut: false,
    });
  });
});

describe('a kept connection', () => {
  it('is replaced when the receiver closed it meanwhile', async () => {
    let closed = Promise.withResolvers<void>();
    await withRawServer(
      (socket) => {
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
        socket.once('close', () => closed.resolve());
      },
      async (url) => {
        for (let n = 1; n <= 5; n += 1) {
          closed = Promise.withResolvers<void>();
          expect((await send('', { url })).exchange).toMatchObject({ kind: 'response', status: 200 });
          await closed.promise;
          expect(sender.stats().connectsTotal).toBe(n);
        }
      },
    );
  });

  it('is the longest idle one that goes when there are too many', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `h${n}.postrider.example`);
    const many = await startReceiver(await ca.issue({ names }));
    const bounded = guardedSender({ idleConnectionsMax: 4 }, { allowHosts: names.map((name) => `${name}=127.0.0.1`) });
    const to = (name: string) => sendTo(bounded, many.port, { host: name, tls: { ca: ca.caPem } });
    try {
      for (const name of names) {
        expect((await to(name)).exchange).toMatchObject({ status: 200 });
        await new Promise((resolve) => setImmediate(resolve)); // undici frees the connection one loop turn later
        expect(bounded.stats().idleConnections).toBeLessThanOrEqual(4);
      }
      await expect.poll(() => bounded.stats().openConnections).toBe(4);
      for (const name of names.slice(-4)) await to(name);
      expect(bounded.stats().connectsTotal).toBe(names.length);
      await to(names[0] ?? '');
      expect(bounded.stats().connectsTotal).toBe(names.length + 1);
    } finally {
      await bounded.close();
      await many.close();
    }
  });
});

describe('caps', () => {
  it('reads a short rest to the end and keeps the connection', async () => {
    receiver.route('/medium', { kind: 'big-body', bytes: 20_000 });
    const { exchange, response } = await send('/medium');
    expect(exchange).toMatchObject({ kind: 'response', bodyCut: false });
    expect(response).toMatchObject({ bytes: 20_000, truncated: true });
    expect(response?.excerpt.length).toBe(4_096);
    await new Promise((resolve) => setImmediate(resolve));
    await send('/medium');
    expect(sender.stats().connectsTotal).toBe(1);
  });
});

describe('ending early', () => {
  it('settles as cancelled when the signal is aborted, before and during the send', async () => {
    receiver.route('/hang', { kind: 'hang' });
    const abort = new AbortController();
    const sent = send('/hang', { signal: abort.signal });
    await receiver.waitFor(1, 5_000);
    abort.abort();
    expect((await sent).exchange).toMatchObject({ kind: 'failure', failure: 'cancelled' });
    expect((await send('/hang', { signal: abort.signal })).exchange).toMatchObject({ failure: 'cancelled' });
    expect(receiver.count).toBe(1);
  });

  it('settles everything under way as cancelled when it is closed, and takes nothing more', async () => {
    receiver.route('/hang', { kind: 'hang' });
    const sent = [send('/hang'), send('/hang')];
    await receiver.waitFor(2, 5_000);
    await sender.close();
    for (const { exchange } of await Promise.all(sent)) expect(exchange).toMatchObject({ failure: 'cancelled' });
    expect((await send('/ok')).exchange).toMatchObject({ failure: 'cancelled' });
    expect(sender.stats()).toMatchObject({ inFlight: 0, openConnections: 0 });
  });
});

describe('what can never be sent', () => {
  it.each([
    ['plain http', { url: new URL('http://receiver.postrider.example/') }],
    ['user information in the URL', { url: new URL('https://user:pass@receiver.postrider.example/') }],
    ['a header with a line break', { headers: ['X-Bad', 'a\r\nX-Injected: 1'] }],
    ['a CA that is none', { tls: { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' } }],
  ] satisfies [string, Partial<SendRequest>][])('is %s', async (_name, change) => {
    const { exchange } = await send('/never', change);
    expect(exchange).toMatchObject({ kind: 'failure', failure: 'invalid-configuration' });
    expect(receiver.count).toBe(0);
  });
});
