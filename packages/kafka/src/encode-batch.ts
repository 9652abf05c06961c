/**
 * A record batch (message format v2) in one pass into one buffer. The driver's encoder makes an object, a buffer and a copy for each
 * record and each of its batches; that was a fifth of what convergence did. Pure, but for the compression, which is given.
 */
import { crc32c } from './crc32c.ts';
import { SHORT_TEXT_MAX } from './limits.ts';
import type { AppendHeaderValue } from './record.ts';
import { textBytes, varintBytes, type EncodableRecord } from './record-size.ts';

/** Base offset, length, leader epoch, magic, checksum, attributes, last delta, two times, producer id, epoch, sequence, count. */
export const BATCH_HEADER_BYTES = 61;
const CHECKED_FROM = 21;
const MAGIC = 2;

export interface BatchCompression {
  /** The codec's number in the batch's attributes. */
  readonly codec: number;
  readonly compress: (records: Buffer) => Promise<Buffer>;
}

/** @param timeMs of all records, epoch ms; on a topic with log append time the broker puts its own in its place */
export async function encodeBatch(
  records: readonly EncodableRecord[],
  timeMs: number,
  compression?: BatchCompression,
): Promise<Buffer> {
  const plain = encodeRecords(records);
  if (compression === undefined) return sealed(plain, records.length, timeMs, 0);
  const compressed = await compression.compress(plain.subarray(BATCH_HEADER_BYTES));
  const batch = Buffer.concat([plain.subarray(0, BATCH_HEADER_BYTES), compressed]);
  return sealed(batch, records.length, timeMs, compression.codec);
}

/** The records, behind room for the header. */
function encodeRecords(records: readonly EncodableRecord[]): Buffer {
  let size = BATCH_HEADER_BYTES;
  records.forEach(({ bodyBytes }, index) => {
    const bytes = bodyBytes + varintBytes(index);
    size += varintBytes(bytes) + bytes;
  });
  const buffer = Buffer.allocUnsafe(size);
  let at = BATCH_HEADER_BYTES;
  records.forEach((record, index) => (at = writeRecord(buffer, at, record, index)));
  if (at !== size) throw new Error(`a batch of ${size} bytes was written as ${at}`);
  return buffer;
}

function writeRecord(buffer: Buffer, start: number, record: EncodableRecord, index: number): number {
  let at = writeVarint(buffer, start, record.bodyBytes + varintBytes(index));
  buffer[at++] = 0; // attributes
  buffer[at++] = 0; // timestamp delta
  at = writeVarint(buffer, at, index);
  at = writeValue(buffer, at, record.key);
  at = writeValue(buffer, at, record.value);
  const { headers } = record;
  at = writeVarint(buffer, at, headers.length / 2);
  for (const part of headers) at = writeValue(buffer, at, part);
  return at;
}

function writeValue(buffer: Buffer, at: number, value: AppendHeaderValue): number {
  if (value === null) {
    buffer[at] = 1; // length −1
    return at + 1;
  }
  if (typeof value !== 'string') {
    const from = writeVarint(buffer, at, value.length);
    buffer.set(value, from);
    return from + value.length;
  }
  const bytes = textBytes(value);
  const from = writeVarint(buffer, at, bytes);
  if (bytes === value.length && bytes <= SHORT_TEXT_MAX) {
    for (let i = 0; i < bytes; i++) buffer[from + i] = value.charCodeAt(i);
  } else buffer.write(value, from, bytes, 'utf8');
  return from + bytes;
}

/** Zigzag of a number that is not negative: twice the number. */
function writeVarint(buffer: Buffer, start: number, value: number): number {
  let rest = value * 2;
  let at = start;
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  buffer[at++] = rest;
  return at;
}

function sealed(batch: Buffer, count: number, timeMs: number, attributes: number): Buffer {
  batch.writeBigInt64BE(0n, 0); // base offset: the broker's
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(0, 12); // leader epoch
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(timeMs), 27);
  batch.writeBigInt64BE(BigInt(timeMs), 35);
  batch.writeBigInt64BE(-1n, 43); // no producer id: not idempotent
  batch.writeInt16BE(0, 51);
  batch.writeInt32BE(0, 53);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch, CHECKED_FROM), 17);
  return batch;
}
