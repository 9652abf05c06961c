import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stubDigestNext, stubDigestStart, type Stub, type StubClosing } from './stub-digest.ts';

const closing: StubClosing = {
  environment: 'live',
  topic: 'live.audit',
  partition: 3,
  day: '2026-01-31',
  class: 'trial',
};
const stub: Stub = {
  offset: 7,
  recordedMs: 1_767_225_600_123,
  origin: 'live.events/0/7',
  project: 'shop',
  previous: 'ab'.repeat(32),
  chain: 'cd'.repeat(32),
};

/** The definition in the file's head, written down a second time. */
function slowNext(digest: string, each: Stub): string {
  const number = (value: number, bytes: 4 | 8): Buffer => {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 4) buffer.writeInt32BE(value);
    else buffer.writeBigInt64BE(BigInt(value));
    return buffer;
  };
  const prefixed = (bytes: Buffer | null): Buffer =>
    bytes === null ? number(-1, 4) : Buffer.concat([number(bytes.length, 4), bytes]);
  return createHash('sha256')
    .update(Buffer.from(digest, 'hex'))
    .update(number(each.offset, 8))
    .update(number(each.recordedMs, 8))
    .update(prefixed(each.origin === null ? null : Buffer.from(each.origin)))
    .update(prefixed(Buffer.from(each.project)))
    .update(prefixed(each.previous === null ? null : Buffer.from(each.previous, 'hex')))
    .update(Buffer.from(each.chain, 'hex'))
    .digest('hex');
}

const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const stubs = fc.record({
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  recordedMs: fc.nat(Number.MAX_SAFE_INTEGER),
  origin: fc.option(fc.string({ maxLength: 12 }), { nil: null }),
  project: fc.string({ maxLength: 12 }),
  previous: fc.option(hashes, { nil: null }),
  chain: hashes,
});

test('the digests of a known stub do not change from version to version', () => {
  expect(stubDigestStart(closing)).toBe('90e108b1c984345035404be17e32c114f8ec8da689c7fffda5ec8e2443b07d54');
  expect(stubDigestNext(stubDigestStart(closing), stub)).toBe(
    'cd7e80ddb0188829be0aed65674ce22092a777657710bb3a4759cfecb24efc01',
  );
});

test('the digest is the definition', () => {
  fc.assert(
    fc.property(hashes, stubs, (digest, each) => {
      expect(stubDigestNext(digest, each)).toBe(slowNext(digest, each));
    }),
  );
});

test('two different stubs never come to one digest, nor do two closings begin with one', () => {
  fc.assert(
    fc.property(stubs, stubs, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      fc.pre([a, b].every((each) => each.project.isWellFormed() && (each.origin ?? '').isWellFormed()));
      const start = stubDigestStart(closing);
      expect(stubDigestNext(start, a)).not.toBe(stubDigestNext(start, b));
    }),
  );
  const others: readonly Partial<StubClosing>[] = [
    {},
    { environment: 'test' },
    { topic: 'live.attempts' },
    { partition: 4 },
    { day: '2026-02-01' },
    { class: 'gold' },
  ];
  const starts = others.map((other) => stubDigestStart({ ...closing, ...other }));
  expect(new Set(starts).size).toBe(others.length);
});
