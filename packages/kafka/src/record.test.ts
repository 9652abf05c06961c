import { describe, expect, test } from 'vitest';
import { fromDriver, headerText, safeInteger, toDriver } from './record.ts';

const driverRecord = {
  offset: '9007199254740991',
  timestamp: '1700000000000',
  key: null,
  value: Buffer.from('body'),
  headers: { one: Buffer.from('1'), none: null, twice: [Buffer.from('a'), null, Buffer.from('b')] },
  isControlRecord: false,
  batchContext: { firstOffset: '0', lastOffsetDelta: 0, producerId: '-1', inTransaction: false },
};

describe('records', () => {
  test('keep every occurrence of a header: absent, without value, and repeated stay apart', () => {
    const { headers } = fromDriver('t', 3, driverRecord);
    expect(headers.get('absent')).toBeUndefined();
    expect(headers.get('none')).toEqual([null]);
    expect(headers.get('twice')).toEqual([Buffer.from('a'), null, Buffer.from('b')]);
    expect([
      headerText(headers, 'one'),
      headerText(headers, 'none'),
      headerText(headers, 'twice'),
      headerText(headers, 'absent'),
    ]).toEqual(['1', undefined, 'b', undefined]);
  });

  test('do not keep the fetch response alive: the value is a copy', () => {
    const response = Buffer.alloc(1_000_000, 'x');
    const { value } = fromDriver('t', 0, { ...driverRecord, value: response.subarray(10, 20) });
    expect(value?.toString()).toBe('xxxxxxxxxx');
    expect(value?.buffer).not.toBe(response.buffer);
  });

  test('an offset that a number cannot hold is refused, not rounded', () => {
    expect(fromDriver('t', 0, driverRecord).offset).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => safeInteger('9007199254740993', 'offset')).toThrow('not a safe integer');
  });

  test('are appended with the headers they were read with, a null value included', () => {
    const { headers } = fromDriver('t', 0, driverRecord);
    const { message, bytes } = toDriver({ topic: 't', partition: 0, key: 'k', value: null, headers });
    expect({ ...message.headers }).toEqual({
      one: [Buffer.from('1')],
      none: [null],
      twice: [Buffer.from('a'), null, Buffer.from('b')],
    });
    expect(bytes).toBeGreaterThan(10);
  });
});
