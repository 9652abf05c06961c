import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isInRange, parseAddressRange, parseIpAddress } from './ip-address.ts';

const hextets = fc.array(fc.oneof(fc.nat(0xffff), fc.constant(0)), { minLength: 8, maxLength: 8 });
const valueOf = (parts: readonly number[]): bigint => parts.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n);

describe('parseIpAddress', () => {
  it('reads every spelling of an IPv6 address as the same number', () => {
    fc.assert(
      fc.property(hextets, (parts) => {
        const value = valueOf(parts);
        const full = parts.map((part) => part.toString(16).padStart(4, '0')).join(':');
        const short = new URL(`https://[${full}]/`).hostname.slice(1, -1);
        const [high = 0, low = 0] = parts.slice(6);
        const tail = [high >> 8, high & 255, low >> 8, low & 255].join('.');
        const mixed = `${parts
          .slice(0, 6)
          .map((part) => part.toString(16))
          .join(':')}:${tail}`;
        for (const text of [full, full.toUpperCase(), short, mixed]) {
          expect([text, parseIpAddress(text)]).toEqual([text, { family: 6, value }]);
        }
      }),
    );
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '0x1.2.3.4',
    ' 1.2.3.4',
    '::g',
    '1::2::3',
    'fe80::1%lo',
    '[::1]',
  ])('does not read %j', (text) => expect(parseIpAddress(text)).toBeUndefined());
});

describe('an address range', () => {
  it('holds its first and last address and none beside them', () => {
    fc.assert(
      fc.property(hextets, fc.integer({ min: 1, max: 128 }), (parts, prefixBits) => {
        const size = 1n << BigInt(128 - prefixBits);
        const value = (valueOf(parts) / size) * size;
        const range = { family: 6 as const, value, prefixBits };
        expect(isInRange({ family: 6, value }, range)).toBe(true);
        expect(isInRange({ family: 6, value: value + size - 1n }, range)).toBe(true);
        expect(isInRange({ family: 6, value: value + size }, range)).toBe(false);
        expect(isInRange({ family: 6, value: value === 0n ? size : value - 1n }, range)).toBe(false);
      }),
    );
  });

  it('never holds an address of the other family', () => {
    const all = parseAddressRange('::/0');
    const one = parseIpAddress('1.1.1.1');
    expect(all !== undefined && one !== undefined && isInRange(one, all)).toBe(false);
  });
});
