// What the egress guard says of a URL, at registration and, with the addresses that a resolver gave, at the connection. Pure.

import { isIPv6 } from 'node:net';
import type { EgressGuard } from '@postrider/http';

export interface UrlVerdict {
  readonly url: string;
  readonly allowed: boolean;
  /** Why not: of the registration check, or the name of the range that forbids an address. Null when it is allowed. */
  readonly reason: string | null;
}

/** `resolved`: the answers of the resolver; without any the URL alone is judged. */
export function urlVerdict(
  guard: Pick<EgressGuard, 'checkUrl' | 'vet' | 'allowHosts'>,
  url: string,
  resolved: readonly string[] = [],
): UrlVerdict {
  const check = guard.checkUrl(url);
  if (!check.allowed) return { url, allowed: false, reason: check.reason };
  if (resolved.length === 0) return { url, allowed: true, reason: null };
  const mapped = guard.allowHosts.get(check.host);
  const vetted = guard.vet({
    host: check.host,
    port: Number(new URL(check.href).port || 443),
    addresses: resolved.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
    // A mapped name is dialled at the address it is mapped to, and at no other.
    source: resolved.length === 1 && mapped?.address === resolved[0] ? 'allow-hosts' : 'resolver',
  });
  return { url, allowed: vetted.ok, reason: vetted.ok ? null : vetted.reason };
}
