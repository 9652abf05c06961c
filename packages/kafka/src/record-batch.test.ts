// Batches as they are written and read here, against each other and against the driver's own codec.

import { createRequire } from 'node:module';
import { gunzipSync, gzip } from 'node:zlib';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { encodeBatch } from './encode-batch.ts';
import { readBatches } from './read-batches.ts';
import { encodable } from './record-size.ts';
import type { AppendHeaderValue, AppendRecord } from './record.ts';

const require = createRequire(import.meta.url);
const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => unknown;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
};
const place = { topic: 't', partition: 3 };
const noCodec = (): Promise<Buffer> => Promise.reject(new Error('nothing is compressed here'));
const read = (bytes: Buffer) => readBatches(bytes, place, noCodec);
const encode = (records: readonly AppendRecord[], timeMs = 1_700_000_000_000) =>
  encodeBatch(records.map(encodable), timeMs);
const record = (over: Partial<AppendRecord>): AppendRecord => ({ ...place, key: null, value: null, ...over });

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const text = fc.oneof(
  fc.string({ maxLength: 100, unit: 'binary' }).map((s) => s.toWellFormed()),
  fc.string({ maxLength: 100 }),
);
const value = fc.oneof(bytes, text, fc.constant(null));
const headers = fc.array(fc.tuple(text, fc.array(value, { minLength: 1, maxLength: 3 })), { maxLength: 8 });
const records = fc.array(
  fc.record({ key: value, value, headers }).map((one) => record({ ...one, headers: new Map(one.headers) as never })),
  { minLength: 1, maxLength: 150 },
);

const bufferOf = (one: AppendHeaderValue): Buffer | null => (typeof one === 'string' ? Buffer.from(one) : one);
const expected = (batch: readonly AppendRecord[]) =>
  batch.map(({ key, value: body, headers: sent }, offset) => ({
    ...place,
    offset,
    timestamp: 1_700_000_000_000,
    key: bufferOf(key),
    value: bufferOf(body),
    headers: new Map(
      [...((sent ?? new Map()) as Map<string, readonly AppendHeaderValue[]>)].map(([name, all]) => [
        name,
        all.map(bufferOf),
      ]),
    ),
  }));

describe('a record batch', () => {
  test('reads back as it was written, whatever the records hold', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (batch) => {
        const { batches, incomplete } = await read(await encode(batch));
        expect(incomplete).toBe(false);
        expect(batches[0]?.records).toEqual(expected(batch));
      }),
    );
  });

  test("is read by the driver's decoder as it was written, with the checksum that the driver computes", async () => {
    const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => unknown;
    const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
      decoder: unknown,
    ) => Promise<{ lastOffsetDelta: number; records: { key: Buffer; value: Buffer; headers: object }[] }>;
    const driverCrc = require('kafkajs/src/protocol/recordBatch/crc32C/crc32C.js') as (buffer: Buffer) => number;
    await fc.assert(
      fc.asyncProperty(records, async (batch) => {
        const written = await encode(batch);
        const decoded = await decode(new Decoder(written));
        expect(decoded.lastOffsetDelta).toBe(batch.length - 1);
        expect(decoded.records.map(({ key, value: body }) => [key, body])).toEqual(
          batch.map(({ key, value: body }) => [bufferOf(key), bufferOf(body)]),
        );
        expect(written.readUInt32BE(17)).toBe(driverCrc(written.subarray(21)));
      }),
      { numRuns: 50 },
    );
  });

  test("that the driver's encoder wrote is read", async () => {
    const sent = [
      { key: 'k', value: 'v', headers: { one: '1', twice: ['a', 'b'] }, offsetDelta: 0, timestampDelta: 0 },
      { key: null, value: Buffer.alloc(5_000, 'x'), headers: {}, offsetDelta: 7, timestampDelta: 12_345_678 },
    ];
    const { buffer } = await RecordBatch({
      records: sent.map(Record),
      firstOffset: 5_000_000_000,
      firstTimestamp: 1_000,
      lastOffsetDelta: 9,
      producerId: 77,
      transactional: true,
    });
    const { batches } = await read(buffer);
    expect(batches).toMatchObject([
      { firstOffset: 5_000_000_000, lastOffset: 5_000_000_009, producerId: 77n, inTransaction: true, isControl: false },
    ]);
    expect(batches[0]?.records.map(({ offset, timestamp, value: body }) => [offset, timestamp, body?.length])).toEqual([
      [5_000_000_000, 1_000, 1],
      [5_000_000_007, 12_346_678, 5_000],
    ]);
    expect(batches[0]?.records[0]?.headers.get('twice')).toEqual([Buffer.from('a'), Buffer.from('b')]);
  });

  test('with times that no clock shows is read: a producer that counts nanoseconds must not stop a partition', async () => {
    for (const [firstTimestamp, timestampDelta, time] of [
      ['1700000000000000000', 0, Number.MAX_SAFE_INTEGER],
      ['1700000000000', '1700000000000000000', Number.MAX_SAFE_INTEGER],
      ['-1', 0, -1],
      ['-9223372036854775808', 1, Number.MIN_SAFE_INTEGER],
    ]) {
      const records = [Record({ key: 'k', value: 'v', headers: {}, offsetDelta: 0, timestampDelta })];
      const { buffer } = await RecordBatch({ records, firstOffset: 0, firstTimestamp, lastOffsetDelta: 0 });
      expect((await read(buffer)).batches[0]?.records).toMatchObject([{ timestamp: time, value: Buffer.from('v') }]);
    }
    // One behind it in the same batch that counts milliseconds: before the first by more than a number holds exactly.
    const later = { key: 'k', value: 'v', headers: {}, offsetDelta: 1, timestampDelta: '-1699998300000000001' };
    const { buffer } = await RecordBatch({
      records: [Record({ ...later, offsetDelta: 0, timestampDelta: 0 }), Record(later)],
      firstOffset: 0,
      firstTimestamp: '1700000000000000000',
      lastOffsetDelta: 1,
    });
    const [, second] = (await read(buffer)).batches[0]!.records;
    expect(Math.abs(second!.timestamp - 1_700_000_000_000)).toBeLessThan(1_000);
  });

  test('that is cut off anywhere is told from one that is whole', async () => {
    const whole = await encode([record({ value: 'first' })]);
    const second = await encode([record({ value: 'second' }), record({ key: 'k' })]);
    for (let cut = 0; cut < second.length; cut++) {
      const { batches, incomplete } = await read(Buffer.concat([whole, second.subarray(0, cut)]));
      expect({ batches: batches.length, incomplete }).toEqual({ batches: 1, incomplete: cut > 0 });
    }
  });

  test('never reads past its end, whatever its bytes say: it is read or refused', async () => {
    const good = await encode([record({ key: 'k', value: 'v', headers: { a: 'b' } }), record({ value: 'w' })]);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 62), fc.nat(255), async (at, byte) => {
        const bad = Buffer.from(good);
        bad[61 + at] = byte;
        const result = await read(Buffer.concat([bad, good])).catch((error: unknown) => error);
        const refused = result instanceof RangeError || (result as { code?: string }).code !== undefined;
        expect(refused || (result as { batches: unknown[] }).batches.length === 2).toBe(true);
      }),
    );
  });

  test('with 100,000 headers, and names such as "constructor", is read in linear time', async () => {
    const many = new Map(Array.from({ length: 100_000 }, (_, i) => [`h${i}`, ['v']]));
    for (const name of ['constructor', '__proto__']) many.set(name, [name]);
    const { batches } = await read(await encode([record({ headers: many as never })]));
    const found = batches[0]?.records[0]?.headers;
    expect(found?.size).toBe(100_002);
    expect(String(found?.get('__proto__'))).toBe('__proto__');
  });

  test('its values outlive the fetch: they are copies', async () => {
    const { batches } = await read(
      Buffer.concat([await encode([record({ value: 'xxxxxxxxxx' })]), Buffer.alloc(1_000_000)]).subarray(0, 90),
    );
    expect(batches[0]?.records[0]?.value?.buffer.byteLength ?? 0).toBeLessThan(1_000_000);
  });

  test('of log append time carries the time of the broker', async () => {
    const batch = await encode([record({ value: 'v' })], 1_000);
    batch.writeInt16BE(0x08, 21);
    batch.writeBigInt64BE(5_000n, 35);
    expect((await read(batch)).batches[0]?.records[0]?.timestamp).toBe(5_000);
  });

  test('is compressed behind its header', async () => {
    const squeeze = promisify(gzip);
    const batch = await encodeBatch([encodable(record({ value: 'v'.repeat(1_000) }))], 1, {
      codec: 1,
      compress: squeeze,
    });
    expect(batch.length).toBeLessThan(200);
    const codecs: number[] = [];
    const { batches } = await readBatches(batch, place, async (codec, stored) => {
      codecs.push(codec);
      return gunzipSync(stored);
    });
    expect([codecs, batches[0]?.records[0]?.value?.length]).toEqual([[1], 1_000]);
  });
});

test('crc32c gives the known answers', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from('xx123456789'), 2)).toBe(0xe3069283);
});
