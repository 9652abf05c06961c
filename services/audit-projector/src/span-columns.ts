// A span of a record's JSON against a column of its row, both as bytes, by the rules of column-reader.ts. True: the column holds
// what is made of the span, and nothing was replaced or cut. False: it does not, or that is not known here.

import type { RowBytes } from '@postrider/postgres';
import { kinds, type JsonSpans } from './json-spans.ts';
import { columnTextMax } from './limits.ts';

/** PostgreSQL counts microseconds from 2000-01-01. */
const postgresEpochMs = 946_684_800_000;
/** Until here, in the year 2255, a number holds the microseconds exactly. */
const exactMsMax = 9_000_000_000_000;

/** Epoch ms, when the column holds whole ones that are exact here; NaN otherwise. */
export function wholeMsAt({ buffer, starts }: RowBytes, column: number): number {
  const ms = int64At(buffer, starts[column]!) / 1_000 + postgresEpochMs;
  return Number.isInteger(ms) && ms >= 0 && ms <= exactMsMax ? ms : Number.NaN;
}

export function isText(at: JsonSpans, of: number): boolean {
  return at.kinds[of] === kinds.same || at.kinds[of] === kinds.text;
}

export function isWord({ kinds: of, bytes, starts, ends }: JsonSpans, at: number, words: readonly Buffer[]): boolean {
  if (of[at] !== kinds.text && of[at] !== kinds.same) return false;
  const start = starts[at]!;
  const length = ends[at]! - start;
  return words.some((word) => word.length === length && equal(bytes, start, word, 0, length));
}

/** Null where there is nothing; text that a column takes as it stands otherwise. No character takes less than a byte. */
export function sameText(
  row: RowBytes,
  column: number,
  at: JsonSpans,
  of: number,
  bytesMax: number = columnTextMax,
): boolean {
  const length = row.lengths[column]!;
  const kind = at.kinds[of];
  if (kind === kinds.same) return length <= bytesMax;
  if (kind === kinds.absent || kind === kinds.null) return length < 0;
  const start = at.starts[of]!;
  return (
    kind === kinds.text &&
    length === at.ends[of]! - start &&
    length <= bytesMax &&
    equal(row.buffer, row.starts[column]!, at.bytes, start, length)
  );
}

const digitsMax = 15;

/** Of a span with digits alone; -1: it is none, or too long to be exact. */
export function integerOf({ bytes, starts, ends }: JsonSpans, of: number): number {
  const end = ends[of]!;
  if (end - starts[of]! > digitsMax) return -1;
  let value = 0;
  for (let at = starts[of]!; at < end; at += 1) {
    const figure = bytes[at]! - 0x30;
    if (figure < 0 || figure > 9) return -1;
    value = value * 10 + figure;
  }
  return value;
}

export function sameInteger(row: RowBytes, column: number, at: JsonSpans, of: number): boolean {
  const { buffer: bytes, starts, lengths } = row;
  const length = lengths[column]!;
  const kind = at.kinds[of];
  if (kind === kinds.absent || kind === kinds.null) return length < 0;
  if (kind !== kinds.number) return false;
  const value = integerOf(at, of);
  // Within the column's own range, or it could not stand there.
  if (length === 4) return value >= 0 && int32At(bytes, starts[column]!) === value;
  return length === 8 && value >= 0 && int64At(bytes, starts[column]!) === value;
}

/** Decimal figures without a power: up to 15 of them over a power of ten are the nearest double, as `JSON.parse` gives it. */
export function sameNumber(row: RowBytes, column: number, at: JsonSpans, of: number): boolean {
  const { buffer: bytes, starts, lengths } = row;
  const length = lengths[column]!;
  const kind = at.kinds[of];
  if (kind === kinds.absent || kind === kinds.null) return length < 0;
  const end = at.ends[of]!;
  if (kind !== kinds.number || length !== 8 || end - at.starts[of]! > digitsMax) return false;
  let value = 0;
  let scale = 0;
  for (let each = at.starts[of]!; each < end; each += 1) {
    const byte = at.bytes[each]!;
    if (byte === 0x2e /* . */) scale = 1;
    else {
      const figure = byte - 0x30;
      if (figure < 0 || figure > 9) return false;
      value = value * 10 + figure;
      scale *= 10;
    }
  }
  if (scale > 1) value /= scale;
  return bytes.readDoubleBE(starts[column]) === value;
}

export function sameEpochMs(row: RowBytes, column: number, at: JsonSpans, of: number): boolean {
  const length = row.lengths[column]!;
  const kind = at.kinds[of];
  if (kind === kinds.absent || kind === kinds.null) return length < 0;
  if (kind !== kinds.number || length !== 8) return false;
  const ms = integerOf(at, of);
  return ms >= 0 && ms <= exactMsMax && int64At(row.buffer, row.starts[column]!) === (ms - postgresEpochMs) * 1_000;
}

const momentLength = '2000-01-01T00:00:00.000Z'.length;
/** Records of one day come by the thousand. */
let lastDay = { text: '', ms: -1 };

/** ISO 8601 as `toISOString` writes it. */
export function sameMoment(row: RowBytes, column: number, at: JsonSpans, of: number): boolean {
  const { buffer: bytes } = row;
  const start = at.starts[of]!;
  if (at.kinds[of] !== kinds.text || at.ends[of]! - start !== momentLength || row.lengths[column] !== 8) return false;
  const { text } = lastDay;
  let index = 0;
  while (index < 10 && bytes[start + index] === text.charCodeAt(index)) index += 1;
  if (index < 10) {
    const named = bytes.toString('latin1', start, start + 10);
    const ms = Date.parse(`${named}T00:00:00.000Z`);
    if (!(ms >= 0 && ms < exactMsMax) || new Date(ms).toISOString().slice(0, 10) !== named) return false;
    lastDay = { text: named, ms };
  }
  const hour = pairAt(bytes, start + 11);
  const minute = pairAt(bytes, start + 14);
  const second = pairAt(bytes, start + 17);
  const tens = pairAt(bytes, start + 20);
  const ones = bytes[start + 22]! - 0x30;
  if (hour > 23 || minute > 59 || second > 59 || tens > 99 || ones < 0 || ones > 9) return false;
  if (
    bytes[start + 10] !== 0x54 /* T */ ||
    bytes[start + 13] !== 0x3a /* : */ ||
    bytes[start + 16] !== 0x3a ||
    bytes[start + 19] !== 0x2e /* . */ ||
    bytes[start + 23] !== 0x5a /* Z */
  )
    return false;
  const ms = lastDay.ms + ((hour * 60 + minute) * 60 + second) * 1_000 + tens * 10 + ones;
  return int64At(bytes, row.starts[column]!) === (ms - postgresEpochMs) * 1_000;
}

/** Two figures; 100: they are none. */
function pairAt(bytes: Uint8Array, at: number): number {
  const ten = bytes[at]! - 0x30;
  const one = bytes[at + 1]! - 0x30;
  return ten >= 0 && ten <= 9 && one >= 0 && one <= 9 ? ten * 10 + one : 100;
}

export function equal(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  for (let index = 0; index < length; index += 1) if (a[aAt + index] !== b[bAt + index]) return false;
  return true;
}

export const startsWith = (bytes: Uint8Array, at: number, prefix: Uint8Array): boolean =>
  equal(bytes, at, prefix, 0, prefix.length);

function int32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function int64At(bytes: Uint8Array, at: number): number {
  return int32At(bytes, at) * 0x1_0000_0000 + (int32At(bytes, at + 4) >>> 0);
}
