import fc from 'fast-check';
import { expect, it } from 'vitest';
import { binaryArray } from './binary-arrays.ts';

/** The elements of an array as PostgreSQL would take them apart. */
function elements(array: Buffer): (Buffer | null)[] {
  const found: (Buffer | null)[] = [];
  let at = 20;
  for (let index = 0; index < array.readInt32BE(12); index += 1) {
    const length = array.readInt32BE(at);
    at += 4;
    found.push(length < 0 ? null : array.subarray(at, at + length));
    at += Math.max(0, length);
  }
  expect(at).toBe(array.length);
  return found;
}

it('holds texts of any characters and bytes of any length, and what is null', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme' }), { nil: null })), (texts) => {
      const array = binaryArray('text', texts);
      expect(elements(array).map((each) => each && each.toString())).toEqual(texts);
      expect(array.readInt32BE(4)).toBe(texts.includes(null) ? 1 : 0);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.option(fc.uint8Array(), { nil: null })), (values) => {
      expect(elements(binaryArray('bytea', values)).map((each) => each && [...each])).toEqual(
        values.map((each) => each && [...each]),
      );
    }),
  );
});

it('holds numbers and moments exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 253_402_300_799_999 })), (moments) => {
      expect(elements(binaryArray('timestamptz', moments)).map((each) => each?.readBigInt64BE())).toEqual(
        moments.map((ms) => (BigInt(ms) - 946_684_800_000n) * 1_000n),
      );
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger()), (values) => {
      expect(elements(binaryArray('int8', values)).map((each) => Number(each?.readBigInt64BE()))).toEqual(values);
    }),
  );
});

it.each([
  ['int4', 2 ** 40],
  ['int8', 2 ** 60],
  ['int8', 0.5],
] as const)('refuses for %s what does not fit: %s', (type, value) => {
  expect(() => binaryArray(type, [value])).toThrow(expect.objectContaining({ code: 'data' }) as Error);
});
