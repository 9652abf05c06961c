// Receivers that are slow on purpose, or leave at the worst moment: the one deadline holds over everything they do.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver, type Receiver } from '@postrider/dev-stack/receiver';
import type { Sender, SendResult } from '@postrider/http';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTlsServer, type RawServer } from '../support/raw-server.ts';

const shortMs = 300;

let ca: LocalCa;
let receiver: Receiver;
let sender: Sender;
let server: RawServer | undefined;

beforeAll(async () => {
  ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
});
afterAll(() => receiver.close());
beforeEach(() => {
  receiver.reset();
  sender = guardedSender();
});
afterEach(async () => {
  await sender.close();
  await server?.close();
  server = undefined;
});

function send(path: string, timeoutMs = shortMs): Promise<SendResult> {
  const url = new URL(receiver.url(path, host));
  return sendTo(sender, receiver.port, { url, tls: { ca: ca.caPem }, timeoutMs });
}

async function serve(onSocket: (socket: TLSSocket) => void): Promise<RawServer> {
  server = await startRawTlsServer(await ca.issue({ names: [host] }), onSocket);
  return server;
}

describe('the deadline', () => {
  it.each([
    ['a receiver that never answers', { kind: 'hang' }],
    ['headers that drip', { kind: 'header-drip', intervalMs: 20 }],
  ] as const)('ends %s as a timeout', async (_name, behaviour) => {
    receiver.route('/slow', behaviour);
    const { exchange, durationMs } = await send('/slow');
    expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'headers: no end after 300 ms' });
    expect(durationMs).toBeGreaterThan(shortMs - 5);
    expect(durationMs).toBeLessThan(shortMs + 2_000);
  });

  it('ends informational responses that drip as a timeout', async () => {
    const { port } = await serve((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 10);
      socket.on('close', () => clearInterval(timer)).resume();
    });
    const { exchange } = await sendTo(sender, port, { tls: { ca: ca.caPem }, timeoutMs: shortMs });
    expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout' });
  });

  it('cuts a body that drips, and lets the status stand', async () => {
    receiver.route('/drip', { kind: 'body-drip', intervalMs: 20 });
    const { exchange, durationMs, response } = await send('/drip');
    expect(exchange).toMatchObject({ kind: 'response', status: 200, bodyCut: true });
    expect(durationMs).toBeLessThan(shortMs + 2_000);
    expect(response?.excerpt.toString()).toMatch(/^\.+$/);
  });

  it('holds while a large request is read by nobody', async () => {
    const { port } = await serve((socket) => socket.pause());
    const body = Buffer.alloc(16 * 1_024 * 1_024, 'x');
    const { exchange } = await sendTo(sender, port, { tls: { ca: ca.caPem }, timeoutMs: shortMs, body });
    expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout' });
    await expect.poll(() => sender.stats()).toMatchObject({ inFlight: 0, openConnections: 0 });
  });

  it('drops the connection it gave up', async () => {
    const silent = await serve((socket) => socket.resume());
    const { exchange } = await sendTo(sender, silent.port, { tls: { ca: ca.caPem }, timeoutMs: shortMs });
    expect(exchange.kind).toBe('failure');
    await silent.drained();
  });

  it('leaves nothing behind when many hang at once', async () => {
    const silent = await serve((socket) => socket.resume());
    const results = await Promise.all(
      Array.from({ length: 100 }, () => sendTo(sender, silent.port, { tls: { ca: ca.caPem }, timeoutMs: 1_500 })),
    );
    for (const { exchange } of results) expect(exchange).toMatchObject({ kind: 'failure', failure: 'timeout' });
    await silent.drained();
    await expect.poll(() => sender.stats()).toMatchObject({ inFlight: 0, openConnections: 0, idleConnections: 0 });
  });
});

describe('leaving at the worst moment', () => {
  it.each([{ kind: 'reset-before-read' }, { kind: 'reset-after-read' }] as const)(
    'is an ambiguous reset: $kind',
    async (behaviour) => {
      receiver.route('/reset', behaviour);
      const { exchange, response } = await send('/reset', 5_000);
      expect(exchange).toMatchObject({ kind: 'failure', failure: 'reset' });
      expect(response).toBeUndefined();
      expect(receiver.count).toBe(1);
    },
  );

  it('is no failure after the status line', async () => {
    receiver.route('/half', { kind: 'ok-then-reset' });
    const { exchange, response } = await send('/half', 5_000);
    expect(exchange).toMatchObject({ kind: 'response', status: 200, bodyCut: true });
    expect(response?.excerpt.toString()).toBe('half ');
  });

  it('is a reset when it is the answer to a request on a reused connection, and that is not sent again by itself', async () => {
    let requests = 0;
    const { port } = await serve((socket) =>
      socket.on('data', (data: Buffer) => {
        if (!data.includes('POST')) return;
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.destroy();
      }),
    );
    const tls = { ca: ca.caPem };
    expect((await sendTo(sender, port, { tls })).exchange).toMatchObject({ kind: 'response', status: 200 });
    await new Promise((resolve) => setImmediate(resolve)); // undici frees the connection one loop turn later
    expect((await sendTo(sender, port, { tls })).exchange).toMatchObject({ kind: 'failure', failure: 'reset' });
    expect(requests).toBe(2);
  });
});
