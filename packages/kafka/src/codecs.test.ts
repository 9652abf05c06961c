import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { compressFrame } from 'lz4-napi';
import { describe, expect, test } from 'vitest';
import { decompress } from './codecs.ts';
import { DECOMPRESSED_BYTES_MAX } from './limits.ts';
import { lz4OutputBytesMax, snappyOutputBytes } from './output-bounds.ts';

const require = createRequire(import.meta.url);
const { compress: snappyCompress } = (
  require('kafkajs-snappy') as () => { compress(encoder: { buffer: Buffer }): Promise<Buffer> }
)();
const snappyCodec = 2;
const lz4Codec = 3;
const plain = Buffer.concat([randomBytes(100_000), Buffer.alloc(900_000, 'x')]);

const xerial = (...blocks: Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from([130, 83, 78, 65, 80, 80, 89, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
    ...blocks.flatMap((block) => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(block.length);
      return [size, block];
    }),
  ]);

describe('snappy', () => {
  test('is read, in blocks and without, and its length is known before', async () => {
    const block = await snappyCompress({ buffer: plain });
    expect(await decompress(snappyCodec, block)).toEqual(plain);
    expect(await decompress(snappyCodec, xerial(block, block))).toEqual(Buffer.concat([plain, plain]));
    expect([snappyOutputBytes(block), snappyOutputBytes(xerial(block, block))]).toEqual([
      plain.length,
      2 * plain.length,
    ]);
  });

  test('that claims more than any batch may hold is refused before anything is made of it', async () => {
    const claims = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]); // 4 GB
    for (const bytes of [claims, xerial(claims)])
      await expect(decompress(snappyCodec, bytes)).rejects.toMatchObject({
        code: 'undecodable',
        message: expect.stringContaining('it may grow to') as string,
      });
  });
});

describe('lz4', () => {
  test.each([{}, { contentChecksum: true }, { blockChecksums: true }])(
    'is read with %o, within its bound',
    async (how) => {
      const frame = await compressFrame(plain, how);
      expect(await decompress(lz4Codec, frame)).toEqual(plain);
      expect(lz4OutputBytesMax(frame)).toBeGreaterThanOrEqual(plain.length);
      expect(lz4OutputBytesMax(frame)).toBeLessThan(plain.length + 4_194_304);
    },
  );

  test('that grows beyond what any batch may hold is refused before anything is made of it', async () => {
    const bomb = await compressFrame(Buffer.alloc(DECOMPRESSED_BYTES_MAX + 8_388_608));
    expect(bomb.length).toBeLessThan(2_000_000);
    await expect(decompress(lz4Codec, bomb)).rejects.toMatchObject({
      code: 'undecodable',
      message: expect.stringContaining('it may grow to') as string,
    });
  });

  test.each([Buffer.from('none'), Buffer.from([4, 0x22, 0x4d, 0x18, 0x60])])(
    'that is no frame, or is cut, is undecodable: %o',
    async (bytes) => {
      await expect(decompress(lz4Codec, bytes)).rejects.toMatchObject({ code: 'undecodable' });
    },
  );
});
