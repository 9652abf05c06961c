// Which endpoints of a replay are failing now. What is replayed to one of them would only be put off, behind what waits for it
// already, and whoever asked for it would take "sent" for "on its way".

import type { EndpointId } from '@postrider/core/domain';
import { formatDuration } from '@postrider/runtime';
import { readHealth } from './endpoint-health.ts';
import { readEndpoints } from './endpoint-table.ts';
import type { ReplayPorts } from './replay.ts';
import { shown } from './table-text.ts';

/** An endpoint whose circuit breaker is open, as `--json` tells it. */
export interface OpenCircuit {
  readonly endpoint: EndpointId;
  /** ISO 8601. */
  readonly since: string | null;
  readonly nextProbe: string | null;
  readonly openings: number;
}

/**
 * Those of the named endpoints that are left alone at `nowMs`. A half-open one is not among them: what comes next is its probe.
 * @throws KafkaError as `scan` does
 */
export async function openCircuits(
  ports: Pick<ReplayPorts, 'cluster' | 'environment' | 'timeoutMs'> & Parameters<typeof readHealth>[0],
  named: Iterable<EndpointId>,
  nowMs: number,
): Promise<OpenCircuit[]> {
  const { endpoints } = await readEndpoints(ports.cluster, ports.environment, ports.timeoutMs);
  const open: OpenCircuit[] = [];
  for (const endpointId of new Set(named)) {
    const endpoint = endpoints.get(endpointId);
    // A deleted endpoint, or one that nobody knows yet, has no circuit: dispatch says what becomes of its rounds.
    if (!endpoint) continue;
    const health = await readHealth(ports, endpoint, { nowMs, timeoutMs: ports.timeoutMs });
    if (health?.breaker.state !== 'open') continue;
    const { since, nextProbe, openings } = health.breaker;
    open.push({ endpoint: endpointId, since, nextProbe, openings });
  }
  return open;
}

/** Why a replay does not begin, and what to do. */
export function openCircuitText({ endpoint, since, nextProbe }: OpenCircuit, nowMs: number): string {
  const id = shown(endpoint);
  const inMs = Math.max(0, Date.parse(nextProbe ?? '') - nowMs);
  return (
    `the circuit breaker of ${id} is open since ${shown(since)}: it fails now, and what is replayed would only wait. ` +
    `Mend it, wait for its next probe (in ${formatDuration(Math.ceil(inMs / 1_000) * 1_000)}; \`postrider endpoints show ${id}\`), ` +
    `or say --force to put the rounds behind what waits for it`
  );
}
