// The body of an event for each endpoint that must be told: built once for each profile and its options, never again.

import { sha256Hex, type UpstreamEvent } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { profileNamed } from '@postrider/profiles';
import { isCalled } from './calls.ts';

interface Bodies {
  readonly built: {
    readonly endpoint: Endpoint;
    readonly body: Uint8Array;
    readonly digest: string;
    /** Of a call: what its answer is keyed by. */
    readonly correlation: string | undefined;
  }[];
  readonly refused: {
    readonly endpoint: Endpoint['endpointId'];
    readonly reason: `profile:${string}`;
    readonly isCall: boolean;
  }[];
}

/** The body for each endpoint; endpoints of one profile and options share one. */
export function buildBodies(event: UpstreamEvent, endpoints: readonly Endpoint[], recordTimeMs: number): Bodies {
  const shared = new Map<
    string,
    { readonly body: Uint8Array; readonly digest: string } | { readonly reason: `profile:${string}` }
  >();
  const bodies: Bodies = { built: [], refused: [] };
  for (const endpoint of endpoints) {
    const key = `${endpoint.profile} ${JSON.stringify(endpoint.profileOptions)}`;
    let made = shared.get(key);
    if (!made) {
      const result = profileNamed(endpoint.profile)?.buildBody(
        {
          id: event.id,
          type: event.type,
          projectId: event.projectId,
          subject: event.subject,
          timeMs: event.timeMs,
          recordTimeMs,
          data: event.data,
        },
        endpoint.profileOptions,
      ) ?? { ok: false, reason: 'profile:unknown' };
      made = result.ok
        ? { body: result.body, digest: sha256Hex(result.body) }
        : { reason: result.reason as `profile:${string}` };
      shared.set(key, made);
    }
    const isCall = isCalled(endpoint);
    const refuse = (reason: `profile:${string}`): number =>
      bodies.refused.push({ endpoint: endpoint.endpointId, reason, isCall });
    if ('reason' in made) {
      refuse(made.reason);
      continue;
    }
    const correlation = isCall
      ? (event.correlation ?? profileNamed(endpoint.profile)?.reply?.correlationOf(made.body))
      : undefined;
    if (isCall && correlation === undefined) refuse('profile:correlation');
    else bodies.built.push({ endpoint, ...made, correlation });
  }
  return bodies;
}
