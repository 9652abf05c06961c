// The HMAC token of an Envoy node, both ways: `Authorization` on the request, `Server-Authorization` on the reply.
//
//   HMAC sig=<sig>, nonce=<nonce>, headers=x-transfer-id;x-transfer-timestamp, kid=<kid>
//   sig = base64url(HMAC-SHA256(key, nonce ‖ value of header 1 ‖ value of header 2 …)), without padding
//
// Between header names stands a semicolon (the document's table and the vendor's code) or a comma (the document's sample
// and its verification steps): the parser takes both, the sender the one that the endpoint's option names.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

import { fromBase64Url } from './text-encodings.ts';

const scheme = 'HMAC ';

export interface EnvoyToken {
  readonly signature: Buffer;
  readonly nonce: Buffer;
  /** Lower-case, in the order that was signed. */
  readonly headers: readonly string[];
  readonly kid: string;
}

/** Header value for the given nonce and headers; values are signed as they are, in UTF-8. */
export function buildEnvoyToken(input: {
  readonly key: KeyObject;
  readonly kid: string;
  readonly nonce: Uint8Array;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly separator: ';' | ',';
}): string {
  const names = input.headers.map(([name]) => name.toLowerCase()).join(input.separator);
  const values = input.headers.map(([, value]) => value);
  const signature = signatureOf(input.key, input.nonce, values).toString('base64url');
  const nonce = Buffer.from(input.nonce).toString('base64url');
  return `${scheme}sig=${signature}, nonce=${nonce}, headers=${names}, kid=${input.kid}`;
}

/** Reads a token, or says what is wrong with it. Never throws. */
export function parseEnvoyToken(
  text: string,
): { readonly ok: true; readonly token: EnvoyToken } | { readonly ok: false; readonly reason: string } {
  if (!text.startsWith(scheme)) return refuse('does not begin with HMAC');
  const values = new Map<string, string>();
  let last = '';
  for (const part of text.slice(scheme.length).split(',')) {
    const equals = part.indexOf('=');
    if (equals >= 0) {
      last = part.slice(0, equals).trim();
      if (values.has(last)) return refuse(known.has(last) ? `has ${last} twice` : 'has a part twice');
      values.set(last, part.slice(equals + 1).trim());
    } else if (part.trim() === '') {
      continue;
    } else if (last === 'headers') {
      values.set(last, `${values.get(last) ?? ''};${part}`);
    } else return refuse('has a part without a value');
  }
  const missing = [...known].find((name) => !values.get(name));
  if (missing !== undefined) return refuse(`has no ${missing}`);
  const signature = fromBase64Url(values.get('sig') ?? '');
  if (signature === undefined) return refuse('has a sig that is not base64url without padding');
  const nonce = fromBase64Url(values.get('nonce') ?? '');
  if (nonce === undefined) return refuse('has a nonce that is not base64url without padding');
  const names = (values.get('headers') ?? '').split(/[;,]/).map((name) => name.trim().toLowerCase());
  const headers = names.filter((name) => name !== '');
  if (headers.length === 0) return refuse('has no headers');
  return { ok: true, token: { signature, nonce, headers, kid: values.get('kid') ?? '' } };
}

/** Whether the key made the token over these header values; an absent header counts as empty. In constant time. */
export function envoyTokenMatches(
  token: EnvoyToken,
  key: KeyObject,
  valueOf: (header: string) => string | undefined,
): boolean {
  const expected = signatureOf(
    key,
    token.nonce,
    token.headers.map((name) => valueOf(name) ?? ''),
  );
  return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
}

const known: ReadonlySet<string> = new Set(['sig', 'nonce', 'headers', 'kid']);

function signatureOf(key: KeyObject, nonce: Uint8Array, values: readonly string[]): Buffer {
  const hmac = createHmac('sha256', key).update(nonce);
  for (const value of values) hmac.update(value, 'utf8');
  return hmac.digest();
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}
