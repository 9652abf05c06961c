// What has to be written so that `<env>.endpoints` says what the file says. Pure: current table and wanted endpoints in,
// changes out. Nothing is rewritten that is as it should be, and nothing is taken from another writer.

import { sha256Hex } from '@postrider/core/contracts';
import type { Endpoint, EndpointId } from '@postrider/core/domain';
import { sealedPart } from '@postrider/runtime';
import type { EndpointContent } from './endpoint-form.ts';
import { keepWrappings } from './keys/secret-edits.ts';

export interface EndpointsNow {
  readonly endpoints: ReadonlyMap<EndpointId, Endpoint>;
  /** Last version of endpoints whose tombstone still stands: a new one under the id must be newer, or it would count as disabled. */
  readonly deletedVersions: ReadonlyMap<EndpointId, number>;
}

export type EndpointChange =
  | { readonly kind: 'created'; readonly after: Endpoint }
  | {
      readonly kind: 'changed';
      readonly before: Endpoint;
      readonly after: Endpoint;
      readonly fields: readonly string[];
    }
  | { readonly kind: 'unchanged'; readonly before: Endpoint }
  | { readonly kind: 'deleted'; readonly before: Endpoint }
  /** Of this writer, not in the file, and left alone because nobody asked to prune. */
  | { readonly kind: 'missing'; readonly before: Endpoint }
  /** Written by another writer (the control plane). */
  | { readonly kind: 'foreign'; readonly before: Endpoint };

export interface PlanOptions {
  readonly prune: boolean;
  /** Ids that get a new version though nothing of them changed: what answered 410 is sent to again. */
  readonly renew?: readonly string[];
  readonly actor: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/** One change an endpoint: those of the file in its order, then those that only stand in the table. */
export function planEndpoints(
  now: EndpointsNow,
  wanted: readonly EndpointContent[],
  { prune, renew = [], actor, at }: PlanOptions,
): EndpointChange[] {
  const stamp = { updatedAt: at, updatedBy: actor, approvedBy: undefined };
  const named = new Set(wanted.map((content) => content.endpointId));
  const changes = wanted.map((form): EndpointChange => {
    const before = now.endpoints.get(form.endpointId);
    if (!before) {
      const version = (now.deletedVersions.get(form.endpointId) ?? 0) + 1;
      return { kind: 'created', after: { ...form, ...stamp, version } };
    }
    const content = { ...form, secrets: keepWrappings(form.secrets, before.secrets) };
    if (before.managedBy !== 'file') return { kind: 'foreign', before };
    const changed = changedFields(before, content);
    const fields = changed.length === 0 && renew.includes(form.endpointId) ? ['version'] : changed;
    if (fields.length === 0) return { kind: 'unchanged', before };
    return { kind: 'changed', before, after: { ...content, ...stamp, version: before.version + 1 }, fields };
  });
  for (const before of now.endpoints.values()) {
    if (named.has(before.endpointId) || before.managedBy !== 'file') continue;
    changes.push({ kind: prune ? 'deleted' : 'missing', before });
  }
  return changes;
}

const stampKeys = new Set(['version', 'updatedAt', 'updatedBy', 'approvedBy']);

function changedFields(before: Endpoint, after: EndpointContent): string[] {
  const old: Readonly<Record<string, unknown>> = { ...before };
  const wanted: Readonly<Record<string, unknown>> = { ...after };
  return [...new Set([...Object.keys(old), ...Object.keys(wanted)])].filter(
    (key) => !stampKeys.has(key) && canonical(old[key]) !== canonical(wanted[key]),
  );
}

/** Digest of what an endpoint is, without version, stamp and who wraps its secrets: equal digests behave alike. */
export function contentDigest(endpoint: Endpoint): string {
  const secrets = endpoint.secrets.map(({ kekId: _kekId, ...secret }) =>
    secret.wrapped === undefined ? secret : { ...secret, wrapped: sealedPart(secret.wrapped) },
  );
  const content = Object.fromEntries(Object.entries({ ...endpoint, secrets }).filter(([key]) => !stampKeys.has(key)));
  return sha256Hex(Buffer.from(canonical(content)));
}

/** JSON with sorted keys; what is undefined is left out, as it is on the topic. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ''
  );
}
