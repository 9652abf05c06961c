// Which partition an endpoint's records live in: Kafka's default key hash (murmur2), computed here and sent
// explicitly, so that a retry always returns to the same partition whatever client writes it.

const seed = 0x9747b28c;
const m = 0x5bd1e995;

/** Kafka's 32-bit murmur2 of the bytes, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let h = seed ^ length;
  const words = length >> 2;
  for (let i = 0; i < words; i++) {
    const at = i * 4;
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const tail = words * 4;
  const rest = length - tail;
  if (rest > 0) {
    if (rest > 2) h ^= bytes[tail + 2]! << 16;
    if (rest > 1) h ^= bytes[tail + 1]! << 8;
    h = Math.imul(h ^ bytes[tail]!, m);
  }
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) | 0;
}

const encoder = new TextEncoder();

/** Partition of a key among `partitions`, as Kafka's default partitioner places it. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(encoder.encode(key)) & 0x7fffffff) % partitions;
}
