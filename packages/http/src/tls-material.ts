// What an endpoint brings of its own for TLS, and the context made from it. Verification is never part of it: it is on, always.
// Why an authority is added in this way: docs/decisions/0007-endpoint-authority-is-added.md.

import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

export interface TlsMaterial {
  /** PEM, one or more certificates: trusted besides the public authorities. */
  readonly ca?: string | undefined;
  /** PEM; `cert` may be a chain. The key is resolved from a secret by the caller and lives as long as its connections. */
  readonly clientCert?: { readonly cert: string; readonly key: string } | undefined;
}

/** Stands for the public authorities and no certificate of our own. */
const publicMaterial = '';

/** Material is an object of an endpoint's version: hashed once, then found by identity. */
const fingerprints = new WeakMap<TlsMaterial, string>();

/** Equal for equal material. A digest, so that no map holds a private key as its key. */
export function fingerprintOf(material: TlsMaterial | undefined): string {
  if (material === undefined || (material.ca === undefined && material.clientCert === undefined)) return publicMaterial;
  let fingerprint = fingerprints.get(material);
  if (fingerprint === undefined) {
    const { ca, clientCert } = material;
    const text = JSON.stringify([ca ?? null, clientCert?.cert ?? null, clientCert?.key ?? null]);
    fingerprint = createHash('sha256').update(text).digest('base64');
    fingerprints.set(material, fingerprint);
  }
  return fingerprint;
}

/** Throws a TypeError that names the unusable part; its message holds nothing of the material. */
export function createTlsContext({ ca, clientCert }: TlsMaterial): SecureContext {
  if (ca !== undefined) assertCertificates(ca);
  let context: SecureContext;
  try {
    context = createSecureContext({ minVersion: 'TLSv1.2', ...clientCert });
  } catch {
    throw new TypeError("the endpoint's client certificate and key cannot be used together");
  }
  if (ca === undefined) return context;
  // What `createSecureContext({ ca })` calls itself, there on a store without the public authorities. Here it copies the
  // shared store once, certificates by reference: 0.03 MB and 0.2 ms instead of 1.2 MB and 8 ms for all of them as text.
  const native = context.context as { addCACert?: (pem: string) => void };
  if (native.addCACert === undefined) {
    return createSecureContext({ minVersion: 'TLSv1.2', ...clientCert, ca: [...getCACertificates('default'), ca] });
  }
  native.addCACert(ca);
  return context;
}

/** Node skips what it cannot read: an endless handshake failure instead of a clear answer. */
function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  try {
    for (const block of blocks ?? []) void new X509Certificate(block);
  } catch {
    throw new TypeError("the endpoint's CA is not a certificate");
  }
  if (blocks === null) throw new TypeError("the endpoint's CA is not a certificate");
}
