import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compactJson, survivesDouble } from './compact-json.ts';

const compact = (text: string, bigNumbers: 'digits' | 'string' = 'digits'): string =>
  compactJson(Buffer.from(text), bigNumbers).toString();

describe('compactJson', () => {
  it('is what JSON.stringify gives, for everything that JSON.parse keeps', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(' ', '\n', '\t'), (value, space) => {
        expect(compact(JSON.stringify(value, null, space))).toBe(JSON.stringify(value));
      }),
    );
  });

  it('keeps every token that a parser would change', () => {
    expect(compact('{ "a" : 1.0 , "a":-0,"b":1E+2, "c":"\\u0041\\/ \\\\" , "d" : 12345678901234567890 }')).toBe(
      '{"a":1.0,"a":-0,"b":1E+2,"c":"\\u0041\\/ \\\\","d":12345678901234567890}',
    );
  });

  it('puts numbers in quotes that a double would change, and no digit inside of text', () => {
    expect(
      compact('[1998600000000026050,-9007199254740992, 9007199254740991,1e400,0.1,"9007199254740993"]', 'string'),
    ).toBe('["1998600000000026050","-9007199254740992",9007199254740991,"1e400",0.1,"9007199254740993"]');
    expect(compact('1e999', 'string')).toBe('"1e999"');
  });

  it('is never cut short by its quotes', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n })), (numbers) => {
        const given = numbers.map(String);
        const read = JSON.parse(compact(`[${given.join(', ')}]`, 'string')) as unknown[];
        expect(read.map(String)).toEqual(given);
      }),
    );
  });

  it('ends on whatever it is given', () => {
    for (const text of ['', '"', '"\\', '-', '[1', '{"a"', 'nul'])
      expect(typeof compact(text, 'string')).toBe('string');
  });
});

it.each([
  ['0', true],
  ['-0', true],
  ['1e2', true],
  ['1.0', true],
  ['0.30000000000000004', true],
  ['0.3000000000000000444', false],
  ['1e-999', false],
  ['9007199254740991', true],
  ['9007199254740992', false],
  ['20000000000000000000', false],
] as const)('the number %s survives a double: %s', (token, survives) => {
  expect(survivesDouble(token)).toBe(survives);
});
