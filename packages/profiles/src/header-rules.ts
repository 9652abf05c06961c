// Which headers a customer may add. What belongs to the connection, to a signing scheme or to authentication is refused
// at registration: a header set twice is read differently by every receiver.

import { customHeaderBytesMax, customHeadersMax, headerNameBytesMax } from './limits.ts';
import type { Profile } from './profile.ts';

/** RFC 9110, 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Printable ASCII, no white space at the ends (it would not arrive). */
const plainValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Of the connection, or ours to compute. */
const transportHeaders = new Set([
  'host',
  'connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'cookie',
]);
const transportPrefixes = ['content-', 'proxy-'];

/** Of any scheme, also of those an endpoint does not use: its profile may change. */
const schemeHeaders = new Set([
  'accept',
  'accept-encoding',
  'server-authorization',
  'user-agent',
  'x-api-key',
  'x-endpoint',
  'x-signature',
  'x-timestamp',
  'x-transfer-id',
  'x-transfer-timestamp',
  'x-webhook-encrypted',
]);
const schemePrefixes = ['aai-', 'postrider-', 'webhook-'];

/** Problems of an endpoint's plain custom headers, readable; none = fine. Never quotes a value. */
export function checkCustomHeaders(headers: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  const entries = Object.entries(headers);
  if (entries.length > customHeadersMax) {
    problems.push(`at most ${customHeadersMax} custom headers are allowed, there are ${entries.length}`);
  }
  for (const [name, value] of entries) {
    const lower = name.toLowerCase();
    const problem = nameProblem(name) ?? customProblem(lower) ?? valueProblem(value);
    if (problem !== undefined) problems.push(`header "${name.slice(0, headerNameBytesMax)}" ${problem}`);
    if (seen.has(lower)) problems.push(`header "${name.slice(0, headerNameBytesMax)}" is there twice`);
    seen.add(lower);
  }
  return problems;
}

/**
 * Problems of the customer's authentication header. It may be `Authorization` or any other name that the endpoint's
 * profile and its custom `headers` leave free.
 */
export function checkAuthHeader(
  auth: { readonly header: string; readonly scheme?: string | undefined },
  profile: Pick<Profile, 'name' | 'ownHeaders'>,
  headers: Readonly<Record<string, string>> = {},
): string[] {
  const problems: string[] = [];
  const lower = auth.header.toLowerCase();
  const problem =
    nameProblem(auth.header) ??
    transportProblem(lower) ??
    (lower === 'user-agent' ? 'is set by the profile' : undefined) ??
    (profile.ownHeaders.includes(lower) ? `is set by the profile ${profile.name}` : undefined) ??
    (Object.keys(headers).some((name) => name.toLowerCase() === lower) ? 'is a custom header too' : undefined);
  if (problem !== undefined) problems.push(`auth header "${auth.header.slice(0, headerNameBytesMax)}" ${problem}`);
  if (auth.scheme !== undefined && !(token.test(auth.scheme) && auth.scheme.length <= headerNameBytesMax)) {
    problems.push('auth scheme must be one word, such as Bearer');
  }
  return problems;
}

/** Why a value cannot be a header's, or undefined. */
export function valueProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be text';
  if (value.length > customHeaderBytesMax) return `is longer than ${customHeaderBytesMax} bytes`;
  if (!plainValue.test(value)) return 'must be printable ASCII, not empty, without spaces at the ends';
  return undefined;
}

function nameProblem(name: string): string | undefined {
  if (name.length > headerNameBytesMax) return `has a name longer than ${headerNameBytesMax} bytes`;
  return token.test(name) ? undefined : 'is not a header name';
}

function transportProblem(lower: string): string | undefined {
  const taken = transportHeaders.has(lower) || transportPrefixes.some((prefix) => lower.startsWith(prefix));
  return taken ? 'belongs to the connection and cannot be set' : undefined;
}

function customProblem(lower: string): string | undefined {
  if (lower === 'authorization') return 'is a secret: use "auth" with a secret of the purpose "auth"';
  if (schemeHeaders.has(lower) || schemePrefixes.some((prefix) => lower.startsWith(prefix))) {
    return 'belongs to a signing scheme and cannot be set';
  }
  return transportProblem(lower);
}
