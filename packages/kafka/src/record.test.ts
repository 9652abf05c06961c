import { describe, expect, test } from 'vitest';
import { headerText, safeInteger } from './record.ts';

describe('records', () => {
  test('a header that is absent, without value, and repeated stay apart', () => {
    const headers = new Map([
      ['one', [Buffer.from('1')]],
      ['none', [null]],
      ['twice', [Buffer.from('a'), null, Buffer.from('b')]],
    ]);
    const texts = ['one', 'none', 'twice', 'absent'].map((name) => headerText(headers, name));
    expect(texts).toEqual(['1', undefined, 'b', undefined]);
  });

  test('an offset that a number cannot hold is refused, not rounded', () => {
    expect(safeInteger('9007199254740991', 'offset')).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => safeInteger('9007199254740993', 'offset')).toThrow('not a safe integer');
  });
});
