// What a connection to an endpoint is verified and identified with. The same objects give the same object back: connections
// are pooled by it.

import type { Endpoint } from '@postrider/core/domain';
import { createPrivateKey, X509Certificate } from 'node:crypto';

import type { TlsMaterial } from './tls-material.ts';

/** Purpose of the secret that holds the key of an endpoint's client certificate. */
const keyPurpose = 'tls-client-key';

const byTls = new WeakMap<NonNullable<Endpoint['tls']>, { readonly key: Buffer; readonly material: TlsMaterial }>();

/** By key: the certificate that it was last compared with. Every attempt asks, also those of an endpoint that no key belongs to. */
const compared = new WeakMap<Buffer, { readonly cert: string; readonly belongs: boolean }>();

export type EndpointTls =
  | { readonly ok: true; readonly material: TlsMaterial | undefined }
  /** A client certificate whose key is not among the secrets. */
  | { readonly ok: false; readonly reason: string };

/**
 * Of several keys the certificate says which is its own: a renewal brings the new key beside the old one, and the certificate of the
 * endpoint's next version is the switch.
 * @param secrets those of the endpoint that have not ended
 */
export function endpointTls(
  { tls }: Pick<Endpoint, 'tls'>,
  secrets: readonly { readonly purpose: string; readonly value: Buffer }[],
): EndpointTls {
  if (tls?.clientCert === undefined) return { ok: true, material: tls as { readonly ca?: string } | undefined };
  const keys = secrets.filter(({ purpose }) => purpose === keyPurpose).map(({ value }) => value);
  const known = byTls.get(tls);
  if (known !== undefined && keys.includes(known.key)) return { ok: true, material: known.material };
  const cert = tls.clientCert;
  const key = keys.find((each) => belongsTo(each, cert));
  if (key === undefined) {
    const what =
      keys.length === 0 ? 'the key of the client certificate is not valid now' : 'no key belongs to clientCert';
    return { ok: false, reason: what };
  }
  const clientCert = { cert, key: key.toString('utf8') };
  const material = tls.ca === undefined ? { clientCert } : { ca: tls.ca, clientCert };
  byTls.set(tls, { key, material });
  return { ok: true, material };
}

function belongsTo(key: Buffer, cert: string): boolean {
  const last = compared.get(key);
  if (last?.cert === cert) return last.belongs;
  const belongs = compare(key, cert);
  compared.set(key, { cert, belongs });
  return belongs;
}

function compare(key: Buffer, cert: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    // No key, or one that is cut off or closed by a passphrase; what the parser says may quote it.
    return false;
  }
}
