import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedJson, JsonDocument } from './json-slice.ts';

describe('JsonDocument', () => {
  // The document of RFC 6901, section 5.
  const document = new JsonDocument(
    '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}',
  );

  it.each([
    ['/foo', '["bar","baz"]'],
    ['/foo/0', '"bar"'],
    ['/', '0'],
    ['/a~1b', '1'],
    ['/c%d', '2'],
    ['/e^f', '3'],
    ['/g|h', '4'],
    ['/i\\j', '5'],
    ['/k"l', '6'],
    ['/ ', '7'],
    ['/m~0n', '8'],
  ])('finds %s', (pointer, raw) => {
    expect(document.at(pointer)).toMatchObject({ raw });
  });

  it.each(['/nothing', '/foo/2', '/foo/-', '/foo/bar', '/foo/0/x', '/a~1b/x'])('finds nothing at %s', (pointer) => {
    expect(document.at(pointer)).toBeUndefined();
  });

  it('takes ~01 for ~1, not for a slash', () => {
    expect(new JsonDocument('{"~1":1,"/":2}').at('/~01')).toMatchObject({ raw: '1' });
  });

  it('calls a key that stands twice ambiguous, also where it is on the way, and leaves the others alone', () => {
    const twice = new JsonDocument('{"a":{"x":1},"a":{"x":2},"b":{"c":1,"c":1},"d":3}');
    expect([twice.at('/a'), twice.at('/a/x'), twice.at('/b/c')]).toEqual(['ambiguous', 'ambiguous', 'ambiguous']);
    expect(twice.at('/d')).toMatchObject({ raw: '3' });
    expect(twice.at('/b')).toMatchObject({ raw: '{"c":1,"c":1}' });
  });

  it('cuts the text of a member out as it stands, whatever surrounds it', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), fc.constantFrom('', ' ', '\n', '\t '), (before, wanted, space) => {
        const text = `{${space}"x":${before}${space},"want"${space}:${space}${wanted}${space}}`;
        const found = new JsonDocument(text).at('/want');
        expect(found).toMatchObject({ raw: wanted });
      }),
    );
  });
});

describe('checkedJson', () => {
  it('gives the text of good JSON unchanged', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(checkedJson(Buffer.from(json), 1_000)).toEqual({ ok: true, text: json });
      }),
    );
  });

  it('agrees with the parser about what is JSON, for texts with one character changed', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, put) => {
        const text = json.slice(0, at % (json.length + 1)) + put + json.slice((at % (json.length + 1)) + 1);
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        expect(checkedJson(Buffer.from(text), 1_000).ok).toBe(valid);
      }),
    );
  });
});
