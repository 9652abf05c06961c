import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test, vi } from 'vitest';

const require = createRequire(import.meta.url);
const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('the patch on kafkajs', () => {
  test('is made for exactly the version that is installed', () => {
    const { version } = require('kafkajs/package.json') as { version: string };
    expect(version).toBe('2.2.4');
  });

  test('an idle request queue arms no timer', () => {
    const RequestQueue = require('kafkajs/src/network/requestQueue/index.js') as new (options: object) => {
      checkPendingRequests(): void;
      maybeThrottle(ms: number): void;
      destroy(): void;
      throttleCheckTimeoutId: unknown;
    };
    const queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1000,
      clientId: 'c',
      broker: 'b',
      logger: silent,
    });
    const setTimer = vi.spyOn(globalThis, 'setTimeout');
    queue.checkPendingRequests();
    expect(setTimer).not.toHaveBeenCalled();
    queue.maybeThrottle(50);
    queue.checkPendingRequests();
    expect(setTimer).toHaveBeenCalledTimes(1);
    queue.destroy();
    setTimer.mockRestore();
  });

  test('100,000 headers in one record decode in linear time, whatever their names', () => {
    const { decode, encode } = recordCodec();
    const headers: Record<string, string | null | string[]> = Object.create(null) as Record<string, string>;
    for (let i = 0; i < 100_000; i += 1) headers[`h${i}`] = 'v';
    headers['constructor'] = 'c';
    headers['__proto__'] = 'p';
    headers['none'] = null;
    headers['twice'] = ['1', '2'];
    const started = performance.now();
    const decoded = decode(encode({ key: null, value: 'x', headers }));
    // Quadratic decoding takes minutes for this record; linear about 0.1 s.
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(Object.keys(decoded.headers).length).toBe(100_004);
    expect(String(decoded.headers['constructor'])).toBe('c');
    expect(String(decoded.headers['__proto__'])).toBe('p');
    expect(decoded.headers['none']).toBeNull();
    expect(String(decoded.headers['twice'])).toBe('1,2');
  });

  test('a batch that compaction emptied leaves a marker at its last offset', async () => {
    const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => EncoderShape;
    const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => unknown;
    const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
      decoder: unknown,
    ) => Promise<{ offset: string; isControlRecord: boolean; batchContext: { lastOffsetDelta: number } }[]>;
    const body = new Encoder()
      .writeInt32(0) // partition leader epoch
      .writeInt8(2) // magic
      .writeInt32(0) // crc, not checked by the driver
      .writeInt16(0) // attributes
      .writeInt32(6) // last offset delta
      .writeInt64('1000')
      .writeInt64('1000')
      .writeInt64('77') // an idempotent producer: its last batch is kept, empty
      .writeInt16(0)
      .writeInt32(0)
      .writeInt32(0); // no records
    const batch = new Encoder().writeInt64('40').writeInt32(body.buffer.length).writeEncoder(body);
    const messages = await decodeMessages(
      new Decoder(new Encoder().writeInt32(batch.buffer.length).writeEncoder(batch).buffer),
    );
    expect(messages).toMatchObject([
      { offset: '46', isControlRecord: true, batchContext: { firstOffset: '40', lastOffsetDelta: 6 } },
    ]);
  });

  test('every change of the patch file is in the installed package', () => {
    const marks = [
      ['network/requestQueue/index.js', 1],
      ['protocol/encoder.js', 1],
      ['protocol/recordBatch/record/v0/decoder.js', 1],
      ['protocol/recordBatch/record/v0/index.js', 2],
      ['protocol/requests/fetch/v4/decodeMessages.js', 3],
    ] as const;
    for (const [file, count] of marks) {
      const source = readFileSync(require.resolve(`kafkajs/src/${file}`), 'utf8');
      expect({ file, count: source.split('// postrider:').length - 1 }).toEqual({ file, count });
    }
  });
});

interface EncoderShape {
  buffer: Buffer;
  writeInt8(n: number): EncoderShape;
  writeInt16(n: number): EncoderShape;
  writeInt32(n: number): EncoderShape;
  writeInt64(n: string): EncoderShape;
  writeEncoder(e: EncoderShape): EncoderShape;
}

function recordCodec() {
  const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => {
    buffer: Buffer;
  };
  const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => { readVarIntBytes(): Buffer };
  const decodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0/decoder.js') as (
    decoder: unknown,
    context: object,
  ) => { headers: Record<string, unknown> };
  return {
    encode: (record: object) => Record(record).buffer,
    decode: (bytes: Buffer) =>
      decodeRecord(new Decoder(new Decoder(bytes).readVarIntBytes()), { firstOffset: '0', firstTimestamp: '0' }),
  };
}
