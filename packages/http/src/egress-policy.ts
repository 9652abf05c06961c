// What a deployment says about where Postrider may connect, read once at the start. The defaults allow the public internet
// on port 443; every escape from that is named here, told at the start, and refused in `live` unless that is said as well.

import { isIP } from 'node:net';

import { parseAddressRange, parseIpAddress, type AddressRange } from './ip-address.ts';
import { egressEntriesMax } from './limits.ts';
import type { ResolvedAddress } from './resolver.ts';

/** As it stands in the configuration. */
export interface EgressSettings {
  /** Of the process; `live` is the one where the escapes need `allowPrivateInLive`. */
  readonly environment: string;
  /** `name=address`: names that are not looked up but dialled there, forbidden or not. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Ports besides 443: `8443`, or `8000-8999`. */
  readonly allowPorts?: readonly string[] | undefined;
  /** `address/prefix`: forbidden ranges that may be dialled all the same, and may stand in a URL as a literal. */
  readonly allowCidrs?: readonly string[] | undefined;
  /** Addresses or ranges of the deployment itself; never dialled, whatever `allowCidrs` says. */
  readonly ownAddresses?: readonly string[] | undefined;
  /** Lets the three escapes stand in `live`. */
  readonly allowPrivateInLive?: boolean | undefined;
}

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Read and checked; what the guard decides by. */
export interface EgressPolicy {
  /** Lower-case name → address. */
  readonly allowHosts: ReadonlyMap<string, ResolvedAddress>;
  readonly allowPorts: readonly PortRange[];
  readonly allowCidrs: readonly AddressRange[];
  readonly ownAddresses: readonly AddressRange[];
  /** One line for each escape that is open, to be told at the start; empty when there is none. */
  readonly notices: readonly string[];
}

export type EgressPolicyRead =
  | { readonly ok: true; readonly policy: EgressPolicy }
  | { readonly ok: false; readonly problems: readonly string[] };

const portMax = 65_535;

/** Problems are one line each and begin with the name of the setting, as `allowHosts: …`. */
export function readEgressPolicy(settings: EgressSettings): EgressPolicyRead {
  const problems: string[] = [];

  function read<T>(
    name: string,
    texts: readonly string[] = [],
    parse: (text: string) => T | undefined,
    form: string,
  ): T[] {
    if (texts.length > egressEntriesMax)
      problems.push(`${name}: has ${texts.length} entries, over ${egressEntriesMax}`);
    return texts.slice(0, egressEntriesMax).flatMap((text) => {
      const value = parse(text);
      if (value === undefined) problems.push(`${name}: "${text}" is not ${form}`);
      return value === undefined ? [] : [value];
    });
  }

  const { allowHosts: hosts, allowPorts: ports, allowCidrs: cidrs, ownAddresses: own } = settings;
  const allowHosts = new Map(read('allowHosts', hosts, parseHostEntry, 'name=address'));
  const allowPorts = read('allowPorts', ports, parsePortRange, 'a port or two ports with a hyphen between');
  const allowCidrs = read('allowCidrs', cidrs, parseAddressRange, 'address/prefix without bits behind the prefix');
  const ownAddresses = read('ownAddresses', own, parseAddressRange, 'an address, or address/prefix');

  const escapes = { allowHosts: hosts, allowPorts: ports, allowCidrs: cidrs };
  const open = Object.entries(escapes).filter(([, entries]) => (entries ?? []).length > 0);
  if (settings.environment === 'live' && settings.allowPrivateInLive !== true) {
    for (const [name] of open) problems.push(`${name}: is refused in live unless allowPrivateInLive is true`);
  }
  if (problems.length > 0) return { ok: false, problems };
  const notices = open.map(([name, entries]) => `${name}: ${(entries ?? []).join(', ')}`);
  return { ok: true, policy: { allowHosts, allowPorts, allowCidrs, ownAddresses, notices } };
}

function parseHostEntry(text: string): [string, ResolvedAddress] | undefined {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0)).toLowerCase();
  const address = text.slice(at + 1);
  // A name that is an address would never be looked up, and the entry would do nothing.
  if (!/^[a-z0-9.-]+$/.test(name) || isIP(name) !== 0) return undefined;
  const parsed = parseIpAddress(address);
  return parsed && [name, { address, family: parsed.family }];
}

function parsePortRange(text: string): PortRange | undefined {
  const [, fromText, toText] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (fromText === undefined) return undefined;
  const from = Number(fromText);
  const to = Number(toText ?? fromText);
  return from >= 1 && from <= to && to <= portMax ? { from, to } : undefined;
}
