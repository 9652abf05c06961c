import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chainRun, chainStart, chainStep, type ChainedRecord, type ChainPlace } from './audit-chain.ts';

const place: ChainPlace = { environment: 'live', topic: 'live.attempts', partition: 3 };
const record: ChainedRecord = {
  offset: 7,
  recordedMs: 1_767_225_600_123,
  key: Buffer.from('shop'),
  value: Buffer.from('{"v":1}'),
};

/** The definition in the file's head, written down a second time without regard to speed. */
function slowNext(previous: string, { topic, partition }: ChainPlace, each: ChainedRecord): string {
  const int32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const int64 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    return bytes;
  };
  const prefixed = (bytes: Uint8Array | null): Buffer =>
    bytes === null ? int32(-1) : Buffer.concat([int32(bytes.length), bytes]);
  return createHash('sha256')
    .update(
      Buffer.concat([
        Buffer.from(previous, 'hex'),
        prefixed(Buffer.from(topic)),
        int32(partition),
        int64(each.offset),
        int64(each.recordedMs),
        prefixed(each.key),
        prefixed(each.value),
      ]),
    )
    .digest('hex');
}

const placeArbitrary = fc.record({
  environment: fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }),
  topic: fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
  partition: fc.nat(2_147_483_647),
});
const bytesArbitrary = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null });
const recordArbitrary = fc.record({
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  recordedMs: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
  key: bytesArbitrary,
  value: bytesArbitrary,
});

test('the hashes of a known record do not change from version to version', () => {
  expect(chainStart(place)).toBe('bb63936bd79226f867dab5ce853eabd265c0e70ab5aa9ba55472627bb27ba91e');
  expect(chainStep(place)(chainStart(place), record)).toBe(
    '01b883094dca9b750ed82ae2ae36d79f7a71d8b32a9ebc017e800a51a5267a4e',
  );
});

test('the fast step is the definition', () => {
  fc.assert(
    fc.property(placeArbitrary, fc.array(recordArbitrary, { minLength: 1, maxLength: 6 }), (at, records) => {
      const next = chainStep(at);
      let fast = chainStart(at);
      let slow = chainStart(at);
      for (const each of records) {
        fast = next(fast, each);
        slow = slowNext(slow, at, each);
        expect(fast).toBe(slow);
      }
    }),
  );
});

test('a run over stored rows follows each that the definition gives, and none that differs in a byte', () => {
  const large = fc.constant(Buffer.alloc(70_000, 'x'));
  const records = fc.array(fc.tuple(recordArbitrary, fc.option(large, { nil: undefined, freq: 20 })), {
    minLength: 1,
    maxLength: 6,
  });
  const change = fc.option(fc.tuple(fc.nat(5), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })));
  fc.assert(
    fc.property(placeArbitrary, records, change, (at, given, changed) => {
      const run = chainRun(at, chainStart(at));
      let link = chainStart(at);
      for (const [index, [some, value]] of given.entries()) {
        const each = value === undefined ? some : { ...some, value };
        link = slowNext(link, at, each);
        const int64 = Buffer.alloc(8);
        int64.writeBigInt64BE(BigInt(each.offset));
        const prefixed = [each.key, each.value].map((bytes) => {
          const length = Buffer.alloc(4);
          length.writeInt32BE(bytes?.length ?? -1);
          return Buffer.concat([length, bytes ?? Buffer.alloc(0)]);
        });
        // Something before it: places count from the beginning of the buffer.
        const stored = Buffer.concat([Buffer.from('abc'), int64, ...prefixed, Buffer.from(link, 'hex')]);
        const tampered = changed !== null && changed[0] === index;
        if (tampered) stored[3 + Math.floor((stored.length - 3) * changed[1])]! ^= 1;
        const chainAt = stored.length - 32;
        const place = { offsetAt: 3, recordedMs: each.recordedMs, keyAt: 11, endAt: chainAt, chainAt };
        expect(run.follow(stored, place)).toBe(!tampered);
        if (tampered) return;
        expect(run.head()).toBe(link);
      }
    }),
  );
});

test('a value larger than the shared buffer is hashed the same way', () => {
  const large = { ...record, value: Buffer.alloc(300_000, 'x') };
  expect(chainStep(place)(chainStart(place), large)).toBe(slowNext(chainStart(place), place, large));
});

test('two different records never come to one hash', () => {
  const previous = chainStart(place);
  const next = chainStep(place);
  const text = (each: ChainedRecord): string =>
    JSON.stringify([each.offset, each.recordedMs, each.key && [...each.key], each.value && [...each.value]]);
  fc.assert(
    fc.property(recordArbitrary, recordArbitrary, (a, b) => {
      fc.pre(text(a) !== text(b));
      expect(next(previous, a)).not.toBe(next(previous, b));
    }),
  );
});

test('bytes that move from the key to the value, or from nothing to empty, are seen', () => {
  const previous = chainStart(place);
  const next = chainStep(place);
  const of = (key: string | null, value: string | null): string =>
    next(previous, {
      ...record,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    });
  expect(
    new Set([of('ab', 'c'), of('a', 'bc'), of(null, 'abc'), of('', 'abc'), of('abc', null), of('abc', '')]).size,
  ).toBe(6);
});

test('no two places begin with one hash', () => {
  fc.assert(
    fc.property(placeArbitrary, placeArbitrary, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      fc.pre([a, b].every((each) => each.environment.isWellFormed() && each.topic.isWellFormed()));
      expect(chainStart(a)).not.toBe(chainStart(b));
    }),
  );
});

test('a hash that is none is refused', () => {
  for (const wrong of ['', 'ab'.repeat(31), 'zz'.repeat(32)]) {
    expect(() => chainStep(place)(wrong, record)).toThrow('not a hash');
  }
});
