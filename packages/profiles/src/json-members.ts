// Cuts members out of the bytes of a JSON object without rebuilding it: a 19-digit id, a repeated key or an escape inside a
// value stays as it came. The text is well-formed (its reader has checked that); on anything else the answer is undefined.

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** One member; `from`..`to` spans `"key":value` in the object's bytes. */
export interface JsonMember {
  readonly key: string;
  /** The value's own bytes. */
  readonly raw: Uint8Array;
  readonly from: number;
  readonly to: number;
}

export function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Index behind the closing quote of the string that opens at `at`. */
export function endOfString(json: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < json.length && json[i] !== quote) i += json[i] === backslash ? 2 : 1;
  return i + 1;
}

/** The members of a JSON object in their order, or undefined when the text is no object. */
export function jsonMembers(json: Uint8Array): JsonMember[] | undefined {
  const members: JsonMember[] = [];
  let i = skipSpace(json, 0);
  if (json[i] !== openBrace) return undefined;
  i = skipSpace(json, i + 1);
  if (json[i] === closeBrace) return members;
  while (i < json.length) {
    const from = i;
    if (json[i] !== quote) return undefined;
    const keyEnd = endOfString(json, i);
    i = skipSpace(json, keyEnd);
    if (json[i] !== colon) return undefined;
    const start = skipSpace(json, i + 1);
    const end = endOfValue(json, start);
    const key = jsonText(json.subarray(from, keyEnd));
    if (key === undefined || end === start || end > json.length) return undefined;
    members.push({ key, raw: json.subarray(start, end), from, to: end });
    i = skipSpace(json, end);
    if (json[i] === closeBrace) return members;
    if (json[i] !== comma) return undefined;
    i = skipSpace(json, i + 1);
  }
  return undefined;
}

/** The value of a key; 'repeated' when it stands twice: two readers would take different ones. */
export function memberOf(members: readonly JsonMember[], key: string): Uint8Array | 'repeated' | undefined {
  let found: Uint8Array | undefined;
  for (const member of members) {
    if (member.key !== key) continue;
    if (found !== undefined) return 'repeated';
    found = member.raw;
  }
  return found;
}

/** Text of a JSON string's bytes, or undefined when they are another kind of value. */
export function jsonText(raw: Uint8Array): string | undefined {
  if (raw[0] !== quote) return undefined;
  try {
    return JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('utf8')) as string;
  } catch {
    return undefined;
  }
}

function skipSpace(json: Uint8Array, at: number): number {
  let i = at;
  while (isJsonSpace(json[i])) i += 1;
  return i;
}

function endOfValue(json: Uint8Array, at: number): number {
  if (json[at] === quote) return endOfString(json, at);
  let depth = 0;
  let i = at;
  while (i < json.length) {
    const byte = json[i];
    if (byte === quote) {
      i = endOfString(json, i);
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return i;
      depth -= 1;
      if (depth === 0) return i + 1;
    } else if (depth === 0 && (byte === comma || isJsonSpace(byte))) return i;
    i += 1;
  }
  return i;
}
