// A certificate authority of its own for development and tests, made at run time and kept in memory: nothing is
// committed, no openssl binary is needed, and certificate verification never has to be switched off.

// First: the certificate library's dependency injection needs it at import time.
import 'reflect-metadata';

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
  type X509Certificate,
} from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';

const day = 24 * 60 * 60_000;
/** The CA outlives every certificate a test may ask for, also one that expired long ago. */
const caSpanMs = 10 * 365 * day;
const leafSpanMs = 30 * day;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface IssueOptions {
  /** DNS names; the first one is the common name. */
  readonly names: readonly string[];
  /** IP addresses. */
  readonly addresses?: readonly string[];
  /** What it may be shown as. Default `server`. */
  readonly usage?: 'server' | 'client';
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** PEM, as `node:tls` takes it; `cert` is the whole chain. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface LocalCa {
  readonly caPem: string;
  issue(options: IssueOptions): Promise<ServerCertificate>;
}

/** A fresh CA with a fresh key; takes a few milliseconds. */
export async function createLocalCa(options: { readonly name?: string } = {}): Promise<LocalCa> {
  const keys = await generateKeys();
  const nowMs = Date.now();
  const ca = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [options.name ?? 'Postrider local CA'] }],
      notBefore: new Date(nowMs - caSpanMs),
      notAfter: new Date(nowMs + caSpanMs),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  const caPem = ca.toString('pem');

  return {
    caPem,
    async issue(issueOptions) {
      const leafKeys = await generateKeys();
      const leaf = await X509CertificateGenerator.create(
        {
          ...leafParameters(issueOptions),
          publicKey: leafKeys.publicKey,
          signingKey: keys.privateKey,
          issuer: ca.subjectName,
          signingAlgorithm: algorithm,
          extensions: [
            ...leafExtensions(issueOptions),
            await AuthorityKeyIdentifierExtension.create(keys.publicKey),
            await SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
          ],
        },
        webcrypto,
      );
      return { key: await privateKeyPem(leafKeys), cert: `${leaf.toString('pem')}\n${caPem}\n` };
    },
  };
}

/** A certificate that nobody vouches for. */
export async function createSelfSigned(options: IssueOptions): Promise<ServerCertificate> {
  const keys = await generateKeys();
  const { subject, ...rest } = leafParameters(options);
  const certificate: X509Certificate = await X509CertificateGenerator.createSelfSigned(
    { ...rest, name: subject, keys, signingAlgorithm: algorithm, extensions: leafExtensions(options) },
    webcrypto,
  );
  return { key: await privateKeyPem(keys), cert: `${certificate.toString('pem')}\n` };
}

function leafParameters(options: IssueOptions) {
  const nowMs = Date.now();
  return {
    serialNumber: serialNumber(),
    subject: [{ CN: [options.names[0] ?? options.addresses?.[0] ?? 'unnamed'] }],
    notBefore: options.notBefore ?? new Date(nowMs - day),
    notAfter: options.notAfter ?? new Date(nowMs + leafSpanMs),
  };
}

function leafExtensions(options: IssueOptions): Extension[] {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([
      options.usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth,
    ]),
    new SubjectAlternativeNameExtension([
      ...options.names.map((value) => ({ type: 'dns', value }) as const),
      ...(options.addresses ?? []).map((value) => ({ type: 'ip', value }) as const),
    ]),
  ];
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Positive and unpredictable, 16 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString('hex');
}
