import fc from 'fast-check';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { buildEnvoyToken, envoyTokenMatches, parseEnvoyToken } from './envoy-token.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const sig = Buffer.alloc(32, 2).toString('base64url');
const nonce = Buffer.alloc(16, 3).toString('base64url');

const read = (text: string) => {
  const parsed = parseEnvoyToken(text);
  return parsed.ok ? parsed.token : parsed.reason;
};

describe('buildEnvoyToken', () => {
  it.each(vectors.envoy)(
    'gives the known answer over $headers',
    ({ secretHex, nonce: given, headers, sig: expected }) => {
      const pairs = headers.map(([name = '', value = '']) => [name, value] as const);
      const token = buildEnvoyToken({
        key: createSecretKey(Buffer.from(secretHex, 'hex')),
        kid: '01JT4B3R5Z6AHJXV87QHPPKRBM',
        nonce: Buffer.from(given, 'base64url'),
        headers: pairs,
        separator: ';',
      });
      const names = pairs.map(([name]) => name).join(';');
      expect(token).toBe(`HMAC sig=${expected}, nonce=${given}, headers=${names}, kid=01JT4B3R5Z6AHJXV87QHPPKRBM`);
    },
  );

  it('makes what the parser reads and the check accepts, with either separator', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([n]) => n, minLength: 1 }),
        fc.constantFrom(';', ','),
        (headers, separator) => {
          const text = buildEnvoyToken({ key, kid: 'k', nonce: randomBytes(16), headers, separator });
          const parsed = parseEnvoyToken(text);
          if (!parsed.ok) throw new Error(parsed.reason);
          expect(parsed.token.headers).toEqual(headers.map(([n]) => n));
          const values = new Map(headers);
          expect(envoyTokenMatches(parsed.token, key, (n) => values.get(n))).toBe(true);
          expect(envoyTokenMatches(parsed.token, createSecretKey(Buffer.alloc(32)), (n) => values.get(n))).toBe(false);
          expect(envoyTokenMatches(parsed.token, key, (n) => `${values.get(n) ?? ''}x`)).toBe(false);
        },
      ),
    );
  });
});

describe('parseEnvoyToken', () => {
  it('reads the parts in any order, trimmed, with unknown ones and empty items between', () => {
    const expected = { kid: 'k-1', headers: ['a', 'b'] };
    for (const text of [
      `HMAC sig=${sig}, nonce=${nonce}, headers=a;b, kid=k-1`,
      `HMAC kid=k-1,headers=A ; b,,nonce=${nonce} ,sig= ${sig}`,
      `HMAC =x, sig=${sig},v=2,nonce=${nonce},headers=a,b,kid=k-1,`,
      `HMAC sig=${sig}, nonce=${nonce}, headers=;a, ,b;, kid=k-1`,
    ]) {
      expect(read(text)).toMatchObject(expected);
    }
  });

  it('continues the list of headers over parts without a value, and no other part', () => {
    expect(read(`HMAC headers=a,b,c;d, sig=${sig}, nonce=${nonce}, kid=k`)).toMatchObject({
      headers: ['a', 'b', 'c', 'd'],
    });
    expect(read(`HMAC headers=a, kid=k, b, sig=${sig}, nonce=${nonce}`)).toBe('has a part without a value');
  });

  it.each([
    ['', 'does not begin with HMAC'],
    ['Bearer x', 'does not begin with HMAC'],
    ['hmac sig=x', 'does not begin with HMAC'],
    ['HMAC ', 'has no sig'],
    [`HMAC sig=${sig}, nonce=${nonce}, headers=a`, 'has no kid'],
    [`HMAC sig=${sig}, nonce=${nonce}, headers=a, kid=`, 'has no kid'],
    [`HMAC sig=${sig}, nonce=${nonce}, headers=;;, kid=k`, 'has no headers'],
    [`HMAC sig=${sig}, headers=a, kid=k`, 'has no nonce'],
    [`HMAC sig=${sig}=, nonce=${nonce}, headers=a, kid=k`, 'has a sig that is not base64url without padding'],
    [`HMAC sig=a+/b, nonce=${nonce}, headers=a, kid=k`, 'has a sig that is not base64url without padding'],
    [`HMAC sig=${sig}, nonce=AB, headers=a, kid=k`, 'has a nonce that is not base64url without padding'],
    [`HMAC sig=${sig}, sig=${sig}, nonce=${nonce}, headers=a, kid=k`, 'has sig twice'],
  ])('says of %j: %s', (text, reason) => {
    expect(read(text)).toBe(reason);
  });

  it('never throws on garbage, and a signature of the wrong length is no match', () => {
    const part = fc.constantFrom('sig=', 'nonce=', 'headers=', 'kid=', ',', ';', '=', ' ', 'AAAA', '__proto__=x');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => `HMAC ${parts.join('')}`),
        ),
        (text) => {
          const parsed = parseEnvoyToken(text);
          expect(parsed.ok && envoyTokenMatches(parsed.token, key, () => undefined)).toBe(false);
        },
      ),
    );
  });
});
