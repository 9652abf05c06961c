// Which addresses nobody on the public internet can be behind. IPv4: what is listed. IPv6: everything but the global unicast
// space 2000::/3, and from that what is listed; the names of ranges outside it only make a refusal readable.
// Source: the IANA special-purpose address registries (RFC 6890 and its updates), also those entries that are "globally
// reachable" by some protocol: a receiver of webhooks is never there.

import { isInRange, parseAddressRange, type AddressRange, type IpAddress } from './ip-address.ts';

interface NamedRange extends AddressRange {
  readonly name: string;
}

function named(name: string, ...texts: readonly string[]): NamedRange[] {
  return texts.map((text) => {
    const range = parseAddressRange(text);
    if (range === undefined) throw new TypeError(`not an address range: ${text}`);
    return { ...range, name };
  });
}

/** The first match names the refusal, so the narrow ranges stand before the wide ones. */
const forbidden: readonly NamedRange[] = [
  ...named('unspecified', '0.0.0.0/32', '::/128'),
  ...named('this-network', '0.0.0.0/8'),
  ...named('private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'),
  ...named('shared-address-space', '100.64.0.0/10'),
  ...named('loopback', '127.0.0.0/8', '::1/128'),
  ...named('link-local', '169.254.0.0/16', 'fe80::/10'),
  ...named('protocol-assignments', '192.0.0.0/24'),
  ...named('documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'),
  ...named('as112', '192.31.196.0/24', '192.175.48.0/24', '2620:4f:8000::/48'),
  ...named('amt', '192.52.193.0/24'),
  ...named('6to4', '192.88.99.0/24', '2002::/16'),
  ...named('benchmarking', '198.18.0.0/15', '2001:2::/48'),
  ...named('multicast', '224.0.0.0/4', 'ff00::/8'),
  ...named('broadcast', '255.255.255.255/32'),
  ...named('reserved', '240.0.0.0/4'),
  // Azure answers there from inside every virtual machine, although the address looks public.
  ...named('platform-service', '168.63.129.16/32'),
  ...named('ipv4-mapped', '::ffff:0:0/96'),
  ...named('ipv4-translated', '::ffff:0:0:0/96'),
  ...named('nat64', '64:ff9b::/96', '64:ff9b:1::/48'),
  ...named('ipv4-compatible', '::/96'),
  ...named('reserved', '::/8'),
  ...named('discard-only', '100::/64', '100:0:0:1::/64'),
  ...named('teredo', '2001::/32'),
  ...named('protocol-assignments', '2001::/23'),
  ...named('segment-routing', '5f00::/16'),
  ...named('unique-local', 'fc00::/7'),
  ...named('site-local', 'fec0::/10'),
];

const [globalUnicast] = named('global-unicast', '2000::/3');

/** The two forms of an interface identifier that carries an IPv4 address (RFC 5214, 6.1): bits 64 to 95. */
const isatapMarks = new Set([0x0000_5efen, 0x0200_5efen]);

/** The name of the range that forbids the address; undefined for a public unicast address. */
export function forbiddenRangeOf(address: IpAddress): string | undefined {
  const range = forbidden.find((candidate) => isInRange(address, candidate));
  if (range !== undefined) return range.name;
  if (address.family === 4) return undefined;
  if (isatapMarks.has((address.value >> 32n) & 0xffff_ffffn)) return 'isatap';
  return globalUnicast !== undefined && isInRange(address, globalUnicast) ? undefined : 'not-global-unicast';
}
