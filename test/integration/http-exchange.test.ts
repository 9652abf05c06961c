// The sender against receivers that answer well, badly, slowly, too much or not at all: real TLS, real sockets.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver, type Receiver } from '@postrider/dev-stack/receiver';
import { createSender, type Sender, type SendRequest, type SendResult } from '@postrider/http';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const host = 'receiver.postrider.example';
const shortMs = 300;

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
  sender = createSender({ now: Date.now, allowHosts: { [host]: '127.0.0.1' } });
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
    expect(opened.response).toEqual({ excerpt: Buffer.from('ok'), bytes: 2, truncated: false });
    expect(opened.durationMs).toBeGreaterThanOrEqual(opened.phases.firstByteMs ?? Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setImmediate(resolve)); // undici frees the connection one loop turn later
    const reused = await send('/phases');
    expect(Object.keys(reused.phases)).toEqual(['firstByteMs']);
    expect(sender.stats()).toEqual({ inFlight: 0, openConnections: 1, connectsTotal: 1, agents: 1 });
  });

  it('does not follow a redirect', async () => {
    receiver.route('/moved', { kind: 'status', status: 302, headers: { location: '/elsewhere' } });
    expect((await send('/moved')).exchange).toMatchObject({ kind: 'response', status: 302 });
    expect(receiver.count).toBe(1);
  });

  it('does not unpack a compressed body', async () => {
    receiver.route('/zip', { kind: 'status', status: 200, headers: { 'content-encoding': 'gzip' }, body: 'not gzip' });
    expect((await send('/zip')).response?.excerpt.toString()).toBe('not gzip');
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

  it('takes an informational response for what it is', async () => {
    await withRawServer(
      (socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n')),
      async (url) => {
        expect((await send('', { url })).exchange).toMatchObject({ kind: 'response', status: 204 });
      },
    );
  });
});

describe('the total deadline', () => {
  it.each([
    ['a receiver that never answers', { kind: 'hang' }],
    ['headers that drip', { kind: 'header-drip', intervalMs: 20 }],
  ] as const)('ends %s as a timeout', async (_name, behaviour) => {
    receiver.route('/slow', behaviour);
    const { exchange, durationMs } = await send('/slow', { timeoutMs: shortMs });
    expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout', detail: 'headers: no end after 300 ms' });
    expect(durationMs).toBeGreaterThan(shortMs - 5);
    expect(durationMs).toBeLessThan(shortMs + 2_000);
  });

  it('ends endless informational responses as a timeout', async () => {
    const timers: NodeJS.Timeout[] = [];
    await withRawServer(
      (socket) => {
        timers.push(setInterval(() => socket.writable && socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 5));
      },
      async (url) => {
        const { exchange } = await send('', { url, timeoutMs: shortMs });
        expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout' });
      },
    );
    timers.forEach(clearInterval);
  });

  it('covers a body that drips, and lets the status stand', async () => {
    receiver.route('/drip', { kind: 'body-drip', intervalMs: 20 });
    const { exchange, durationMs, response } = await send('/drip', { timeoutMs: shortMs });
    expect(exchange).toMatchObject({ kind: 'response', status: 200, bodyCut: true });
    expect(durationMs).toBeLessThan(shortMs + 2_000);
    expect(response?.excerpt.toString()).toMatch(/^\.+$/);
  });

  it('drops the connection it gave up', async () => {
    const closed = Promise.withResolvers<void>();
    await withRawServer(
      (socket) => socket.resume().once('close', closed.resolve),
      async (url) => {
        expect((await send('', { url, timeoutMs: shortMs })).exchange.kind).toBe('failure');
        await closed.promise;
      },
    );
  });
});

describe('broken exchanges', () => {
  it.each([{ kind: 'reset-before-read' }, { kind: 'reset-after-read' }] as const)(
    'takes $kind as a reset',
    async (behaviour) => {
      receiver.route('/reset', behaviour);
      const { exchange, response } = await send('/reset');
      expect(exchange).toMatchObject({ kind: 'failure', failure: 'reset' });
      expect(response).toBeUndefined();
    },
  );

  it('lets a status line stand when the body breaks after it', async () => {
    receiver.route('/half', { kind: 'ok-then-reset' });
    const { exchange, response } = await send('/half');
    expect(exchange).toMatchObject({ kind: 'response', status: 200, bodyCut: true });
    expect(response?.excerpt.toString()).toBe('half ');
  });

  it.each([
    ['something that is not HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk'],
    ['a close without a word', ''],
  ])('takes %s as a reset', async (_name, text) => {
    await withRawServer(
      (socket) => socket.once('data', () => socket.end(text)),
      async (url) => {
        expect((await send('', { url })).exchange).toMatchObject({ kind: 'failure', failure: 'reset' });
      },
    );
  });

  it('sends on a new connection when the idle one was closed meanwhile', async () => {
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

  it('takes a close in answer to a request on a reused connection as an ambiguous reset', async () => {
    await withRawServer(
      (socket) => {
        let requests = 0;
        socket.on('data', (data: Buffer) => {
          if (!data.includes('POST')) return;
          requests += 1;
          if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
          else socket.destroy();
        });
      },
      async (url) => {
        expect((await send('', { url })).exchange).toMatchObject({ kind: 'response', status: 200 });
        await new Promise((resolve) => setImmediate(resolve));
        expect((await send('', { url })).exchange).toMatchObject({ kind: 'failure', failure: 'reset' });
      },
    );
  });

  it('does not take an unasked response on an idle connection for the next answer', async () => {
    const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
    await withRawServer(
      (socket, connection) =>
        socket.once('data', () => {
          if (connection === 1) socket.write(`${ok}HTTP/1.1 299 Poison\r\ncontent-length: 0\r\n\r\n`);
          else socket.write(ok);
        }),
      async (url) => {
        expect((await send('', { url })).exchange).toMatchObject({ status: 200 });
        await new Promise((resolve) => setImmediate(resolve));
        expect((await send('', { url })).exchange).toMatchObject({ status: 200 });
      },
    );
  });
});

describe('caps', () => {
  it('refuses more than 16 KB of response headers', async () => {
    receiver.route('/headers', { kind: 'big-headers', bytes: 17_000 });
    expect((await send('/headers')).exchange).toMatchObject({ kind: 'failure', failure: 'response-too-large' });
    receiver.route('/headers', { kind: 'big-headers', bytes: 15_000 });
    expect((await send('/headers')).exchange).toMatchObject({ kind: 'response', status: 200 });
  });

  it.each([false, true])('keeps the excerpt of a huge body and drops the rest (chunked: %s)', async (chunked) => {
    receiver.route('/huge', { kind: 'big-body', bytes: 10_000_000, chunked });
    const { exchange, response } = await send('/huge', { responseBytesMax: 100 });
    expect(exchange).toMatchObject({ kind: 'response', status: 200, bodyCut: true });
    expect(response?.excerpt.length).toBe(100);
    expect(response?.truncated).toBe(true);
    expect(response?.bytes).toBeLessThan(200_000);
  });

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
