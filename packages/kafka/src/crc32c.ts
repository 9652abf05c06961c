/** CRC-32C (Castagnoli), the checksum of record batches: eight bytes a step through eight tables made once. */

const POLYNOMIAL = 0x82f63b78;
const TABLES = makeTables();

/** Of the bytes from `from` to the end. */
export function crc32c(bytes: Uint8Array, from = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const end = bytes.length;
  let crc = -1;
  let at = from;
  for (const lastStep = end - 8; at <= lastStep; at += 8) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Table = Int32Array;

function makeTables(): readonly [Table, Table, Table, Table, Table, Table, Table, Table] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const shifted = (before: Table): Table => before.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!);
  const second = shifted(first);
  const third = shifted(second);
  const fourth = shifted(third);
  const fifth = shifted(fourth);
  const sixth = shifted(fifth);
  const seventh = shifted(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, shifted(seventh)];
}
