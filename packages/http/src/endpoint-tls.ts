// What a connection to an endpoint is verified and identified with. The same objects give the same object back: connections
// are pooled by it.

import type { Endpoint } from '@postrider/core/domain';

import type { TlsMaterial } from './tls-material.ts';

/** Purpose of the secret that holds the key of an endpoint's client certificate. */
const keyPurpose = 'tls-client-key';

const byKey = new WeakMap<Buffer, { readonly of: Endpoint['tls']; readonly material: TlsMaterial }>();

export type EndpointTls =
  | { readonly ok: true; readonly material: TlsMaterial | undefined }
  /** A client certificate whose key is not valid now. */
  | { readonly ok: false; readonly reason: string };

/** @param secrets those of the endpoint that are valid now */
export function endpointTls(
  { tls }: Pick<Endpoint, 'tls'>,
  secrets: readonly { readonly purpose: string; readonly value: Buffer }[],
): EndpointTls {
  if (tls?.clientCert === undefined) return { ok: true, material: tls as { readonly ca?: string } | undefined };
  const key = secrets.find(({ purpose }) => purpose === keyPurpose)?.value;
  if (!key) return { ok: false, reason: 'the key of the client certificate is not valid now' };
  const known = byKey.get(key);
  if (known?.of === tls) return { ok: true, material: known.material };
  const clientCert = { cert: tls.clientCert, key: key.toString('utf8') };
  const material = tls.ca === undefined ? { clientCert } : { ca: tls.ca, clientCert };
  byKey.set(key, { of: tls, material });
  return { ok: true, material };
}
