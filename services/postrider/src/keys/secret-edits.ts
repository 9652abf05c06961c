// What becomes of an endpoint's secrets: one more, a rotation with overlap, another wrapping; and how the audit tells it. Pure.

import { timestamp, type SecretRotated } from '@postrider/core/contracts';
import type { Endpoint, SecretReference } from '@postrider/core/domain';
import { sealedPart, type Wrapping } from '@postrider/runtime';

export interface Rotation {
  /** The new one, without validity. */
  readonly secret: SecretReference;
  /** When the new one begins, epoch ms. */
  readonly fromMs: number;
  /** How long those before it stay valid beside it. */
  readonly overlapMs: number;
  readonly nowMs: number;
}

/** The secrets with one more. */
export function withSecret(secrets: readonly SecretReference[], added: SecretReference): SecretReference[] {
  return [...secrets, added];
}

/** The new secret begins, those of its purpose end after the overlap, and those that have ended already go. */
export function rotated(
  secrets: readonly SecretReference[],
  { secret, fromMs, overlapMs, nowMs }: Rotation,
): SecretReference[] {
  const endMs = fromMs + overlapMs;
  const kept = secrets.flatMap((old): SecretReference[] => {
    if (old.purpose !== secret.purpose) return [old];
    if (old.notAfterMs !== undefined && old.notAfterMs <= nowMs) return [];
    return [{ ...old, notAfterMs: Math.min(old.notAfterMs ?? endMs, endMs) }];
  });
  // The end of an old one is exclusive, so there is no moment without a valid secret even when nothing overlaps.
  return [...kept, { ...secret, notBeforeMs: fromMs }];
}

/**
 * Secrets of a file, with the wrapping of the table where it is the same secret: a rewrap changes the table alone, and the file
 * need not follow.
 */
export function keepWrappings(
  wanted: readonly SecretReference[],
  now: readonly SecretReference[],
): readonly SecretReference[] {
  return wanted.map((secret) => {
    const old = now.find(({ id }) => id === secret.id);
    return old?.wrapped !== undefined && secret.wrapped !== undefined && sameSecret(old, secret)
      ? { ...secret, wrapped: old.wrapped, kekId: old.kekId }
      : secret;
  });
}

/** The endpoint under another wrapping. Its version stays: what it does is the same, and a newer one would clear a disabled state. */
export function rewrapped(endpoint: Endpoint, wrappings: ReadonlyMap<string, Wrapping>): Endpoint {
  const secrets = endpoint.secrets.map((secret): SecretReference => {
    const wrapping = wrappings.get(secret.id);
    return secret.wrapped === undefined || wrapping === undefined ? secret : { ...secret, ...wrapping };
  });
  return { ...endpoint, secrets };
}

export interface SecretsAudit {
  readonly before: readonly SecretReference[];
  readonly after: Endpoint;
  readonly actor: string;
  readonly nowMs: number;
  readonly fingerprintOf: (secret: SecretReference) => string | undefined;
}

/** The audit record of what changed in secrets; undefined: nothing. */
export function secretsAudit({ before, after, actor, nowMs, fingerprintOf }: SecretsAudit): SecretRotated | undefined {
  type Entry = SecretRotated['secrets'][number];
  const told = (secret: SecretReference, state: Entry['state']): Entry => ({
    id: secret.id,
    purpose: secret.purpose,
    state,
    ...optional('fingerprint', fingerprintOf(secret)),
    ...optional('kekId', secret.kekId),
    ...optional('notBefore', secret.notBeforeMs === undefined ? undefined : timestamp(secret.notBeforeMs)),
    ...optional('notAfter', secret.notAfterMs === undefined ? undefined : timestamp(secret.notAfterMs)),
  });
  const secrets = after.secrets.flatMap((secret): Entry[] => {
    const old = before.find(({ id }) => id === secret.id);
    if (old === undefined || !sameSecret(old, secret)) return [told(secret, 'added')];
    if (old.wrapped !== secret.wrapped) return [told(secret, 'rewrapped')];
    return old.notAfterMs === secret.notAfterMs && old.notBeforeMs === secret.notBeforeMs
      ? []
      : [told(secret, 'ending')];
  });
  for (const old of before) {
    if (!after.secrets.some(({ id }) => id === old.id)) secrets.push(told(old, 'removed'));
  }
  if (secrets.length === 0) return undefined;
  const states = new Set(secrets.map(({ state }) => state));
  const rewrap = states.size === 1 && states.has('rewrapped');
  return {
    type: 'SecretRotated',
    at: timestamp(nowMs),
    actor,
    endpoint: after.endpointId,
    project: after.projectId,
    endpointVersion: after.version,
    change: rewrap ? 'rewrapped' : states.has('ending') || states.has('removed') ? 'rotated' : 'added',
    secrets,
  };
}

/** Whether two records of an id hold one secret, whatever key-encryption key is around it. */
function sameSecret(a: SecretReference, b: SecretReference): boolean {
  if (a.purpose !== b.purpose) return false;
  return a.wrapped !== undefined && b.wrapped !== undefined
    ? sealedPart(a.wrapped) === sealedPart(b.wrapped)
    : a.ref !== undefined && a.ref === b.ref;
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
