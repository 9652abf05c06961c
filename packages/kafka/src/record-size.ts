/** What a record weighs on the wire, to the byte: a batch is written into one buffer of the right size. */
import { SHORT_TEXT_MAX } from './limits.ts';
import type { AppendHeaderValue, AppendRecord } from './record.ts';

/** A record with its headers in a row, as they stand on the wire, and its weight. */
export interface EncodableRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  /** Name, value, name, value …; a repeated header stands as often as it occurs. */
  readonly headers: readonly AppendHeaderValue[];
  /** Bytes of the record's body without its offset delta. */
  readonly bodyBytes: number;
}

/** Attributes and timestamp delta, one byte each: all records of a batch carry the batch's time. */
const FIXED_BYTES = 2;

export function encodable({ key, value, headers }: AppendRecord): EncodableRecord {
  const flat: AppendHeaderValue[] = [];
  let bodyBytes = FIXED_BYTES + lengthPrefixed(key) + lengthPrefixed(value);
  const entries = headers === undefined ? [] : headers instanceof Map ? headers : Object.entries(headers);
  for (const [name, values] of entries as Iterable<[string, AppendHeaderValue | readonly AppendHeaderValue[]]>) {
    const nameBytes = lengthPrefixed(name);
    if (values === null || typeof values === 'string' || Buffer.isBuffer(values)) {
      flat.push(name, values);
      bodyBytes += nameBytes + lengthPrefixed(values);
    } else {
      for (const one of values) {
        flat.push(name, one);
        bodyBytes += nameBytes + lengthPrefixed(one);
      }
    }
  }
  return { key, value, headers: flat, bodyBytes: bodyBytes + varintBytes(flat.length / 2) };
}

/** Bytes of a value with its length before it; null is the length −1 alone. */
function lengthPrefixed(value: Buffer | string | null): number {
  if (value === null) return 1;
  const bytes = typeof value === 'string' ? textBytes(value) : value.length;
  return varintBytes(bytes) + bytes;
}

/** Bytes of a text in UTF-8. */
export function textBytes(text: string): number {
  if (text.length > SHORT_TEXT_MAX) return Buffer.byteLength(text);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}

/** Bytes of a number that is not negative as a zigzag varint: seven bits a byte, one bit for the sign. */
export function varintBytes(value: number): number {
  return value < 1 << 6 ? 1 : value < 1 << 13 ? 2 : value < 1 << 20 ? 3 : value < 1 << 27 ? 4 : 5;
}
