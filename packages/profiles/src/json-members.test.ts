import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { jsonMembers, jsonText, memberOf } from './json-members.ts';

describe('jsonMembers', () => {
  it('cuts out every member as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 2), (object, indent) => {
        const members = jsonMembers(Buffer.from(JSON.stringify(object, null, indent)));
        const read = members?.map(({ key, raw }) => [key, JSON.parse(Buffer.from(raw).toString())] as const);
        expect(read).toEqual(Object.entries(JSON.parse(JSON.stringify(object)) as object));
      }),
    );
  });

  it('keeps the bytes of a value', () => {
    const members = jsonMembers(Buffer.from('{ "\\u0061" : [1998600000000026050, {"}":"]\\""}] , "b":-1.50}')) ?? [];
    expect(members.map(({ key, raw }) => [key, Buffer.from(raw).toString()])).toEqual([
      ['a', '[1998600000000026050, {"}":"]\\""}]'],
      ['b', '-1.50'],
    ]);
  });

  it('tells a key that stands twice, also when it is spelled differently', () => {
    const members = jsonMembers(Buffer.from('{"a":1,"\\u0061":2,"b":3}')) ?? [];
    expect(memberOf(members, 'a')).toBe('repeated');
    expect(memberOf(members, 'c')).toBeUndefined();
    expect(Buffer.from(memberOf(members, 'b') as Uint8Array).toString()).toBe('3');
  });

  it('says undefined of anything but an object, and never throws', () => {
    for (const text of ['', '[]', '"a"', '7', '{', '{"a"', '{"a":', '{"a":1', '{a:1}', '{"a":1,}', '{"\\x":1}']) {
      expect(jsonMembers(Buffer.from(text))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => jsonMembers(bytes)).not.toThrow();
        expect(() => jsonText(bytes)).not.toThrow();
      }),
    );
  });
});
