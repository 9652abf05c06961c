import { createCipheriv, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEnvelope,
  encodeEnvelope,
  open,
  placeBytes,
  seal,
  sealedPart,
  type SecretPlace,
} from './secret-envelope.ts';

const key = randomBytes(32);
const place: SecretPlace = { environment: 'live', project: 'p', endpoint: 'e', id: 'k1', purpose: 'signing' };

describe('sealing', () => {
  test('gives back any bytes with the same key and place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
        const sealed = seal(key, plain, placeBytes(place), randomBytes);
        expect(sealed.length).toBe(12 + plain.length + 16);
        expect(open(key, sealed, placeBytes(place))?.equals(plain)).toBe(true);
      }),
    );
  });

  test('takes a fresh IV every time', () => {
    const ivs = Array.from({ length: 50 }, () =>
      seal(key, Buffer.from('x'), Buffer.alloc(0), randomBytes).toString('hex', 0, 12),
    );
    expect(new Set(ivs).size).toBe(50);
  });

  test('opens with the test case 16 of the GCM specification', () => {
    const hex = (text: string): Buffer => Buffer.from(text, 'hex');
    const plain = hex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const sealed = hex(
      'cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
    );
    const vectorKey = hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const additional = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    expect(open(vectorKey, sealed, additional)).toEqual(plain);
    expect(seal(vectorKey, plain, additional, () => sealed.subarray(0, 12))).toEqual(sealed);
  });

  test('does not open with any single bit changed', () => {
    const sealed = seal(key, Buffer.from('secret'), placeBytes(place), randomBytes);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(open(key, changed, placeBytes(place))).toBeUndefined();
    }
  });

  test('does not open when it was cut, not even to a tag of 4 bytes that would be right', () => {
    const sealed = seal(key, Buffer.from('secret'), placeBytes(place), randomBytes);
    for (let length = 0; length < sealed.length; length += 1)
      expect(open(key, sealed.subarray(0, length), placeBytes(place))).toBeUndefined();
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 4 }).setAAD(placeBytes(place));
    const short = Buffer.concat([iv, cipher.update('a secret of many bytes'), cipher.final(), cipher.getAuthTag()]);
    expect(open(key, short, placeBytes(place))).toBeUndefined();
  });

  test('does not open with another key, or one of another length', () => {
    const sealed = seal(key, Buffer.from('secret'), placeBytes(place), randomBytes);
    expect(open(randomBytes(32), sealed, placeBytes(place))).toBeUndefined();
    expect(open(key.subarray(0, 16), sealed, placeBytes(place))).toBeUndefined();
  });
});

test.each(Object.keys(place) as (keyof SecretPlace)[])('a secret moved to another %s does not open', (part) => {
  const sealed = seal(key, Buffer.from('secret'), placeBytes(place), randomBytes);
  expect(open(key, sealed, placeBytes({ ...place, [part]: `${place[part]}x` }))).toBeUndefined();
});

test('no two places have the same bytes', () => {
  const part = fc.string({ maxLength: 6 });
  const places = fc.record({ environment: part, project: part, endpoint: part, id: part, purpose: part });
  fc.assert(
    fc.property(places, places, (a, b) => {
      const same = JSON.stringify(Object.values(a)) === JSON.stringify(Object.values(b));
      expect(placeBytes(a).equals(placeBytes(b))).toBe(same);
    }),
  );
  // Text moved over a border is the case that joining without lengths gets wrong.
  expect(placeBytes({ ...place, project: 'ab', endpoint: 'c' })).not.toEqual(
    placeBytes({ ...place, project: 'a', endpoint: 'bc' }),
  );
});

describe('the text form', () => {
  const envelope = { wrappedDataKey: randomBytes(60), sealed: randomBytes(12 + 32 + 16) };
  const text = encodeEnvelope(envelope);

  test('comes back as it was written', () => {
    expect(text).toMatch(/^v1\.[\w-]+\.[\w-]+$/);
    expect(decodeEnvelope(text)).toEqual(envelope);
    expect(sealedPart(text)).toBe(envelope.sealed.toString('base64url'));
  });

  test.each([
    ['nothing', ''],
    ['another version', text.replace('v1.', 'v2.')],
    ['a part too few', text.slice(0, text.lastIndexOf('.'))],
    ['a part too many', `${text}.AAAA`],
    ['an empty part', 'v1..AAAA'],
    ['padding', `${text}=`],
    ['a line end', `${text}\n`],
    ['base64 in place of base64url', `v1.AA+A.${'A'.repeat(80)}`],
    ['bits that are left over', `v1.AB.${'A'.repeat(80)}`],
    ['a secret of 0 bytes', encodeEnvelope({ ...envelope, sealed: randomBytes(28) })],
    ['a secret over the limit', encodeEnvelope({ ...envelope, sealed: randomBytes(28 + 8_193) })],
    ['a data key over the limit', encodeEnvelope({ ...envelope, wrappedDataKey: randomBytes(1_025) })],
  ])('refuses %s', (_, wrong) => {
    expect(decodeEnvelope(wrong)).toBeUndefined();
  });

  test('never throws on garbage', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (garbage) => void decodeEnvelope(garbage)));
  });
});
