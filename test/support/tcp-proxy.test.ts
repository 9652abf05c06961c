import { createServer, connect, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { noFaults, ProxyLane } from './proxy-lane.ts';
import { seededRandom } from './seeded-random.ts';
import { startTcpProxy, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A server that echoes; what it was sent is kept, chunk by chunk. */
async function echoThroughProxy(options: Partial<TcpProxyOptions> = {}) {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port }, ...options });
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  closing.push(() => proxy.stop());
  return { proxy, chunks };
}

function dial(proxy: TcpProxy) {
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  let received = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('end', () => resolve('end'));
  });
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  closing.push(async () => socket.destroy());
  return {
    socket,
    ended,
    received: () => received,
    async receive(bytes: number): Promise<string> {
      while (received.length < bytes) await new Promise<void>((resolve) => (wake = resolve));
      return received.toString();
    },
  };
}

describe('the TCP proxy', () => {
  test('passes bytes both ways, and the end of a connection after them', async () => {
    const { proxy } = await echoThroughProxy();
    const client = dial(proxy);
    client.socket.end('hello');
    expect(await client.receive(5)).toBe('hello');
    expect(await client.ended).toBe('end');
  });

  test('delays each direction and keeps the order', async () => {
    const { proxy } = await echoThroughProxy();
    const client = dial(proxy);
    client.socket.write('a');
    await client.receive(1);
    proxy.set({ latencyMs: 60, jitterMs: 30 });
    const started = performance.now();
    for (const letter of 'bcdef') client.socket.write(letter);
    expect(await client.receive(6)).toBe('abcdef');
    expect(performance.now() - started).toBeGreaterThanOrEqual(119);
  });

  test('lets through no more bytes a second than it may', async () => {
    const { proxy } = await echoThroughProxy();
    const client = dial(proxy);
    proxy.set({ bytesPerS: 100_000 });
    const started = performance.now();
    client.socket.write(Buffer.alloc(20_000, 'x'));
    await client.receive(20_000);
    // 0.2 s for the way there; the way back overlaps it chunk by chunk.
    expect(performance.now() - started).toBeGreaterThanOrEqual(199);
  });

  test('cuts into the same slices for the same seed, and into others for another', () => {
    // Looked at where they are written: what a reader gets at once is the network's affair.
    const sizes = (seed: number): number[] => {
      const written: number[] = [];
      const socket = {
        on: () => socket,
        resume: () => socket,
        write: (piece: Buffer) => written.push(piece.length) > 0,
      };
      const faults = { ...noFaults, sliceBytesMax: 400 };
      const lane = new ProxyLane({
        from: socket as unknown as Socket,
        to: socket as unknown as Socket,
        faults: () => faults,
        random: seededRandom(seed),
      });
      lane.push(Buffer.alloc(1_000, 'x'));
      return written;
    };
    const first = sizes(7);
    expect(first.reduce((sum, size) => sum + size, 0)).toBe(1_000);
    expect(first.length).toBeGreaterThan(2);
    expect(sizes(7)).toEqual(first);
    expect(sizes(8)).not.toEqual(first);
  });

  test('holds bytes and delivers them afterwards', async () => {
    const { proxy } = await echoThroughProxy();
    const client = dial(proxy);
    client.socket.write('before');
    await client.receive(6);
    proxy.hold();
    client.socket.write('held');
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which it could have come
    expect(client.received().toString()).toBe('before');
    proxy.heal();
    expect(await client.receive(10)).toBe('beforeheld');
  });

  test('half-open: loses bytes without a word, and resets the connection when it heals', async () => {
    const { proxy, chunks } = await echoThroughProxy();
    const client = dial(proxy);
    client.socket.write('before');
    await client.receive(6);
    proxy.halfOpen();
    client.socket.write('lost');
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which it could have come
    expect(Buffer.concat(chunks).toString()).toBe('before');
    expect(proxy.connections()).toBe(1);
    proxy.heal();
    expect(await client.ended).toBe('ECONNRESET');
  });

  test('resets connections and takes new ones', async () => {
    const { proxy } = await echoThroughProxy();
    const client = dial(proxy);
    client.socket.write('x');
    await client.receive(1);
    proxy.reset();
    expect(await client.ended).toBe('ECONNRESET');
    const next = dial(proxy);
    next.socket.write('y');
    expect(await next.receive(1)).toBe('y');
  });

  test('refuses connections while it is down, and listens on the same port afterwards', async () => {
    const { proxy } = await echoThroughProxy();
    const before = dial(proxy);
    before.socket.write('x');
    await before.receive(1);
    await proxy.down();
    expect(await before.ended).toBe('ECONNRESET');
    expect(await dial(proxy).ended).toBe('ECONNREFUSED');
    await proxy.up();
    const after = dial(proxy);
    after.socket.write('z');
    expect(await after.receive(1)).toBe('z');
  });

  test('gives every chunk to its interceptor, which decides what passes', async () => {
    const { proxy, chunks } = await echoThroughProxy({
      intercept: ({ toServer, toClient }) => ({
        fromClient: (bytes) => toServer(Buffer.from(bytes.toString().toUpperCase())),
        fromServer: (bytes) => toClient(Buffer.concat([bytes, Buffer.from('!')])),
      }),
    });
    const client = dial(proxy);
    client.socket.write('quiet');
    expect(await client.receive(6)).toBe('QUIET!');
    expect(Buffer.concat(chunks).toString()).toBe('QUIET');
  });
});
