// Responses that are wrong, ambiguous or far too large: each has its outcome, costs a bounded amount, and is never half
// believed. A status line that could be read stands; without one that can be trusted, the outcome is an ambiguous reset.

import { createLocalCa, type LocalCa, type ServerCertificate } from '@postrider/dev-stack/local-ca';
import type { Sender, SendRequest, SendResult } from '@postrider/http';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTcpServer, startRawTlsServer, type RawServer } from '../support/raw-server.ts';

const KIB = 1_024;
const shortMs = 400;

let ca: LocalCa;
let certificate: ServerCertificate;
let sender: Sender;
const servers: RawServer[] = [];

beforeAll(async () => {
  ca = await createLocalCa();
  certificate = await ca.issue({ names: [host] });
});
beforeEach(() => {
  sender = guardedSender();
});
afterEach(async () => {
  await sender.close();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: (socket: TLSSocket) => void): Promise<RawServer> {
  const server = await startRawTlsServer(certificate, (socket) =>
    socket.once('data', () => answer(socket.setNoDelay(true))),
  );
  servers.push(server);
  return server;
}

async function send(
  answer: string | Buffer | ((socket: TLSSocket) => void),
  change: Partial<SendRequest> = {},
): Promise<SendResult> {
  const server = await serve(typeof answer === 'function' ? answer : (socket) => socket.write(answer));
  return sendTo(sender, server.port, { tls: { ca: ca.caPem }, timeoutMs: shortMs, ...change });
}

/** The end of a socket is told one loop turn or more after it was dropped. */
async function allClosed(): Promise<void> {
  await expect.poll(() => sender.stats(), { interval: 5 }).toMatchObject({ inFlight: 0, openConnections: 0 });
}

/** Writes `piece` for as long as the other side takes it. */
function flood(socket: TLSSocket, piece: string | Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

const reset = { kind: 'failure', failure: 'reset' };
const tooLarge = { kind: 'failure', failure: 'response-too-large' };
const timeout = { kind: 'failure', failure: 'timeout' };
const taken = { kind: 'response', status: 200, bodyCut: false };
const cut = { kind: 'response', status: 200, bodyCut: true };
const head = 'HTTP/1.1 200 OK\r\n';

describe('what is not HTTP/1.1, or says two things at once, is a reset', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a page without a status line', '<html><body>ok</body></html>\r\n\r\n'],
    ['another version', 'HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'],
    ['two lengths', `${head}content-length: 2\r\ncontent-length: 3\r\n\r\nokk`],
    ['the same length twice', `${head}content-length: 2\r\ncontent-length: 2\r\n\r\nok`],
    ['a list of lengths', `${head}content-length: 2, 2\r\n\r\nok`],
    ['a negative length', `${head}content-length: -1\r\n\r\nok`],
    ['a length with a sign', `${head}content-length: +2\r\n\r\nok`],
    ['a length beyond any number', `${head}content-length: 99999999999999999999999\r\n\r\nok`],
    ['a length and chunks', `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and a length', `${head}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n`],
    ['a NUL in a value', `${head}x-a: b\u0000c\r\ncontent-length: 0\r\n\r\n`],
    ['a NUL in a name', `${head}x\u0000a: b\r\ncontent-length: 0\r\n\r\n`],
    ['a name with a space before the colon', `${head}content-length : 0\r\n\r\n`],
    ['a line without a colon', `${head}nonsense\r\ncontent-length: 0\r\n\r\n`],
    ['lines that end in LF alone', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok'],
    ['a lone CR in a value', `${head}x-a: b\rx-c: d\r\ncontent-length: 0\r\n\r\n`],
    [
      'a switch of protocols that nobody asked for',
      'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    ],
  ])('%s', async (_what, text) => {
    expect((await send(text)).exchange).toMatchObject(reset);
    await allClosed();
  });

  it('a close without a word', async () => {
    expect((await send((socket) => socket.end())).exchange).toMatchObject(reset);
  });
});

describe('what is unusual but clear is taken', () => {
  it.each([
    ['empty lines before the status line', `\r\n\r\n${head}content-length: 2\r\n\r\nok`],
    ['no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok'],
    [
      'other informational responses before it',
      `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${head}content-length: 2\r\n\r\nok`,
    ],
    ['a value with bytes that are no ASCII', `${head}x-a: \u00e9\r\ncontent-length: 2\r\n\r\nok`],
  ])('%s', async (_what, text) => {
    const { exchange, response } = await send(text);
    expect([exchange, response?.excerpt.toString()]).toMatchObject([taken, 'ok']);
  });

  it('HTTP/1.0 with a body that ends with the connection', async () => {
    const { exchange, response } = await send((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nok'));
    expect([exchange, response?.excerpt.toString()]).toMatchObject([taken, 'ok']);
    await allClosed();
  });

  it('an answer before the body of the request was read', async () => {
    const early = (socket: TLSSocket): void => {
      socket.pause();
      socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno');
    };
    const body = Buffer.alloc(8 * KIB * KIB, 'x');
    const { exchange, response } = await send(early, { body, timeoutMs: 5_000 });
    expect(exchange).toMatchObject({ kind: 'response', status: 413, bodyCut: false });
    expect(response?.excerpt.toString()).toBe('no');
    await allClosed();
  });
});

describe('a body that breaks does not undo its status', () => {
  it.each([
    ['a chunk size that is no number', 'zz\r\nok\r\n0\r\n\r\n'],
    ['a negative chunk size', '-2\r\nok\r\n0\r\n\r\n'],
    ['a chunk size beyond any number', 'fffffffffffffffffff\r\nok\r\n'],
    ['a chunk that is longer than it says', '2\r\nokok\r\n0\r\n\r\n'],
    ['a NUL behind a chunk size', '2\u0000\r\nok\r\n0\r\n\r\n'],
  ])('%s', async (_what, chunks) => {
    const { exchange } = await send(`${head}transfer-encoding: chunked\r\n\r\n${chunks}`);
    expect(exchange).toMatchObject(cut);
    await allClosed();
  });

  it('a body that is shorter than it says', async () => {
    expect((await send((socket) => socket.end(`${head}content-length: 9\r\n\r\nok`))).exchange).toMatchObject(cut);
  });

  it('trailers without an end', async () => {
    const { exchange } = await send((socket) => {
      socket.write(`${head}transfer-encoding: chunked\r\n\r\n0\r\n`);
      flood(socket, `x-a: ${'b'.repeat(KIB)}\r\n`);
    });
    expect(exchange).toMatchObject(cut);
  });
});

describe('what is too much is bounded', () => {
  it.each([
    ['one header', [`x: ${'a'.repeat(17 * KIB)}\r\n`]],
    ['many headers', Array.from({ length: 600 }, (_, n) => `x-${n}: ${'a'.repeat(30)}\r\n`)],
  ])('more than 16 KB of headers: %s', async (_what, lines) => {
    expect((await send(`${head}${lines.join('')}content-length: 0\r\n\r\n`)).exchange).toMatchObject(tooLarge);
    await allClosed();
  });

  it('headers without an end, as fast as they can come', async () => {
    const { exchange } = await send((socket) => {
      socket.write(head);
      flood(socket, `x-a: ${'b'.repeat(KIB)}\r\n`);
    });
    expect(exchange).toMatchObject(tooLarge);
  });

  it('informational responses without an end, as fast as they can come', async () => {
    const { exchange, durationMs } = await send((socket) => flood(socket, 'HTTP/1.1 102 Processing\r\n\r\n'), {
      timeoutMs: 5_000,
    });
    expect(exchange).toMatchObject(tooLarge);
    expect(durationMs).toBeLessThan(2_500);
  });

  it.each([
    ['a reason phrase', 'HTTP/1.1 200 '],
    ['a chunk extension', `${head}transfer-encoding: chunked\r\n\r\n2;`],
  ])('%s without an end: until the deadline, and nothing of it is kept', async (_what, start) => {
    const before = process.memoryUsage();
    const { durationMs, response } = await send((socket) => {
      socket.write(start);
      flood(socket, Buffer.alloc(64 * KIB, 'a'));
    });
    expect(durationMs).toBeLessThan(2_500);
    expect(response?.excerpt.length ?? 0).toBeLessThan(KIB);
    expect(process.memoryUsage().heapUsed - before.heapUsed).toBeLessThan(30e6);
  });

  it.each(['content-length: 10000000', 'transfer-encoding: chunked'])('a body of 10 MB (%s)', async (framing) => {
    const { exchange, response } = await send(
      (socket) => {
        socket.write(`${head}${framing}\r\n\r\n`);
        flood(socket, framing.startsWith('t') ? `4000\r\n${'a'.repeat(16 * KIB)}\r\n` : Buffer.alloc(16 * KIB, 'a'));
      },
      { timeoutMs: 5_000 },
    );
    expect(exchange).toMatchObject(cut);
    expect(response).toMatchObject({ truncated: true });
    expect(response?.excerpt.length).toBe(4 * KIB);
    expect(response?.bytes).toBeLessThan(200 * KIB);
    await allClosed();
  });

  it('a compressed bomb: it is never unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    const headers = `${head}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
    const { exchange, response } = await send(Buffer.concat([Buffer.from(headers), bomb]), { timeoutMs: 5_000 });
    expect(exchange).toMatchObject(taken);
    expect(response?.excerpt).toEqual(bomb.subarray(0, 4 * KIB));
    expect(response?.bytes).toBe(bomb.length);
  });

  it('many endless bodies at once', async () => {
    const server = await serve((socket) => {
      socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
      flood(socket, `4000\r\n${'a'.repeat(16 * KIB)}\r\n`);
    });
    const results = await Promise.all(
      Array.from({ length: 40 }, () => sendTo(sender, server.port, { tls: { ca: ca.caPem }, timeoutMs: 20_000 })),
    );
    let bytes = 0;
    for (const { exchange, response } of results) {
      expect(exchange).toMatchObject(cut);
      bytes += response?.bytes ?? 0;
    }
    expect(bytes).toBeLessThan(40 * 150 * KIB);
    await server.drained();
    await allClosed();
  });
});

describe('a receiver that points elsewhere', () => {
  it.each([301, 302, 303, 307, 308])('is not followed: %i to a private address', async (code) => {
    const inside = await startRawTcpServer(() => {});
    servers.push(inside);
    const { exchange } = await send(
      `HTTP/1.1 ${code} Elsewhere\r\nlocation: https://127.0.0.1:${inside.port}/\r\ncontent-length: 0\r\n\r\n`,
    );
    expect(exchange).toMatchObject({ kind: 'response', status: code });
    expect(inside.connections).toBe(0);
  });
});

it('an unasked 100 Continue is a reset: it cannot be told from the answer to another request', async () => {
  const text = `HTTP/1.1 100 Continue\r\n\r\n${head}content-length: 2\r\n\r\nok`;
  expect((await send(text)).exchange).toMatchObject(reset);
});

it('a body without an end that nobody waits for is a timeout only in time, not in outcome', async () => {
  const { exchange } = await send(`${head}content-length: 9\r\n\r\nok`);
  expect(exchange).toMatchObject(cut);
  expect((await send((socket) => socket.write('HTTP/1.1 200'))).exchange).toMatchObject(timeout);
});
