// What may be shown of a secret: where it comes from, how it begins, a fingerprint. Never enough to use it or to guess it.

import { sha256Hex } from '@postrider/core/contracts';
import type { Endpoint, SecretReference } from '@postrider/core/domain';
import { secretAsk, type SecretSource } from '@postrider/runtime';
import { momentText, shown, tableText } from '../table-text.ts';

/** Below this a person chose it, and a fingerprint would confirm a guess. */
const guessableBytesMax = 15;
/** From this length on the four characters that are shown are no help. */
const prefixedCharsMin = 32;

/** First 8 hexadecimal digits of SHA-256; undefined of a secret that is short enough to be guessed by it. */
export function fingerprintOf(secret: Buffer): string | undefined {
  return secret.length > guessableBytesMax ? sha256Hex(secret).slice(0, 8) : undefined;
}

function prefixOf(secret: Buffer): string | undefined {
  const text = secret.toString('latin1');
  const scheme = /^wh(sec|sk)_/.exec(text)?.[0] ?? '';
  return text.length < prefixedCharsMin || text.startsWith('-----')
    ? undefined
    : `${text.slice(0, scheme.length + 4).replaceAll(/[^\x21-\x7e]/g, '?')}…`;
}

export interface SecretFacts {
  readonly endpoint: string;
  readonly id: string;
  readonly purpose: string;
  readonly form: 'env' | 'file' | 'wrapped';
  /** The reference, or the id of the key-encryption key. */
  readonly from: string;
  readonly prefix: string | null;
  readonly fingerprint: string | null;
  readonly state: 'current' | 'future' | 'expired';
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** Why it cannot be had here. */
  readonly problem: string | null;
}

/** Of every secret of an endpoint; reads those that can be had here. */
export async function secretFacts(endpoint: Endpoint, source: SecretSource, nowMs: number): Promise<SecretFacts[]> {
  const asks = endpoint.secrets.map((secret) => secretAsk(endpoint, secret));
  await source.prepare(asks);
  return endpoint.secrets.map((secret, index): SecretFacts => {
    const result = source.resolve(asks[index]!);
    const { id, purpose, notBeforeMs, notAfterMs } = secret;
    return {
      endpoint: endpoint.endpointId,
      id,
      purpose,
      ...formOf(secret),
      prefix: (result.ok ? prefixOf(result.value) : undefined) ?? null,
      fingerprint: (result.ok ? fingerprintOf(result.value) : undefined) ?? null,
      state: stateOf(notBeforeMs, notAfterMs, nowMs),
      notBefore: notBeforeMs === undefined ? null : new Date(notBeforeMs).toISOString(),
      notAfter: notAfterMs === undefined ? null : new Date(notAfterMs).toISOString(),
      problem: result.ok ? null : result.problem.message,
    };
  });
}

function formOf(secret: SecretReference): Pick<SecretFacts, 'form' | 'from'> {
  if (secret.ref === undefined) return { form: 'wrapped', from: secret.kekId };
  return { form: secret.ref.startsWith('env:') ? 'env' : 'file', from: secret.ref };
}

function stateOf(notBeforeMs = 0, notAfterMs = Number.POSITIVE_INFINITY, nowMs: number): SecretFacts['state'] {
  if (nowMs >= notAfterMs) return 'expired';
  return nowMs < notBeforeMs ? 'future' : 'current';
}

export function factsText(facts: readonly SecretFacts[]): string {
  if (facts.length === 0) return 'no secrets';
  return tableText(
    ['ENDPOINT', 'SECRET', 'PURPOSE', 'FORM', 'BEGINS', 'FINGERPRINT', 'STATE', 'FROM', 'UNTIL'],
    facts.map((fact) =>
      [
        fact.endpoint,
        fact.id,
        fact.purpose,
        fact.form === 'wrapped' ? `wrapped (${fact.from})` : fact.from,
        fact.prefix ?? '-',
        fact.fingerprint ?? (fact.problem === null ? '-' : 'not here'),
        fact.state,
        fact.notBefore === null ? '-' : momentText(Date.parse(fact.notBefore)),
        fact.notAfter === null ? '-' : momentText(Date.parse(fact.notAfter)),
      ].map(shown),
    ),
  );
}

/** The endpoint as it may be shown: of a wrapped secret the digest of its text, by which a change is seen. */
export function shownEndpoint(endpoint: Endpoint): unknown {
  const secrets = endpoint.secrets.map((secret) =>
    secret.wrapped === undefined
      ? secret
      : { ...secret, wrapped: `v1.…${sha256Hex(Buffer.from(secret.wrapped)).slice(0, 8)}` },
  );
  return { ...endpoint, secrets };
}
