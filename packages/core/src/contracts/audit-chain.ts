// The hash chain over the audit log: one chain for each (environment, topic, partition), one link for each record, so that a
// byte changed anywhere changes every hash after it. Whoever has the records can compute it again: from the table, from
// Kafka, or in SQL with `sha256`, `int4send` and `int8send`.
//
//   start = SHA-256(label ‖ text(environment) ‖ text(topic) ‖ int32 partition)
//   next  = SHA-256(previous ‖ text(topic) ‖ int32 partition ‖ int64 offset ‖ int64 recorded ms ‖ bytes(key) ‖ bytes(value))
//
// Big endian. `text` is an int32 length and UTF-8; `bytes` is an int32 length, -1 for none, and the bytes. Lengths stand
// before what they measure, so no two records run together to one input. A hash is told as 64 lower-case hexadecimal digits, as
// every digest in the audit is (and Node gives them in that form twice as fast as in bytes); the table holds the 32 bytes.

import { createHash, hash } from 'node:crypto';

/** Whose log it is. */
export interface ChainPlace {
  readonly environment: string;
  /** Full name, e.g. `live.attempts`. */
  readonly topic: string;
  readonly partition: number;
}

export interface ChainedRecord {
  readonly offset: number;
  /** The broker's time as the table holds it, epoch ms. */
  readonly recordedMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

const hashBytes = 32;
const label = Buffer.from('postrider audit chain v1\0', 'latin1');

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const prefixed = Buffer.allocUnsafe(4 + bytes.length);
  prefixed.writeInt32BE(bytes.length, 0);
  bytes.copy(prefixed, 4);
  return prefixed;
}

function topicAndPartition({ topic, partition }: ChainPlace): Buffer {
  const number = Buffer.allocUnsafe(4);
  number.writeInt32BE(partition, 0);
  return Buffer.concat([lengthPrefixed(topic), number]);
}

/** The hash before the first record: no two places share one. */
export function chainStart(place: ChainPlace): string {
  return createHash('sha256')
    .update(label)
    .update(lengthPrefixed(place.environment))
    .update(topicAndPartition(place))
    .digest('hex');
}

/** Gives the hash after a record, from the one before it. */
export type ChainStep = (previous: string, record: ChainedRecord) => string;

/** Inputs up to this are laid out in one buffer and hashed at once: faster than piece by piece. */
const scratchBytes = 64 * 1024;
const scratch = Buffer.allocUnsafe(scratchBytes);
const offsetAndTime = 8 + 8;

/** @param place of every record that the step is given */
export function chainStep(place: ChainPlace): ChainStep {
  const where = topicAndPartition(place);
  const fixedBytes = hashBytes + where.length + offsetAndTime + 4 + 4;

  return (previous, record) => {
    const { key, value } = record;
    const size = fixedBytes + (key?.length ?? 0) + (value?.length ?? 0);
    const target = size <= scratchBytes ? scratch : Buffer.allocUnsafe(size);
    if (target.write(previous, 0, hashBytes, 'hex') !== hashBytes) throw new RangeError(`not a hash: ${previous}`);
    target.set(where, hashBytes);
    let at = hashBytes + where.length;
    at = writeInt64(target, record.offset, at);
    at = writeInt64(target, record.recordedMs, at);
    at = writeBytes(target, key, at);
    at = writeBytes(target, value, at);
    return hash('sha256', target.subarray(0, at), 'hex');
  };
}

/** Where a stored row lies in a buffer. */
export interface StoredLink {
  /** Of the eight bytes of the offset. */
  offsetAt: number;
  /** The broker's time, epoch ms. */
  recordedMs: number;
  /** `bytes(key) ‖ bytes(value)`, lengths before them: from here to before `endAt`. */
  keyAt: number;
  endAt: number;
  /** Of the 32 bytes of the hash that stands in the row. */
  chainAt: number;
}

/** A chain that is followed from one stored row to the next, from bytes to bytes. */
export interface ChainRun {
  /** @returns whether the hash in the row is the one after it; the next row is to follow that, and after `false` nothing is sure */
  follow(bytes: Buffer, link: StoredLink): boolean;
  /** The hash after the last row: lower-case hexadecimal. */
  head(): string;
}

/** @param from the hash before the first row */
export function chainRun(place: ChainPlace, from: string): ChainRun {
  const where = topicAndPartition(place);
  const recordAt = hashBytes + where.length;
  let target = Buffer.allocUnsafe(scratchBytes);
  target.set(where, hashBytes);
  if (target.write(from, 0, hashBytes, 'hex') !== hashBytes) throw new RangeError(`not a hash: ${from}`);
  return {
    follow(bytes, { offsetAt, recordedMs, keyAt, endAt, chainAt }) {
      const size = recordAt + offsetAndTime + endAt - keyAt;
      if (size > target.length) {
        const larger = Buffer.allocUnsafe(2 * size);
        target.copy(larger, 0, 0, recordAt);
        target = larger;
      }
      for (let index = 0; index < 8; index += 1) target[recordAt + index] = bytes[offsetAt + index]!;
      const at = writeInt64(target, recordedMs, recordAt + 8);
      bytes.copy(target, at, keyAt, endAt);
      const link = hash('sha256', target.subarray(0, size), 'binary');
      for (let index = 0; index < hashBytes; index += 1) {
        const byte = link.charCodeAt(index);
        if (byte !== bytes[chainAt + index]) return false;
        target[index] = byte;
      }
      return true;
    },
    head: () => target.toString('hex', 0, hashBytes),
  };
}

/** As `writeBigInt64BE`, for integers that a number holds, without making a bigint of each. */
function writeInt64(target: Buffer, value: number, at: number): number {
  target.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  target.writeUInt32BE(value >>> 0, at + 4);
  return at + 8;
}

function writeBytes(target: Buffer, bytes: Uint8Array | null, at: number): number {
  if (bytes === null) return target.writeInt32BE(-1, at);
  target.writeInt32BE(bytes.length, at);
  target.set(bytes, at + 4);
  return at + 4 + bytes.length;
}
