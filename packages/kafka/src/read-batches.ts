/**
 * Record batches (message format v2) as a fetch brings them: one after the other, the last perhaps cut off. The driver's decoder makes
 * some forty objects for a record with a dozen headers, decimal strings of its numbers among them; this one makes what is kept.
 */
import { BATCH_HEADER_BYTES } from './encode-batch.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaRecord } from './record.ts';

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_FLAG = 0x08;
const TRANSACTIONAL_FLAG = 0x10;
const CONTROL_FLAG = 0x20;
/** Base offset and length. */
const FRAME_BYTES = 12;

export interface FetchedBatch {
  readonly firstOffset: number;
  /** Of the batch's range, compacted records included. */
  readonly lastOffset: number;
  readonly producerId: bigint;
  readonly inTransaction: boolean;
  /** Not records of anybody, but a transaction's end. */
  readonly isControl: boolean;
  readonly records: KafkaRecord[];
}

export interface FetchedBatches {
  readonly batches: FetchedBatch[];
  /** The last bytes are only the beginning of a batch: the fetch's limit fell into it. */
  readonly incomplete: boolean;
  /** What is wrong with the batch behind these, which are good. */
  readonly fault?: Error;
}

export type Decompress = (codec: number, bytes: Buffer) => Promise<Buffer>;

/** Throws RangeError or KafkaError (`undecodable`, `protocol`) when the first bytes are no batch; behind a good one that is its `fault`. */
export async function readBatches(
  bytes: Buffer,
  place: { readonly topic: string; readonly partition: number },
  decompress: Decompress,
): Promise<FetchedBatches> {
  const batches: FetchedBatch[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < BATCH_HEADER_BYTES) return { batches, incomplete: true };
    const length = bytes.readInt32BE(at + 8);
    const end = at + FRAME_BYTES + length;
    if (end > bytes.length) return { batches, incomplete: true };
    try {
      if (length < BATCH_HEADER_BYTES - FRAME_BYTES) throw new KafkaError('undecodable', `a batch of ${length} bytes`);
      batches.push(await readBatch(bytes.subarray(at, end), place, decompress));
    } catch (fault) {
      if (batches.length === 0 || !(fault instanceof Error)) throw fault;
      return { batches, incomplete: false, fault };
    }
    at = end;
  }
  return { batches, incomplete: false };
}

async function readBatch(
  batch: Buffer,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  decompress: Decompress,
): Promise<FetchedBatch> {
  const magic = batch.readInt8(16);
  if (magic !== 2) throw new KafkaError('undecodable', `a batch in message format v${magic}: only v2 is read`);
  const attributes = batch.readInt16BE(21);
  const firstOffset = safe(batch.readBigInt64BE(0), 'offset');
  const firstTimeMs = Number(batch.readBigInt64BE(27));
  const appendTimeMs = (attributes & LOG_APPEND_TIME_FLAG) === 0 ? undefined : Number(batch.readBigInt64BE(35));
  const count = batch.readInt32BE(57);
  const codec = attributes & CODEC_MASK;
  const stored = batch.subarray(BATCH_HEADER_BYTES);
  const reader = new RecordReader(codec === 0 || count === 0 ? stored : await decompress(codec, stored));
  const records: KafkaRecord[] = [];
  for (let i = 0; i < count; i++) {
    const end = reader.varint() + reader.at;
    reader.at += 1; // attributes, unused
    const producedMs = firstTimeMs + reader.roughVarint();
    const offset = firstOffset + reader.varint();
    const key = reader.copied();
    const value = reader.copied();
    const headers = reader.headers();
    if (reader.at !== end) throw new KafkaError('undecodable', 'a record does not end where it says');
    records.push({ topic, partition, offset, timestamp: bounded(appendTimeMs ?? producedMs), key, value, headers });
  }
  return {
    firstOffset,
    lastOffset: firstOffset + batch.readInt32BE(23),
    producerId: batch.readBigInt64BE(43),
    inTransaction: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControl: (attributes & CONTROL_FLAG) !== 0,
    records,
  };
}

/**
 * Names of headers by their place in a record: one writer's records have the same ones in the same order, and comparing bytes is
 * several times cheaper than making a string of them.
 */
const namesSeen: { readonly bytes: Buffer; readonly text: string }[] = [];
const NAMES_SEEN_MAX = 32;
const NAME_BYTES_MAX = 64;

class RecordReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A zigzag varint of up to 64 bits, as far as a number holds it exactly. */
  varint(): number {
    const value = this.roughVarint();
    if (!Number.isSafeInteger(value)) throw new KafkaError('protocol', 'a number too large');
    return value;
  }

  /** Rounded beyond 2^53. */
  roughVarint(): number {
    const first = this.#next();
    let byte = first;
    let value = byte & 0x7f;
    for (let scale = 128; byte > 0x7f; scale *= 128) {
      if (scale > 2 ** 63) throw new KafkaError('undecodable', 'a number of more than ten bytes');
      byte = this.#next();
      value += (byte & 0x7f) * scale;
    }
    // The sign by its bit: what is rounded is even.
    return (first & 1) === 0 ? value / 2 : -(value + 1) / 2;
  }

  /**
   * Key and value are copied: a view would keep the whole response, and one record held back by a slow endpoint would keep
   * megabytes alive.
   */
  copied(): Buffer | null {
    const view = this.#view();
    return view === null ? null : Buffer.from(view);
  }

  /** Values stay views: every consumer decodes them at once. */
  headers(): Map<string, (Buffer | null)[]> {
    const headers = new Map<string, (Buffer | null)[]>();
    const count = this.varint();
    for (let place = 0; place < count; place++) {
      const name = this.#name(place);
      const value = this.#view();
      const known = headers.get(name);
      if (known === undefined) headers.set(name, [value]);
      else known.push(value);
    }
    return headers;
  }

  #view(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    return this.#bytes.subarray(this.#skip(length), this.at);
  }

  #name(place: number): string {
    const from = this.#skip(this.varint());
    const seen = namesSeen[place];
    if (seen !== undefined && this.#holdsAt(from, seen.bytes)) return seen.text;
    const text = this.#bytes.toString('utf8', from, this.at);
    if (place < NAMES_SEEN_MAX && this.at - from <= NAME_BYTES_MAX)
      namesSeen[place] = { bytes: Buffer.from(this.#bytes.subarray(from, this.at)), text };
    return text;
  }

  /** The bytes from `from` to here are these. */
  #holdsAt(from: number, wanted: Buffer): boolean {
    const length = wanted.length;
    if (this.at - from !== length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== wanted[i]) return false;
    return true;
  }

  #skip(length: number): number {
    const from = this.at;
    this.at += length;
    if (length < 0 || this.at > this.#bytes.length) throw new RangeError('a record runs past the end of its batch');
    return from;
  }

  #next(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError('a record runs past the end of its batch');
    return byte;
  }
}

/** A producer says what it likes, nanoseconds for one, and a broker keeps that. It must not stop its partition. */
const bounded = (timeMs: number): number =>
  Math.min(Math.max(timeMs, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);

function safe(value: bigint, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new KafkaError('protocol', `${what} ${value} is not a safe integer`);
  return number;
}
