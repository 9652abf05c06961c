// The partition of an endpoint must be the one that any client with Kafka's default key hash would choose: records written by
// hand, or by another language, then lie beside ours. kafkajs is an independent implementation of that hash.

import { partitionOf } from '@postrider/core/contracts';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

type Partitioner = (args: {
  topic: string;
  partitionMetadata: { partitionId: number; leader: number }[];
  message: { key: Buffer | string; value: null };
}) => number;

// Resolved from the package that owns the driver: the tests have no dependency on it of their own.
const fromKafka = createRequire(new URL('../../packages/kafka/package.json', import.meta.url));
const { Partitioners } = fromKafka('kafkajs') as { Partitioners: { DefaultPartitioner: () => Partitioner } };
const theirs = Partitioners.DefaultPartitioner();

function theirPartition(key: string, partitions: number): number {
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 }));
  return theirs({ topic: 't', partitionMetadata, message: { key: Buffer.from(key), value: null } });
}

describe('partitionOf', () => {
  it('agrees with the default partitioner of an independent client for any key', () => {
    const keys = fc.oneof(
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
      fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
      fc.uuid(),
    );
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 200 }), (key, partitions) => {
        expect(partitionOf(key, partitions)).toBe(theirPartition(key, partitions));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['', 'a', 'ab', 'abc', 'abcd', 'Ünïcödé', '日本語', '😀', 'ﬀ', '\u0000', 'acme:hook-1'])(
    'agrees for "%s" among 48',
    (key) => {
      expect(partitionOf(key, 48)).toBe(theirPartition(key, 48));
    },
  );
});
