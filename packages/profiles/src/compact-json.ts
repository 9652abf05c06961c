// JSON without white space, every token as it came. A receiver that parses the body and writes it again gets the same
// text, so long as its language keeps the numbers: JavaScript does not above 2^53, hence the option to send those as text.

import { endOfString, isJsonSpace } from './json-members.ts';

const quote = 0x22;
const minus = 0x2d;

/** `digits`: numbers stay as they are. `string`: those that a double would change are put in quotes. */
export type BigNumbers = 'digits' | 'string';

/** Bytes of well-formed JSON without the white space between tokens. */
export function compactJson(json: Uint8Array, bigNumbers: BigNumbers): Buffer {
  // The shortest number that gets quotes has five characters and a separator.
  const out = Buffer.allocUnsafe(bigNumbers === 'digits' ? json.length : json.length + Math.ceil(json.length / 2) + 2);
  let length = 0;
  let i = 0;
  while (i < json.length) {
    const byte = json[i] as number;
    if (byte === quote) {
      const end = Math.min(endOfString(json, i), json.length);
      while (i < end) out[length++] = json[i++] as number;
    } else if (isJsonSpace(byte)) {
      i += 1;
    } else if (bigNumbers === 'string' && (byte === minus || isDigit(byte))) {
      const end = endOfNumber(json, i);
      const changed = !survivesDouble(Buffer.from(json.subarray(i, end)).toString('latin1'));
      if (changed) out[length++] = quote;
      while (i < end) out[length++] = json[i++] as number;
      if (changed) out[length++] = quote;
    } else {
      out[length++] = byte;
      i += 1;
    }
  }
  return out.subarray(0, length);
}

/**
 * False for a number that a double cannot be trusted with: an integer beyond ±(2^53 − 1), whatever its last digits (an id
 * must not be a number today and text tomorrow), and any other whose value a double would change.
 */
export function survivesDouble(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(value);
  return decimalOf(token) === decimalOf(String(value));
}

/** One spelling for each decimal value: sign, digits without zeros at the ends, exponent. */
function decimalOf(token: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token);
  if (match === null) return token;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function endOfNumber(json: Uint8Array, at: number): number {
  let i = at + 1;
  // Digits, point, sign and exponent; what follows a number is none of these.
  while (i < json.length && /[\d.eE+-]/.test(String.fromCharCode(json[i] as number))) i += 1;
  return i;
}
