import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createEgressGuard, type EgressGuard } from './egress-guard.ts';
import { readEgressPolicy, type EgressSettings } from './egress-policy.ts';
import type { ConnectTarget } from './resolver.ts';

interface Vectors {
  readonly refuseAtRegistration: readonly { readonly url: string; readonly why: string }[];
  readonly allowAtRegistration: readonly { readonly url: string; readonly canonical: string }[];
  readonly refuseAtConnect: readonly string[];
  readonly allowAtConnect: readonly string[];
}

const vectors = JSON.parse(readFileSync(new URL('../test-vectors/ssrf.json', import.meta.url), 'utf8')) as Vectors;

function guardWith(settings: Partial<EgressSettings> = {}): EgressGuard {
  const read = readEgressPolicy({ environment: 'live', ...settings });
  if (!read.ok) throw new Error(read.problems.join('; '));
  return createEgressGuard(read.policy);
}

const strict = guardWith();
const isForbidden = (address: string): boolean => !strict.checkAddress(address).allowed;

/** Written from the registries once more, by first and last address, so that a slip in the source has no twin here. */
const forbiddenV4: readonly (readonly [first: string, last: string])[] = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['168.63.129.16', '168.63.129.16'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.31.196.0', '192.31.196.255'],
  ['192.52.193.0', '192.52.193.255'],
  ['192.88.99.0', '192.88.99.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['192.175.48.0', '192.175.48.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '255.255.255.255'],
];
const forbiddenV6: readonly (readonly [first: string, last: string])[] = [
  ['::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

const oracle = new BlockList();
for (const [first, last] of forbiddenV4) oracle.addRange(first, last, 'ipv4');
for (const [first, last] of forbiddenV6) oracle.addRange(first, last, 'ipv6');

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
const numberOf = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const hextets = (parts: readonly number[]): string => parts.map((part) => part.toString(16)).join(':');

const anyV4 = fc.nat(0xffff_ffff).map(dotted);
const hextet = fc.nat(0xffff);
const hextetsOf = (length: number) => fc.array(hextet, { minLength: length, maxLength: length });

describe('at registration', () => {
  it.each(vectors.refuseAtRegistration)('refuses $url ($why)', ({ url }) => {
    expect(strict.checkUrl(url)).toMatchObject({ allowed: false });
  });

  it.each(vectors.allowAtRegistration)('allows $url as $canonical', ({ url, canonical }) => {
    expect(strict.checkUrl(url)).toEqual({ allowed: true, href: canonical, host: new URL(canonical).hostname });
  });

  it.each([
    ['https://exam\u0000ple.com/', 'forbidden-character'],
    ['https://example.com/a\u00a0b', 'forbidden-character'],
    ['https:///example.com/', 'not-a-host-name'],
    ['https://@example.com/', 'user-info'],
    ['https://:@example.com/', 'user-info'],
    ['https://example.com#', 'fragment'],
    ['https://example.com?q#f', 'fragment'],
    ['https://example.com:0/', 'port-not-allowed'],
    ['https://example.com:80/', 'port-not-allowed'],
    ['https://example.com:99999/', 'unreadable'],
    ['https://example.com./', 'trailing-dot'],
    ['https://example/', 'special-name'],
    ['https://hook.EXAMPLE/', 'special-name'],
    ['https://a.home.arpa/', 'special-name'],
    ['https://1.0.0.127.in-addr.arpa/', 'special-name'],
    ['https://ⓛocalhost/', 'special-name'],
    ['https://a.intranet/', 'special-name'],
    ['https://a_b.example.com/', 'not-a-host-name'],
    ['https://a-.example.com/', 'not-a-host-name'],
    ['https://ex%61mple.com/', 'not-a-host-name'],
    [`https://${'a'.repeat(64)}.com/`, 'not-a-host-name'],
    [`https://${'a.'.repeat(127)}com/`, 'not-a-host-name'],
    ['https://a^b.com/', 'unreadable'],
    ['https://[::1%25lo]/', 'not-a-host-name'],
    [`https://example.com/${'a'.repeat(2_048)}`, 'too-long'],
    // Within the limit as written, beyond it in the canonical form that would be stored.
    [`https://example.com/${'é'.repeat(700)}`, 'too-long'],
  ])('refuses %j as %s', (url, reason) => {
    expect(strict.checkUrl(url)).toEqual({ allowed: false, reason });
  });

  it('stores an international name in its ASCII form', () => {
    expect(strict.checkUrl('https://Bücher.Example.COM/ä')).toEqual({
      allowed: true,
      href: 'https://xn--bcher-kva.example.com/%C3%A4',
      host: 'xn--bcher-kva.example.com',
    });
  });

  it('judges any text without throwing, and allows only what it would allow again as the same', () => {
    const urlLike = fc.tuple(fc.constantFrom('https://', 'HTTPS://', 'https:/', ''), fc.string({ unit: 'binary' }));
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl({ validSchemes: ['https'] }),
      urlLike.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (raw) => {
        const check = strict.checkUrl(raw);
        if (!check.allowed) return;
        expect(strict.checkUrl(check.href)).toEqual(check);
        const parsed = new URL(check.href);
        expect(parsed.hostname).toBe(check.host);
        expect(check.host).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
        expect(parsed.port).toBe('');
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses every spelling of every IPv4 address', () => {
    const part = (value: number, radix: 8 | 10 | 16): string =>
      radix === 16 ? `0x${value.toString(16)}` : `${radix === 8 ? '0' : ''}${value.toString(radix)}`;
    const radix = fc.constantFrom(8 as const, 10 as const, 16 as const);
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.integer({ min: 1, max: 4 }),
        fc.array(radix, { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (value, count, radixes, dot) => {
          const head = [24, 16, 8].slice(0, count - 1).map((shift) => Math.floor(value / 2 ** shift) % 256);
          const parts = [...head, value % 2 ** (8 * (5 - count))].map((each, index) =>
            part(each, radixes[index] ?? 10),
          );
          expect(strict.checkUrl(`https://${parts.join('.')}${dot ? '.' : ''}/`)).toEqual({
            allowed: false,
            reason: 'ip-literal',
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes what a deployment allows: its hosts by name, its ports, and literals of its ranges', () => {
    const guard = guardWith({
      environment: 'test',
      allowHosts: ['Receiver.example=127.0.0.1'],
      allowPorts: ['8443', '9000-9010'],
      allowCidrs: ['10.1.0.0/16', 'fd00::/8'],
    });
    expect(guard.checkUrl('https://receiver.EXAMPLE:8443/')).toMatchObject({ allowed: true, host: 'receiver.example' });
    expect(guard.checkUrl('https://other.example/')).toEqual({ allowed: false, reason: 'special-name' });
    expect(guard.checkUrl('https://receiver.example:9010/')).toMatchObject({ allowed: true });
    expect(guard.checkUrl('https://receiver.example:9011/')).toEqual({ allowed: false, reason: 'port-not-allowed' });
    expect(guard.checkUrl('https://10.1.2.3/')).toMatchObject({ allowed: true, host: '10.1.2.3' });
    expect(guard.checkUrl('https://10.2.2.3/')).toEqual({ allowed: false, reason: 'ip-literal' });
    expect(guard.checkUrl('https://[fd00::1]/')).toMatchObject({ allowed: true, host: 'fd00::1' });
  });
});

describe('an address at connection', () => {
  it.each(vectors.refuseAtConnect)('refuses %s', (address) => {
    expect(strict.checkAddress(address)).toMatchObject({ allowed: false });
  });
  it.each(vectors.allowAtConnect)('allows %s', (address) => {
    expect(strict.checkAddress(address)).toEqual({ allowed: true });
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['168.63.129.16', 'platform-service'],
    ['::ffff:1.1.1.1', 'ipv4-mapped'],
    ['64:ff9b::101:101', 'nat64'],
    ['64:ff9b:1:2::1', 'nat64'],
    ['2001:0:1::1', 'teredo'],
    ['2606:4700::5efe:101:101', 'isatap'],
    ['2606:4700::200:5efe:a00:1', 'isatap'],
    ['4000::1', 'not-global-unicast'],
    ['fe80::1%eth0', 'not-an-address'],
    ['0x7f.1', 'not-an-address'],
    ['1.1.1.1 ', 'not-an-address'],
    ['', 'not-an-address'],
  ])('says why %s is refused: %s', (address, range) => {
    expect(strict.checkAddress(address)).toEqual({ allowed: false, range });
  });

  it('holds the borders of every IPv4 range, and the addresses beside them', () => {
    const within = (value: number) => forbiddenV4.some(([a, b]) => value >= numberOf(a) && value <= numberOf(b));
    for (const [first, last] of forbiddenV4) {
      for (const value of [numberOf(first) - 1, numberOf(first), numberOf(last), numberOf(last) + 1]) {
        if (value < 0 || value > 0xffff_ffff) continue;
        expect([dotted(value), isForbidden(dotted(value))]).toEqual([dotted(value), within(value)]);
      }
    }
  });

  it('agrees with the registries on any address', () => {
    fc.assert(
      fc.property(anyV4, (address) => isForbidden(address) === oracle.check(address, 'ipv4')),
      { numRuns: 4_000 },
    );
    // Half of them near the public space, where the narrow ranges are.
    const first = fc.oneof(hextet, fc.constantFrom(0x2000, 0x2001, 0x2002, 0x2620, 0x3fff, 0x2606));
    fc.assert(
      fc.property(first, fc.oneof(hextet, fc.nat(0x0fff)), hextetsOf(6), (head, second, rest) => {
        fc.pre(rest[3] !== 0x5efe);
        const address = hextets([head, second, ...rest]);
        expect([address, isForbidden(address)]).toEqual([address, oracle.check(address, 'ipv6')]);
      }),
      { numRuns: 4_000 },
    );
  });

  it('refuses all of ::/8', () => {
    for (let head = 0; head <= 0xff; head += 1) {
      expect(isForbidden(`${head.toString(16)}::`)).toBe(true);
      expect(isForbidden(`${head.toString(16)}:ffff:ffff:ffff:ffff:ffff:ffff:ffff`)).toBe(true);
    }
    fc.assert(
      fc.property(fc.nat(0xff), hextetsOf(7), (head, rest) => isForbidden(hextets([head, ...rest]))),
      {
        numRuns: 3_000,
      },
    );
  });

  it('refuses every address that carries an IPv4 address, whichever it is and however it is carried', () => {
    const inner = fc.oneof(anyV4, fc.constantFrom(...forbiddenV4.flat()));
    const carriers: readonly ((v4: string, tail: readonly number[]) => string)[] = [
      (v4) => `::ffff:${v4}`,
      (v4) => `::${v4}`,
      (v4) => `::ffff:0:${v4}`,
      (v4) => `64:ff9b::${v4}`,
      (v4, tail) => `64:ff9b:1:${hextets(tail.slice(0, 3))}:${v4}`,
      (v4, tail) => `2002:${hextets([Math.floor(numberOf(v4) / 65_536), numberOf(v4) % 65_536, ...tail])}`,
      (v4, tail) => `2001:0:${hextets(tail.slice(0, 4))}:${v4}`,
      (v4, tail) => `2606:4700:${hextets(tail.slice(0, 2))}:0:5efe:${v4}`,
      (v4, tail) => `2606:4700:${hextets(tail.slice(0, 2))}:200:5efe:${v4}`,
    ];
    for (const carry of carriers) {
      fc.assert(
        fc.property(inner, hextetsOf(5), (v4, tail) => isForbidden(carry(v4, tail))),
        { numRuns: 500 },
      );
    }
  });
});

describe('a connection', () => {
  const target = (addresses: readonly string[], change: Partial<ConnectTarget> = {}): ConnectTarget => ({
    host: 'hooks.example.org',
    port: 443,
    addresses: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    source: 'resolver',
    ...change,
  });

  it('is refused when any answer is forbidden, wherever it stands among the others', () => {
    const good = fc.array(fc.constantFrom(...vectors.allowAtConnect), { minLength: 0, maxLength: 6 });
    const bad = fc.constantFrom(...vectors.refuseAtConnect);
    fc.assert(
      fc.property(good, bad, good, (before, forbidden, after) => {
        expect(strict.vet(target([...before, forbidden, ...after]))).toMatchObject({ ok: false });
      }),
    );
    expect(strict.vet(target(vectors.allowAtConnect))).toEqual({ ok: true });
  });

  it('is refused by a literal as by an answer', () => {
    const literal = { host: '127.0.0.1', source: 'literal' } as const;
    expect(strict.vet(target(['127.0.0.1'], literal))).toEqual({ ok: false, reason: 'loopback' });
  });

  it('is refused on a port that the deployment has not named', () => {
    expect(strict.vet(target(['1.1.1.1'], { port: 22 }))).toEqual({ ok: false, reason: 'port-not-allowed' });
  });

  it('may go to a mapped address only by the name that is mapped to it', () => {
    const guard = guardWith({ environment: 'test', allowHosts: ['a.example=127.0.0.1'] });
    const mapped = { host: 'a.example', source: 'allow-hosts' } as const;
    expect(guard.vet(target(['127.0.0.1'], mapped))).toEqual({ ok: true });
    expect(guard.vet(target(['127.0.0.2'], mapped))).toMatchObject({ ok: false });
    expect(guard.vet(target(['127.0.0.1'], { ...mapped, source: 'resolver' }))).toMatchObject({ ok: false });
    expect(guard.vet(target(['127.0.0.1'], { ...mapped, host: 'b.example' }))).toMatchObject({ ok: false });
  });

  it('never goes to an address of the deployment itself, also when a range is allowed', () => {
    const guard = guardWith({
      environment: 'test',
      allowCidrs: ['10.0.0.0/8'],
      ownAddresses: ['10.0.0.7', '20.30.0.0/16'],
    });
    expect(guard.checkAddress('10.0.0.8')).toEqual({ allowed: true });
    expect(guard.checkAddress('10.0.0.7')).toEqual({ allowed: false, range: 'own-address' });
    expect(guard.checkAddress('20.30.1.1')).toEqual({ allowed: false, range: 'own-address' });
    const toItself = guardWith({ environment: 'test', allowHosts: ['a.example=10.0.0.7'], ownAddresses: ['10.0.0.7'] });
    const mapped = { host: 'a.example', source: 'allow-hosts' } as const;
    expect(toItself.vet(target(['10.0.0.7'], mapped))).toEqual({ ok: false, reason: 'own-address' });
    expect(guard.checkAddress('::ffff:10.0.0.8')).toEqual({ allowed: false, range: 'ipv4-mapped' });
  });
});
