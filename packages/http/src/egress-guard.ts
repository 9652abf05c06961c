// The egress guard: the one object that decides where Postrider may connect, for deliveries, test sends, ownership checks and
// reply calls alike. `checkUrl` stands where a URL is registered; `vet` stands in open-connection.ts between the look-up and
// the dialling of every connection, and decides by the addresses alone, because a name promises nothing.
//
//   name ──look-up (once)──▶ answers ──vet──▶ all of them public?  ──yes──▶ dial one of exactly these, assert the peer
//                                                   └──no──▶ blocked-address; a mixed answer counts as forbidden

import type { EgressPolicy } from './egress-policy.ts';
import { forbiddenRangeOf } from './egress-ranges.ts';
import { checkUrl, isPortAllowed, type UrlCheck } from './egress-url.ts';
import { isInRange, parseIpAddress } from './ip-address.ts';
import type { ConnectTarget, ResolvedAddress, Vet } from './resolver.ts';

export type AddressCheck =
  | { readonly allowed: true }
  /** `range`: the name of what forbids it, such as `loopback`; `own-address`; or `not-an-address`. */
  | { readonly allowed: false; readonly range: string };

/** What no setting lifts. */
const ownAddress = 'own-address';

export interface EgressGuard {
  /** At registration; pure. */
  checkUrl(rawText: string): UrlCheck;
  /** One answer of a resolver, or a literal. */
  checkAddress(address: string): AddressCheck;
  /** At every connection; the reason never holds an address. */
  readonly vet: Vet;
  /** Names with a fixed address; the sender dials them without a look-up. */
  readonly allowHosts: ReadonlyMap<string, ResolvedAddress>;
}

export function createEgressGuard(policy: EgressPolicy): EgressGuard {
  const { allowHosts, allowCidrs, ownAddresses } = policy;

  function checkAddress(text: string): AddressCheck {
    const address = parseIpAddress(text);
    if (address === undefined) return { allowed: false, range: 'not-an-address' };
    if (ownAddresses.some((range) => isInRange(address, range))) return { allowed: false, range: ownAddress };
    if (allowCidrs.some((range) => isInRange(address, range))) return { allowed: true };
    const range = forbiddenRangeOf(address);
    return range === undefined ? { allowed: true } : { allowed: false, range };
  }

  /** Only what the operator has mapped, and only to where it was mapped, may be in a forbidden range. */
  function isMapped({ host, addresses, source }: ConnectTarget): boolean {
    const mapped = allowHosts.get(host);
    if (source !== 'allow-hosts' || mapped === undefined) return false;
    return addresses.length === 1 && addresses[0]?.address === mapped.address;
  }

  return {
    allowHosts,
    checkAddress,
    checkUrl: (rawText) => checkUrl(rawText, policy),
    vet(target) {
      if (!isPortAllowed(target.port, policy)) return { ok: false, reason: 'port-not-allowed' };
      const mapped = isMapped(target);
      for (const { address } of target.addresses) {
        const check = checkAddress(address);
        if (check.allowed || (mapped && check.range !== ownAddress)) continue;
        return { ok: false, reason: check.range };
      }
      return { ok: true };
    },
  };
}
