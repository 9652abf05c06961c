// Addresses as numbers. Every decision of the egress guard is made on these, never on text: an address has many spellings,
// and a rule that reads text forgets one of them.

import { isIPv4, isIPv6 } from 'node:net';

export interface IpAddress {
  readonly family: 4 | 6;
  /** 32 or 128 bits. */
  readonly value: bigint;
}

export interface AddressRange extends IpAddress {
  readonly prefixBits: number;
}

const bitsOf = { 4: 32, 6: 128 } as const;

/** Reads dotted decimal IPv4 or any spelling of IPv6; undefined for everything else, zone ids included. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: parseDotted(text) };
  // A zone id names an interface of this machine; no remote address has one.
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return { family: 6, value: parseHextets(text) };
}

/**
 * Reads `address/prefix`, or an address alone as a range of one. Undefined when it is neither, or when bits are set
 * behind the prefix: `10.1.2.3/8` is more likely a slip than a wish.
 */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseIpAddress(addressText);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = bitsOf[address.family];
  if (prefixText === undefined) return { ...address, prefixBits: bits };
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > bits) return undefined;
  const prefixBits = Number(prefixText);
  const hostBits = BigInt(bits - prefixBits);
  if ((address.value >> hostBits) << hostBits !== address.value) return undefined;
  return { ...address, prefixBits };
}

/** Whether the address lies in the range; one of the other family never does. */
export function isInRange(address: IpAddress, range: AddressRange): boolean {
  if (address.family !== range.family) return false;
  const hostBits = BigInt(bitsOf[range.family] - range.prefixBits);
  return address.value >> hostBits === range.value >> hostBits;
}

function parseDotted(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** `text` has passed `isIPv6`, so it has at most one `::` and a dotted part only at its end. */
function parseHextets(text: string): bigint {
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  if (tail.includes('.')) {
    const dotted = parseDotted(tail);
    const hex = `${(dotted >> 16n).toString(16)}:${(dotted & 0xffffn).toString(16)}`;
    return parseHextets(`${text.slice(0, lastColon + 1)}${hex}`);
  }
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const end = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - head.length - end.length }, () => '0');
  return [...head, ...zeros, ...end].reduce((value, part) => (value << 16n) | BigInt(`0x${part}`), 0n);
}
