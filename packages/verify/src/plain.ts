// Verifies a request of the profile `plain`: nothing is signed, so the authentication header is all there is.

import { refuse, sameText, single, textSecret, type RequestHeaders, type Verified } from './verification.ts';

export interface PlainInput {
  /** The header that was agreed on, with its whole value, e.g. `Authorization` and `Bearer …`. */
  readonly auth: { readonly header: string; readonly value: string | readonly string[] };
  readonly headers: RequestHeaders;
}

/** Never throws on what a request contains; throws a TypeError when the agreed value is empty. */
export function verifyPlain({ auth, headers }: PlainInput): Verified<{ readonly id: string | undefined }> {
  const values = typeof auth.value === 'string' ? [auth.value] : auth.value;
  if (values.length === 0) throw new TypeError('no value to compare with');
  for (const value of values) textSecret(value);
  const given = single(headers[auth.header.toLowerCase()]);
  if (given === undefined) return refuse('header-missing');
  if (!values.some((value) => sameText(value, given))) return refuse('signature-mismatch');
  return { ok: true, id: single(headers['postrider-dispatch-id']) };
}
