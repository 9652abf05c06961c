/**
 * What a compressed batch can grow to at most, read from its bytes before anything is made of them: the decompressors of snappy and lz4
 * take no bound, and a few bytes may claim gigabytes. Pure.
 */

/** Before frames: the mark, version and compatible version of snappy-java. */
const XERIAL_MARK = Buffer.from([130, 83, 78, 65, 80, 80, 89, 0]);
const XERIAL_HEADER_BYTES = 16;

/** A snappy block says its length at its start; snappy-java makes several of a batch. */
export function snappyOutputBytes(bytes: Buffer): number {
  if (!bytes.subarray(0, XERIAL_MARK.length).equals(XERIAL_MARK)) return snappyBlockBytes(bytes);
  let sum = 0;
  for (let at = XERIAL_HEADER_BYTES; at + 4 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    sum += snappyBlockBytes(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return sum;
}

function snappyBlockBytes(block: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = block[i];
    if (byte === undefined) throw new RangeError('a block without its length');
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw new RangeError('a length of more than five bytes');
}

const LZ4_MAGIC = 0x184d2204;
/** By the number in a frame's head. */
const LZ4_BLOCK_BYTES_MAX: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };
/** One byte stands for at most so many. */
const LZ4_RATIO_MAX = 255;
const LZ4_PLAIN_FLAG = 0x80000000;

/** A bound, not the length: each block of an lz4 frame counts as full, or as all that its bytes can stand for. */
export function lz4OutputBytesMax(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length;) {
    if (bytes.readUInt32LE(at) !== LZ4_MAGIC) throw new RangeError('no lz4 frame');
    const flags = bytes.readUInt8(at + 4);
    const blockMax = LZ4_BLOCK_BYTES_MAX[(bytes.readUInt8(at + 5) >> 4) & 0x07];
    if (blockMax === undefined) throw new RangeError('an lz4 frame with blocks of an unknown size');
    const contentSizeBytes = (flags & 0x08) === 0 ? 0 : 8;
    const dictionaryBytes = (flags & 0x01) === 0 ? 0 : 4;
    const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4;
    const contentChecksumBytes = (flags & 0x04) === 0 ? 0 : 4;
    at += 7 + contentSizeBytes + dictionaryBytes;
    for (;;) {
      const head = bytes.readUInt32LE(at);
      at += 4;
      if (head === 0) break;
      const size = head % LZ4_PLAIN_FLAG;
      sum += head >= LZ4_PLAIN_FLAG ? size : Math.min(blockMax, size * LZ4_RATIO_MAX);
      at += size + blockChecksumBytes;
    }
    at += contentChecksumBytes;
  }
  return sum;
}
