import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import { checkReply, type EnvoyReplyInput } from './envoy-reply.ts';
import { replyBytesMax } from './limits.ts';

const transactionId = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
const payload = (inner: object): object => ({
  identity: { originator: { n: 1 } },
  ...inner,
  sent_at: '2024-08-07T15:50:54Z',
});
const pending = payload({ pending: { reply_by: 'x' } });
const transaction = payload({ transaction: { txid: '0x1' } });
const rejection = { code: 90, message: 'no', retry: false };
const repair = { code: 91, message: 'mend', retry: true };

function check(reply: unknown, change: Partial<EnvoyReplyInput> = {}): string {
  const json =
    typeof reply === 'string' ? reply : JSON.stringify({ transaction_id: transactionId, ...(reply as object) });
  const result = checkReply({
    status: 200,
    contentType: 'application/json; charset=utf-8',
    contentEncoding: undefined,
    bytes: Buffer.from(json),
    request: { transactionId },
    ...change,
  });
  return result.ok ? `ok ${result.reply.transferAction}` : result.reason;
}

describe('a reply', () => {
  it.each([
    ['PENDING', { payload: pending }],
    ['REVIEW', { payload: transaction }],
    ['ACCEPTED', { payload: transaction }],
    ['COMPLETED', { payload: transaction }],
    ['REPAIR', { error: repair }],
    ['REJECTED', { error: rejection }],
    ['REJECTED', { error: { code: 90 } }],
  ])('%s is accepted with what it needs', (action, holds) => {
    expect(check({ ...holds, transfer_action: action })).toBe(`ok ${action}`);
  });

  it.each([
    ['PENDING', { payload: transaction }, 'PENDING needs payload.pending'],
    ['PENDING', { error: repair }, 'PENDING needs payload.pending'],
    ['REVIEW', { payload: pending }, 'REVIEW needs payload.transaction'],
    ['ACCEPTED', { payload: pending }, 'ACCEPTED needs payload.transaction'],
    ['COMPLETED', { error: rejection }, 'COMPLETED needs payload.transaction'],
    ['REPAIR', { error: rejection }, 'REPAIR needs error.retry = true'],
    ['REPAIR', { payload: transaction }, 'REPAIR needs error.retry = true'],
    ['REJECTED', { error: repair }, 'REJECTED needs error.retry = false'],
    ['REJECTED', { payload: transaction }, 'REJECTED needs error.retry = false'],
  ])('%s that holds something else is refused when strict, and taken when lenient', (action, holds, reason) => {
    expect(check({ ...holds, transfer_action: action })).toBe(reason);
    expect(check({ ...holds, transfer_action: action }, { options: { reply: 'lenient' } })).toBe(`ok ${action}`);
  });

  it.each([
    [{ payload: pending }, 'PENDING'],
    [{ payload: transaction }, 'REVIEW'],
    [{ error: repair }, 'REPAIR'],
    [{ error: rejection }, 'REJECTED'],
  ])('without an action is refused when strict, and inferred when lenient: %j', (holds, action) => {
    for (const none of [{}, { transfer_action: '' }, { transfer_action: null }]) {
      expect(check({ ...holds, ...none })).toBe('transfer_action is missing');
      expect(check({ ...holds, ...none }, { options: { reply: 'lenient' } })).toBe(`ok ${action}`);
    }
  });

  it.each([
    [{ error: rejection, payload: transaction }, 'reply: has both error and payload'],
    [{}, 'reply: has neither error nor payload'],
    [{ error: null, payload: {} }, 'reply: has neither error nor payload'],
    [{ error: { code: 0, message: '', retry: false } }, 'reply: has neither error nor payload'],
    [{ payload: { identity: {}, pending: {}, transaction: {}, sent_at: '' } }, 'reply: has neither error nor payload'],
    [{ payload: { transaction: { a: 1 } } }, 'reply: payload has no identity'],
    [{ payload: payload({}) }, 'reply: payload has neither pending nor transaction'],
    [
      { payload: payload({ pending: { a: 1 }, transaction: { b: 1 } }) },
      'reply: payload has both pending and transaction',
    ],
    [{ payload: 'x' }, 'reply: payload is not an object'],
    [{ error: [], payload: transaction }, 'reply: error is not an object'],
    [{ error: { code: 1.5 } }, 'reply: error.code is not an int32'],
    [{ error: { code: 1, retry: 'yes' } }, 'reply: error.retry is not a boolean'],
    [{ payload: transaction, transfer_action: 'APPROVED' }, 'transfer_action is not known'],
    [{ payload: transaction, transfer_action: 7 }, 'transfer_action is not text'],
    [{ payload: transaction, transaction_id: transactionId.replace('d', 'e') }, 'transaction_id does not match'],
    [{ payload: transaction, transaction_id: undefined }, 'transaction_id is missing'],
  ])('%j is refused: %s', (reply, reason) => {
    expect(check({ transfer_action: 'REVIEW', ...reply })).toBe(reason);
  });

  it('counts an empty error beside a payload as absent, and the other way round', () => {
    expect(check({ error: {}, payload: transaction, transfer_action: 'REVIEW' })).toBe('ok REVIEW');
    expect(check({ error: rejection, payload: { identity: {} }, transfer_action: 'REJECTED' })).toBe('ok REJECTED');
  });

  it.each([
    ['', 'reply is empty'],
    ['{', 'reply is not JSON'],
    ['[]', 'reply is not an object'],
    ['null', 'reply is not an object'],
    [`{"transaction_id":"${transactionId}","transaction_id":"x"}`, 'reply has transaction_id twice'],
  ])('%j is refused: %s', (text, reason) => {
    expect(check(text)).toBe(reason);
  });

  it('must be UTF-8', () => {
    expect(check('', { bytes: Buffer.from([0x22, 0xff, 0x22]) })).toBe('reply is not UTF-8');
  });

  it('keeps every digit', () => {
    const json = `{"transaction_id":"${transactionId}","payload":{"identity":{"n":1998600000000026050},"transaction":{"a":1}},"transfer_action":"REVIEW"}`;
    const result = checkReply({
      status: 200,
      contentType: 'application/json',
      contentEncoding: '',
      bytes: Buffer.from(json),
      request: { transactionId: transactionId.toUpperCase() },
    });
    expect(result).toEqual({ ok: true, reply: { transactionId, transferAction: 'REVIEW', json } });
  });

  const good = { payload: transaction, transfer_action: 'REVIEW' };

  it('has status 200, or any 2xx on request, but never 204', () => {
    expect(check(good, { status: 201 })).toBe('status 201');
    expect(check(good, { status: 401, options: { any2xx: true } })).toBe('status 401');
    expect(check(good, { status: 201, options: { any2xx: true } })).toBe('ok REVIEW');
    expect(check('', { status: 204, options: { any2xx: true } })).toBe('status 204 has no reply');
  });

  it('has a JSON content type in UTF-8', () => {
    for (const type of ['application/json', 'Application/JSON;charset="UTF-8"', 'application/json ; q=1']) {
      expect(check(good, { contentType: type })).toBe('ok REVIEW');
    }
    for (const type of [undefined, '', 'text/plain', 'application/json5', 'application/json; charset=latin1']) {
      expect(check(good, { contentType: type })).toBe('content type is not application/json');
    }
  });

  const compressors = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

  it.each(Object.entries(compressors))(
    'may be compressed with %s, and is bounded after decompression',
    (encoding, compress) => {
      const json = Buffer.from(JSON.stringify({ transaction_id: transactionId, ...good }));
      expect(check('', { contentEncoding: encoding.toUpperCase(), bytes: compress(json) })).toBe('ok REVIEW');
      const bomb = compress(Buffer.alloc(4 * 1024 * 1024, 0x20));
      expect(bomb.length).toBeLessThan(replyBytesMax);
      expect(check('', { contentEncoding: encoding, bytes: bomb })).toBe(`reply is larger than ${replyBytesMax} bytes`);
      expect(check('', { contentEncoding: encoding, bytes: json })).toBe('reply cannot be decompressed');
      expect(check('', { contentEncoding: encoding, bytes: compress(json).subarray(0, -4) })).toBe(
        'reply cannot be decompressed',
      );
    },
  );

  it('may be a bare deflate stream; other codings and too many bytes are refused', () => {
    const json = Buffer.from(JSON.stringify({ transaction_id: transactionId, ...good }));
    expect(check('', { contentEncoding: 'deflate', bytes: deflateRawSync(json) })).toBe('ok REVIEW');
    for (const contentEncoding of ['zstd', 'gzip, br', 'compress']) {
      expect(check(good, { contentEncoding })).toBe('reply has a content encoding that was not asked for');
    }
    expect(check('', { bytes: Buffer.alloc(11), bytesMax: 10 })).toBe('reply is larger than 10 bytes');
  });

  it('never makes the check throw', () => {
    expect(check('['.repeat(200_000))).toBe('reply is not JSON');
    const deep = `{"identity":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}},"transaction":{"b":1}}`;
    expect(check(`{"transaction_id":"${transactionId}","payload":${deep},"transfer_action":"REVIEW"}`)).toBe(
      'ok REVIEW',
    );
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('gzip', 'deflate', 'br', ''), (bytes, contentEncoding) => {
        expect(check('', { bytes, contentEncoding })).not.toMatch(/^ok/);
      }),
    );
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => void check(JSON.stringify({ transaction_id: transactionId, payload: value })),
      ),
    );
  });
});
