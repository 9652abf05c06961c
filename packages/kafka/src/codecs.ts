/** Compression of record batches. What is missing or fails is KafkaError `undecodable`, a loud state of that one partition. */
import { promisify } from 'node:util';
import { gunzip, gzip, zstdCompress, zstdDecompress } from 'node:zlib';
import snappy from 'kafkajs-snappy';
import { decompressFrame } from 'lz4-napi';
import type { BatchCompression } from './encode-batch.ts';
import { KafkaError } from './kafka-error.ts';
import { DECOMPRESSED_BYTES_MAX } from './limits.ts';
import { lz4OutputBytesMax, snappyOutputBytes } from './output-bounds.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

const inflateLimit = { maxOutputLength: DECOMPRESSED_BYTES_MAX };
const gunzipAsync = promisify(gunzip);
const unzstd = promisify(zstdDecompress);

/** By the number in a batch's attributes. */
const DECOMPRESSORS: Readonly<Record<number, { name: string; run: (bytes: Buffer) => Promise<Buffer> }>> = {
  1: { name: 'gzip', run: (bytes) => gunzipAsync(bytes, inflateLimit) },
  2: { name: 'snappy', run: async (bytes) => snappy().decompress(bounded(bytes, snappyOutputBytes)) },
  3: { name: 'lz4', run: async (bytes) => decompressFrame(bounded(bytes, lz4OutputBytesMax)) },
  4: { name: 'zstd', run: (bytes) => unzstd(bytes, inflateLimit) },
};

function bounded(bytes: Buffer, outputBytesMax: (bytes: Buffer) => number): Buffer {
  const max = outputBytesMax(bytes);
  if (max > DECOMPRESSED_BYTES_MAX) throw new RangeError(`it may grow to ${max} bytes`);
  return bytes;
}

export const COMPRESSIONS: Readonly<Record<Compression, BatchCompression | undefined>> = {
  none: undefined,
  gzip: { codec: 1, compress: promisify(gzip) },
  zstd: { codec: 4, compress: promisify(zstdCompress) },
};

export async function decompress(codec: number, bytes: Buffer): Promise<Buffer> {
  const known = DECOMPRESSORS[codec];
  if (known === undefined)
    throw new KafkaError('undecodable', `a batch is compressed with codec ${codec}, which is not known`);
  try {
    return await known.run(bytes);
  } catch (cause) {
    throw new KafkaError('undecodable', `a batch compressed with ${known.name} cannot be read: ${String(cause)}`, {
      cause,
    });
  }
}
