// Whether the one who replied holds the shared secret: the reply carries `Server-Authorization`, a token of the same
// grammar over headers of the response.
//
//   envoy   as the vendor checks: the signature is made with our key over whatever response headers it lists, with a
//           nonce that is not ours
//   strict  besides, it names our key, has a nonce of at least 16 bytes, lists only headers that are there, and covers
//           `x-transfer-id`, which must be ours: otherwise a token of another reply would do

import { timingSafeEqual } from 'node:crypto';

import { envoyTokenMatches, parseEnvoyToken } from './envoy-token.ts';
import { nonceBytes } from './limits.ts';
import type { SecretValue } from './profile.ts';
import { hex256Key } from './secret-keys.ts';

export interface ServerAuthorizationInput {
  readonly mode: 'envoy' | 'strict';
  /** Of the response, by lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** Of our request, by lower-case name. */
  readonly sent: (name: string) => string | undefined;
  readonly secrets: readonly SecretValue[];
}

/** Why the reply is not authenticated, or undefined when it is. Never throws. */
export function serverAuthorizationProblem(input: ServerAuthorizationInput): string | undefined {
  const authorization = input.sent('authorization');
  const ours = authorization === undefined ? undefined : parseEnvoyToken(authorization);
  if (ours?.ok !== true) return 'our request carried no token';
  // By what it signed: several keys may stand under one key id while one takes the place of another.
  const key = input.secrets
    .filter(({ purpose }) => purpose === 'signing')
    .map((secret) => hex256Key(secret.value))
    .find((each) => each.ok && envoyTokenMatches(ours.token, each.key, input.sent));
  if (key?.ok !== true) return 'our key is no longer there';

  const value = input.header('server-authorization');
  if (value === undefined || value === '') return 'Server-Authorization is missing';
  const parsed = parseEnvoyToken(value);
  if (!parsed.ok) return `Server-Authorization ${parsed.reason}`;
  const { token } = parsed;
  if (sameBytes(token.nonce, ours.token.nonce)) return 'Server-Authorization repeats our nonce';
  if (input.mode === 'strict') {
    if (token.kid !== ours.token.kid) return 'Server-Authorization names another key';
    if (token.nonce.length < nonceBytes) return `Server-Authorization has a nonce of less than ${nonceBytes} bytes`;
    const missing = token.headers.some((name) => input.header(name) === undefined);
    if (missing) return 'Server-Authorization lists a header that the reply does not have';
    if (!token.headers.includes('x-transfer-id')) return 'Server-Authorization does not cover x-transfer-id';
    if (input.header('x-transfer-id')?.toLowerCase() !== input.sent('x-transfer-id')?.toLowerCase()) {
      return 'the reply has another x-transfer-id';
    }
  }
  return envoyTokenMatches(token, key.key, input.header) ? undefined : 'Server-Authorization does not match';
}

function sameBytes(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
