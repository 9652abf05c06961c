// Columns of many rows as arrays in PostgreSQL's binary form, which the server takes as they are: no quoting here, no parsing
// there, and bytes cost their own length instead of twice that.
//
//   int32 dimensions (1), int32 has nulls, int32 element type, int32 elements, int32 lower bound (1),
//   for each element int32 length (-1: null) and bytes

import { PostgresError } from './postgres-error.ts';

export type ColumnType = keyof typeof encoders;

interface Encoder {
  /** Of the element type in pg_type. */
  readonly oid: number;
  readonly size: (value: never) => number;
  readonly write: (target: Buffer, value: never, at: number) => void;
}

const headerBytes = 20;
/** PostgreSQL counts microseconds from 2000-01-01. */
const timestampEpochMs = 946_684_800_000;

const encoders = {
  text: encoder<string>(
    25,
    (value) => Buffer.byteLength(value),
    (target, value, at) => void target.write(value, at),
  ),
  bytea: encoder<Uint8Array>(
    17,
    (value) => value.length,
    (target, value, at) => target.set(value, at),
  ),
  hash: encoder<string>(
    17,
    () => 32,
    (target, value, at) => void target.write(value, at, 'hex'),
  ),
  uuid: encoder<string>(
    2950,
    () => 16,
    (target, value, at) => void target.write(value, at, 'hex'),
  ),
  int4: encoder<number>(
    23,
    () => 4,
    (target, value, at) => void target.writeInt32BE(value, at),
  ),
  int8: encoder<number>(
    20,
    () => 8,
    (target, value, at) => writeInt64(target, value, at),
  ),
  float8: encoder<number>(
    701,
    () => 8,
    (target, value, at) => void target.writeDoubleBE(value, at),
  ),
  bool: encoder<boolean>(
    16,
    () => 1,
    (target, value, at) => void target.writeUInt8(Number(value), at),
  ),
  /** Epoch ms. */
  timestamptz: encoder<number>(
    1184,
    () => 8,
    (target, value, at) => void target.writeBigInt64BE(BigInt(value - timestampEpochMs) * 1_000n, at),
  ),
} as const;

function encoder<T>(
  oid: number,
  size: (value: T) => number,
  write: (target: Buffer, value: T, at: number) => void,
): { readonly oid: number; readonly size: unknown; readonly write: unknown; readonly of?: T } {
  return { oid, size, write };
}

/** What a column of this type takes. */
export type ColumnValue<T extends ColumnType> = NonNullable<(typeof encoders)[T]['of']>;

/**
 * @returns a parameter for `$n::<type>[]`; the driver sends a Buffer in binary form
 * @throws PostgresError `data` when a value does not fit the type
 */
export function binaryArray<T extends ColumnType>(type: T, values: readonly (ColumnValue<T> | null)[]): Buffer {
  const { oid, size, write } = encoders[type] as Encoder;
  let bytes = headerBytes;
  let nulls = 0;
  for (const value of values) {
    bytes += 4;
    if (value === null) nulls = 1;
    else bytes += size(value as never);
  }
  const target = Buffer.allocUnsafe(bytes);
  target.writeInt32BE(1, 0);
  target.writeInt32BE(nulls, 4);
  target.writeInt32BE(oid, 8);
  target.writeInt32BE(values.length, 12);
  target.writeInt32BE(1, 16);
  let at = headerBytes;
  try {
    for (const value of values) {
      if (value === null) {
        at = target.writeInt32BE(-1, at);
        continue;
      }
      const length = size(value as never);
      at = target.writeInt32BE(length, at);
      write(target, value as never, at);
      at += length;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PostgresError('data', `a value does not fit ${type}: ${error.message}`, { cause: error });
  }
  return target;
}

function writeInt64(target: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no integer that is exact`);
  target.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}
