// The check of a URL at registration: pure, no look-up. It reads the raw text first, because the URL parser forgives what a
// sender of webhooks must not (tabs, backslashes, missing slashes, five ways to write an IPv4 address), and then judges what
// the parser made of it, which is what will be connected to.

import { isIP } from 'node:net';

import type { EgressPolicy } from './egress-policy.ts';
import { isInRange, parseIpAddress } from './ip-address.ts';
import { hostNameCharactersMax, labelCharactersMax, urlCharactersMax } from './limits.ts';

export type UrlRefusal =
  | 'too-long'
  | 'forbidden-character'
  | 'not-https'
  | 'unreadable'
  | 'user-info'
  | 'fragment'
  | 'port-not-allowed'
  | 'ip-literal'
  | 'trailing-dot'
  | 'single-label'
  | 'not-a-host-name'
  | 'special-name';

export type UrlCheck =
  /** `href`: the canonical text to store; `host`: lower case, punycode, without port and brackets. */
  | { readonly allowed: true; readonly href: string; readonly host: string }
  | { readonly allowed: false; readonly reason: UrlRefusal };

const httpsPort = 443;

/** Names that are no one's on the public internet (RFC 6761, RFC 8375, RFC 9476 and what private networks use). */
const specialSuffixes = [
  'localhost',
  'local',
  'internal',
  'lan',
  'home.arpa',
  'arpa',
  'test',
  'example',
  'invalid',
  'onion',
  'corp',
  'intranet',
] as const;

// oxlint-disable-next-line no-control-regex -- control characters are what is refused here
const forbiddenCharacters = /[\s\\\u0000-\u0020\u007f-\u009f\ufeff]/;
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Whether this text may be registered as the URL of an endpoint. Never throws. */
export function checkUrl(rawText: string, policy: EgressPolicy): UrlCheck {
  if (rawText.length > urlCharactersMax) return refuse('too-long');
  if (forbiddenCharacters.test(rawText)) return refuse('forbidden-character');
  if (!/^https:\/\//i.test(rawText)) return refuse('not-https');
  if (rawText.includes('#')) return refuse('fragment');
  const authority = /^[^/?]*/.exec(rawText.slice('https://'.length))?.[0] ?? '';
  if (authority.includes('@')) return refuse('user-info');
  // The parser would skip further slashes, and decode a host that is written to be read by nobody.
  if (authority === '' || authority.includes('%')) return refuse('not-a-host-name');
  if (!URL.canParse(rawText)) return refuse('unreadable');
  const { href, hostname, port } = new URL(rawText);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const problem = hostProblem(host, policy);
  if (problem !== undefined) return refuse(problem);
  if (!isPortAllowed(port === '' ? httpsPort : Number(port), policy)) return refuse('port-not-allowed');
  if (href.length > urlCharactersMax) return refuse('too-long');
  return { allowed: true, href, host };
}

/** 443, or one that the deployment has named. */
export function isPortAllowed(port: number, { allowPorts }: Pick<EgressPolicy, 'allowPorts'>): boolean {
  return port === httpsPort || allowPorts.some(({ from, to }) => port >= from && port <= to);
}

/** `host` as the URL parser gives it: lower case, punycode, every spelling of an IPv4 address as dotted decimal. */
function hostProblem(host: string, { allowHosts, allowCidrs }: EgressPolicy): UrlRefusal | undefined {
  if (allowHosts.has(host)) return undefined;
  if (host.endsWith('.')) return 'trailing-dot';
  if (isIP(host) !== 0) {
    const address = parseIpAddress(host);
    return address !== undefined && allowCidrs.some((range) => isInRange(address, range)) ? undefined : 'ip-literal';
  }
  const labels = host.split('.');
  const isHostName = labels.every((part) => part.length <= labelCharactersMax && label.test(part));
  if (!isHostName || host.length > hostNameCharactersMax) return 'not-a-host-name';
  if (specialSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))) return 'special-name';
  return labels.length < 2 ? 'single-label' : undefined;
}

function refuse(reason: UrlRefusal): UrlCheck {
  return { allowed: false, reason };
}
