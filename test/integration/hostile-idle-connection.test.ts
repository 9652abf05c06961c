// What a receiver may do to a kept connection between two requests. HTTP/1.1 has no request ids: whatever is unread on the
// connection when a request is written would be taken for its answer.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import type { Sender } from '@postrider/http';
import { stat } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startRawTlsServer, type RawServer } from '../support/raw-server.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const poison = 'HTTP/1.1 299 Poison\r\ncontent-length: 0\r\n\r\n';

let ca: LocalCa;
let sender: Sender;
let server: RawServer | undefined;

beforeAll(async () => {
  ca = await createLocalCa();
});
beforeEach(() => {
  sender = guardedSender();
});
afterEach(async () => {
  await sender.close();
  await server?.close();
  server = undefined;
});

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

async function status(port: number): Promise<number | string> {
  const { exchange } = await sendTo(sender, port, { tls: { ca: ca.caPem } });
  await turn(); // undici frees the connection one loop turn later
  return exchange.kind === 'response' ? exchange.status : exchange.failure;
}

describe('bytes that nobody asked for', () => {
  it.each([
    ['a response', poison],
    ['an informational response', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ['the beginning of a response', 'HTTP/1.1 2'],
    ['garbage', 'garbage'],
    ['a chunk of a body', '5\r\nhello\r\n'],
  ])('end the connection when they come with the answer: %s', async (_what, unasked) => {
    server = await startRawTlsServer(await ca.issue({ names: [host] }), (socket, connection) =>
      socket.on('data', () => socket.write(connection === 1 ? `${ok}${unasked}` : ok)),
    );
    expect(await status(server.port)).toBe(200);
    expect(await status(server.port)).toBe(200);
    expect(sender.stats().connectsTotal).toBe(2);
  });

  it.each([
    ['204', 'HTTP/1.1 204 No Content\r\ncontent-length: 42\r\n\r\n'],
    ['304', 'HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n'],
  ])('end the connection when they are the body that a %s cannot have', async (code, head) => {
    server = await startRawTlsServer(await ca.issue({ names: [host] }), (socket, connection) =>
      socket.on('data', () => socket.write(connection === 1 ? `${head}${poison}` : ok)),
    );
    expect(await status(server.port)).toBe(Number(code));
    expect(await status(server.port)).toBe(200);
  });

  it('end the connection when they come later, whether a request waits or not', async () => {
    const sockets: { write(text: string): void }[] = [];
    server = await startRawTlsServer(await ca.issue({ names: [host] }), (socket) => {
      sockets.push(socket);
      socket.on('data', () => socket.write(ok));
    });
    for (let n = 1; n <= 4; n += 1) {
      expect(await status(server.port)).toBe(200);
      sockets.at(-1)?.write(poison);
      await expect.poll(() => sender.stats().openConnections).toBe(0);
      expect(sender.stats().connectsTotal).toBe(n);
    }
  });
});

/** A receiver on a thread of its own: it acts while the sender's thread is busy and reads nothing. */
const receiverCode = `
  const { parentPort, workerData } = require('node:worker_threads');
  const tls = require('node:tls');
  const flag = new Int32Array(workerData.shared);
  const done = () => { Atomics.store(flag, 0, 1); Atomics.notify(flag, 0); };
  let last;
  const server = tls.createServer(workerData.certificate, (socket) => {
    last = socket;
    // Or the kernel would hold back what it writes until the answer before it was acknowledged.
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(workerData.ok));
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', (act) => {
    if (act.write !== undefined) last.write(act.write, done);
    else last.once('close', done).destroy();
  });
`;

describe('a connection on which something happened while this process was busy', () => {
  let worker: Worker;
  let port: number;
  let flag: Int32Array;

  beforeEach(async () => {
    const shared = new SharedArrayBuffer(4);
    flag = new Int32Array(shared);
    const certificate = await ca.issue({ names: [host] });
    worker = new Worker(receiverCode, { eval: true, workerData: { shared, certificate, ok } });
    port = await new Promise((resolve) => worker.once('message', resolve));
  });
  afterEach(async () => {
    await sender.close();
    await worker.terminate();
  });

  /** Blocks this thread until the receiver has done it: nothing of it is read before the caller goes on. */
  function busyWhile(act: { write: string } | { close: true }): void {
    Atomics.store(flag, 0, 0);
    worker.postMessage(act);
    expect(Atomics.wait(flag, 0, 0, 5_000)).not.toBe('timed-out');
    // The kernel needs no time worth naming to carry it over loopback; this is a hundredfold of it.
    Atomics.wait(flag, 0, 1, 10);
  }

  const moments: [string, () => Promise<void>][] = [
    ['from an immediate', turn],
    // There an immediate comes before the next reading of sockets: one is not enough to have read everything.
    ['from input and output', () => new Promise((resolve) => stat('.', () => resolve()))],
    ['from a timer', () => new Promise((resolve) => setTimeout(resolve, 5))],
  ];

  it.each(moments)(
    'is not used for the next request when an answer lies there already, asked for %s',
    async (_when, moment) => {
      // Several requests first: a client may look for it only once in the life of a connection.
      for (let before = 0; before < 3; before += 1) expect(await status(port)).toBe(200);
      for (let round = 0; round < 3; round += 1) {
        await moment();
        busyWhile({ write: poison });
        expect(await status(port)).toBe(200);
      }
      expect(sender.stats().connectsTotal).toBe(4);
    },
  );

  it.each(moments)('is replaced without a failure when it was closed, asked for %s', async (_when, moment) => {
    for (let round = 0; round < 4; round += 1) {
      expect(await status(port)).toBe(200);
      await moment();
      busyWhile({ close: true });
    }
    expect(await status(port)).toBe(200);
    expect(sender.stats().connectsTotal).toBe(5);
  });
});
