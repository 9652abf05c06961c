/**
 * Compression codecs for the driver, which brings gzip alone. A codec that is missing or fails throws KafkaError `undecodable`,
 * which the fetcher turns into a loud state of that one partition.
 */
import { promisify } from 'node:util';
import { gunzip, zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import snappy from 'kafkajs-snappy';
import { compressFrame, decompressFrame } from 'lz4-napi';
import { KafkaError } from './kafka-error.ts';
import { DECOMPRESSED_BYTES_MAX } from './limits.ts';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const inflateLimit = { maxOutputLength: DECOMPRESSED_BYTES_MAX };
const zstd = { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) };
const gunzipAsync = promisify(gunzip);

/** Wraps a codec so that whatever it throws says which codec it was. */
function guarded(name: string, codec: Codec): () => Codec {
  return () => ({
    compress: (encoder) => codec.compress(encoder),
    decompress: async (buffer) => {
      try {
        return await codec.decompress(buffer);
      } catch (cause) {
        throw new KafkaError('undecodable', `a batch compressed with ${name} cannot be read: ${String(cause)}`, {
          cause,
        });
      }
    },
  });
}

let installed = false;

/** Puts zstd, snappy and lz4 beside gzip, and a loud refusal on the codec numbers nobody has defined (the driver would read garbage). */
export function installCodecs(): void {
  if (installed) return;
  installed = true;
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>;
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  const gzip = codecs[GZIP]?.();
  if (gzip !== undefined)
    codecs[GZIP] = guarded('gzip', {
      compress: (e) => gzip.compress(e),
      decompress: (b) => gunzipAsync(b, inflateLimit),
    });
  codecs[Snappy] = guarded('snappy', snappy());
  codecs[LZ4] = guarded('lz4', { compress: (e) => compressFrame(e.buffer), decompress: (b) => decompressFrame(b) });
  codecs[ZSTD] = guarded('zstd', {
    compress: (e) => zstd.compress(e.buffer),
    decompress: (b) => zstd.decompress(b, inflateLimit),
  });
  for (const unassigned of [5, 6, 7]) {
    codecs[unassigned] = () => {
      throw new KafkaError('undecodable', `a batch is compressed with codec ${unassigned}, which is not known`);
    };
  }
}
