// The circuit breakers of the endpoints that this process owns. The state itself is a fold in the domain; here are what only
// the owner knows: the probes under way, and which of those that wait comes back first to be the next one.

import { breakerAfterRecord, type AttemptsRecord } from '@postrider/core/contracts';
import {
  breakerAfter,
  breakerEffect,
  breakerPolicyOf,
  breakerState,
  openForMs,
  type Breaker,
  type Endpoint,
  type EndpointId,
  type EndpointIndex,
} from '@postrider/core/domain';
import { proberHeadStartMs, returnShareOfOutage } from './limits.ts';
import type { AttemptResult } from './send-attempt.ts';

/** A step of a breaker that people want to know of. */
export interface BreakerMove {
  readonly endpoint: Endpoint;
  readonly to: 'open' | 'half-open' | 'closed';
  readonly breaker: Breaker | undefined;
}

/** An endpoint is not sent to now. */
export interface Shut {
  /** What is put off comes back at or after this, epoch ms. */
  readonly fromMs: number;
  /** It comes back exactly then, alone, to be the next probe. */
  readonly isProber: boolean;
}

export interface EndpointBreakersDeps {
  readonly now: () => number;
  readonly endpoints: EndpointIndex;
  readonly onMove: (move: BreakerMove) => void;
}

interface Entry {
  readonly partition: number;
  breaker: Breaker;
  /** Probes under way. */
  probing: number;
  /** The probe time for which somebody comes back. */
  proberAtMs: number;
}

export class EndpointBreakers {
  readonly #deps: EndpointBreakersDeps;
  /** Endpoints with a stain only. */
  readonly #entries = new Map<EndpointId, Entry>();

  constructor(deps: EndpointBreakersDeps) {
    this.#deps = deps;
  }

  /** Undefined: the endpoint may be sent to. */
  shut(endpoint: Endpoint): Shut | undefined {
    const entry = this.#entryOf(endpoint);
    if (entry?.breaker.kind !== 'open') return undefined;
    const policy = breakerPolicyOf(endpoint.breaker);
    if (policy === undefined) return undefined;
    const { probeAtMs, sinceMs, openings } = entry.breaker;
    const nowMs = this.#deps.now();
    // Whoever was away for hours is not asked for every minute by everybody.
    const patientMs = nowMs + (nowMs - sinceMs) * returnShareOfOutage;
    if (nowMs < probeAtMs) {
      if (entry.proberAtMs !== probeAtMs) return { fromMs: probeAtMs, isProber: true };
      return { fromMs: Math.max(probeAtMs + proberHeadStartMs, patientMs), isProber: false };
    }
    if (entry.probing < policy.probes) return undefined;
    return { fromMs: Math.max(nowMs + openForMs(policy, openings + 1), patientMs), isProber: false };
  }

  /** A dispatch was put off until then. True when it is the one that comes back to probe. */
  tookProberSlot(endpointId: EndpointId, atMs: number): boolean {
    const entry = this.#entries.get(endpointId);
    if (entry?.breaker.kind !== 'open' || entry.breaker.probeAtMs !== atMs || entry.proberAtMs === atMs) return false;
    entry.proberAtMs = atMs;
    return true;
  }

  /** A request starts. True when it is a probe. */
  begins(endpoint: Endpoint): boolean {
    const entry = this.#entryOf(endpoint);
    if (!entry || breakerState(entry.breaker, this.#deps.now()) !== 'half-open') return false;
    if (entry.probing === 0) this.#deps.onMove({ endpoint, to: 'half-open', breaker: entry.breaker });
    entry.probing++;
    return true;
  }

  /** A request ended, in a partition that is still owned; without a result it was not made after all. True when it opened the breaker. */
  ended(endpoint: Endpoint, partition: number, isProbe: boolean, result: AttemptResult | undefined): boolean {
    const entry = this.#entries.get(endpoint.endpointId);
    if (entry && isProbe) entry.probing = Math.max(0, entry.probing - 1);
    if (!result) return false;
    const effect = breakerEffect(result.outcome);
    if (!entry && effect !== 'counts') return false;
    const { version: endpointVersion } = endpoint;
    // It changed while the request was under way: what came of the old version says nothing of the new one.
    if (this.#deps.endpoints.get(endpoint.endpointId)?.version !== endpointVersion) return false;
    const startedAtMs = result.startedAtMs;
    const evidence = { endpointVersion, effect, startedAtMs, endedAtMs: Math.round(startedAtMs + result.durationMs) };
    const before = entry?.breaker;
    const after = breakerAfter(before, evidence, breakerPolicyOf(endpoint.breaker));
    this.#put(endpoint.endpointId, partition, after);
    if (after?.kind === 'open' && after !== before) {
      this.#deps.onMove({ endpoint, to: 'open', breaker: after });
      return before?.kind !== 'open';
    }
    if (before?.kind === 'open' && after?.kind !== 'open')
      this.#deps.onMove({ endpoint, to: 'closed', breaker: after });
    return false;
  }

  /** Takes a record that was read back from the log. */
  learn(record: AttemptsRecord, partition: number): void {
    if (record.type !== 'AttemptSettled' && record.type !== 'DispatchDeferred') return;
    const endpoint = this.#deps.endpoints.get(record.endpoint);
    if (!endpoint) return;
    const before = this.#entries.get(endpoint.endpointId)?.breaker;
    this.#put(endpoint.endpointId, partition, breakerAfterRecord(before, record, endpoint));
  }

  /** The partition was lost: its next owner learns from the log. */
  forget(partition: number): void {
    for (const [endpointId, entry] of this.#entries)
      if (entry.partition === partition) this.#entries.delete(endpointId);
  }

  /** How many are open and half-open now. */
  counts(): { readonly open: number; readonly halfOpen: number } {
    let open = 0;
    let halfOpen = 0;
    for (const [endpointId, { breaker }] of this.#entries) {
      if (this.#deps.endpoints.get(endpointId)?.version !== breaker.endpointVersion) continue;
      const state = breakerState(breaker, this.#deps.now());
      if (state === 'open') open++;
      else if (state === 'half-open') halfOpen++;
    }
    return { open, halfOpen };
  }

  /** What is known of this version of the endpoint. */
  #entryOf({ endpointId, version }: Endpoint): Entry | undefined {
    const entry = this.#entries.get(endpointId);
    return entry?.breaker.endpointVersion === version ? entry : undefined;
  }

  #put(endpointId: EndpointId, partition: number, breaker: Breaker | undefined): void {
    const entry = this.#entries.get(endpointId);
    if (breaker === undefined) this.#entries.delete(endpointId);
    else if (entry?.breaker.endpointVersion === breaker.endpointVersion) entry.breaker = breaker;
    else this.#entries.set(endpointId, { partition, breaker, probing: 0, proberAtMs: 0 });
  }
}
