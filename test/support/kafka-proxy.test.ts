import { createServer, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { apiKeys, FrameSplitter, int32Bytes, requestHead, responseCorrelation } from './kafka-frames.ts';
import { startKafkaProxy, type KafkaProxy } from './kafka-proxy.ts';

const frame = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32Bytes(body.length), body]);
};
const int16 = (value: number) => int32Bytes(value).subarray(2);

let proxy: KafkaProxy;
let stopServer: () => Promise<void>;
/** Correlation ids in the order in which the server was asked. */
let asked: number[];

beforeEach(async () => {
  asked = [];
  const server = createServer((socket) => {
    const frames = new FrameSplitter();
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const request of frames.push(chunk)) {
        const { correlationId } = requestHead(request);
        asked.push(correlationId);
        socket.write(frame(int32Bytes(correlationId), Buffer.from('answer')));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  proxy = await startKafkaProxy({ brokers: [`127.0.0.1:${port}`] });
  stopServer = () => new Promise((resolve) => server.close(() => resolve()));
});
afterEach(async () => {
  await proxy.stop();
  await stopServer();
});

function client() {
  const [host = '', port = ''] = (proxy.brokers[0] ?? '').split(':');
  const socket = connect({ host, port: Number(port) });
  const frames = new FrameSplitter();
  const answers: number[] = [];
  let wake: () => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  socket.on('data', (chunk: Buffer) => {
    for (const answer of frames.push(chunk)) answers.push(responseCorrelation(answer));
    wake();
  });
  return {
    socket,
    ended,
    ask: (api: keyof typeof apiKeys, correlationId: number) =>
      socket.write(frame(int16(apiKeys[api]), int16(0), int32Bytes(correlationId))),
    async answered(count: number): Promise<number[]> {
      while (answers.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return answers;
    },
  };
}

test('the n-th answer is dropped, the connection and the other answers live on', async () => {
  const rule = proxy.add({ api: 'Produce', side: 'response', action: 'drop', nth: [2] });
  const { ask, answered, socket } = client();
  ask('Produce', 1);
  ask('Heartbeat', 2);
  ask('Produce', 3);
  ask('Produce', 4);
  expect(await answered(3)).toEqual([1, 2, 4]);
  expect({ asked, hits: rule.hits() }).toEqual({ asked: [1, 2, 3, 4], hits: 1 });
  expect(proxy.requests('Produce')).toBe(3);
  socket.destroy();
});

test('a held answer comes after its release', async () => {
  const rule = proxy.add({ api: 'Produce', side: 'response', action: 'hold', nth: 1 });
  const { ask, answered, socket } = client();
  ask('Produce', 1);
  await rule.hit;
  ask('Produce', 2);
  expect(await answered(1)).toEqual([2]);
  rule.release();
  expect(await answered(2)).toEqual([2, 1]);
  socket.destroy();
});

test('a request that is dropped or held does not reach the broker', async () => {
  const dropped = proxy.add({ api: 'Produce', side: 'request', action: 'drop' });
  const held = proxy.add({ api: 'Heartbeat', side: 'request', action: 'hold' });
  const { ask, answered, socket } = client();
  ask('Produce', 1);
  ask('Heartbeat', 2);
  ask('Fetch', 3);
  await answered(1);
  expect(asked).toEqual([3]);
  dropped.release();
  held.release();
  ask('Produce', 4);
  await answered(3);
  expect(asked).toEqual([3, 2, 4]);
  socket.destroy();
});

test('a reset takes the connection with it', async () => {
  proxy.add({ api: 'Produce', side: 'response', action: 'reset', only: (request) => request.readInt32BE(8) === 2 });
  const { ask, answered, ended } = client();
  ask('Produce', 1);
  await answered(1);
  ask('Produce', 2);
  expect(await ended).toBe('ECONNRESET');
  expect(asked).toEqual([1, 2]);
});
