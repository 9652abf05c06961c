// Which endpoints of a replay are failing now, or are shut. What is replayed to one of them would only be put off, behind what
// waits for it already, or die once more, and whoever asked for it would take "sent" for "on its way".

import type { EndpointId } from '@postrider/core/domain';
import { formatDuration } from '@postrider/runtime';
import { readHealth } from './endpoint-health.ts';
import { readEndpoints } from './endpoint-table.ts';
import { goneSince, readGone } from './gone-endpoints.ts';
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

/** An endpoint to which nothing is sent whatever waits, as `--json` tells it. */
export interface ShutEndpoint {
  readonly endpoint: EndpointId;
  readonly why: 'deleted' | 'disabled' | 'gone';
  /** ISO 8601: when it answered 410. */
  readonly since: string | null;
}

export interface ReplayObstacles {
  readonly open: readonly OpenCircuit[];
  readonly shut: readonly ShutEndpoint[];
  /** Their rounds wait until they are resumed, which is no reason to refuse. */
  readonly paused: readonly EndpointId[];
}

/**
 * Those of the named endpoints that are left alone at `nowMs`. A half-open one is not among them: what comes next is its probe.
 * @throws KafkaError as `scan` does
 */
export async function replayObstacles(
  ports: Pick<ReplayPorts, 'cluster' | 'environment' | 'timeoutMs'> & Parameters<typeof readHealth>[0],
  named: Iterable<EndpointId>,
  nowMs: number,
): Promise<ReplayObstacles> {
  const { cluster, environment, timeoutMs } = ports;
  const { endpoints, deletedVersions } = await readEndpoints(cluster, environment, timeoutMs);
  const gone = await readGone(cluster, environment, timeoutMs);
  const open: OpenCircuit[] = [];
  const shut: ShutEndpoint[] = [];
  const paused: EndpointId[] = [];
  for (const endpointId of new Set(named)) {
    const endpoint = endpoints.get(endpointId);
    if (!endpoint) {
      // One that nobody knows yet is not shut: its rounds wait for it.
      if (deletedVersions.has(endpointId)) shut.push({ endpoint: endpointId, why: 'deleted', since: null });
      continue;
    }
    if (endpoint.status.kind === 'disabled') {
      shut.push({ endpoint: endpointId, why: 'disabled', since: null });
      continue;
    }
    if (endpoint.status.kind === 'paused') paused.push(endpointId);
    const health = await readHealth(ports, endpoint, { nowMs, timeoutMs });
    const since410 = goneSince(gone, endpoint) ?? health?.goneSince ?? null;
    if (since410 !== null) shut.push({ endpoint: endpointId, why: 'gone', since: since410 });
    if (health?.breaker.state !== 'open' || since410 !== null) continue;
    const { since, nextProbe, openings } = health.breaker;
    open.push({ endpoint: endpointId, since, nextProbe, openings });
  }
  return { open, shut, paused };
}

/** Why a replay cannot begin, and what to do; no force helps. */
export function shutText({ endpoint, why, since }: ShutEndpoint): string {
  const id = shown(endpoint);
  const again = 'what is replayed would be a dead letter again at once';
  switch (why) {
    case 'deleted':
      return `${id} was deleted: ${again}. Make it anew with \`postrider endpoints apply\``;
    case 'disabled':
      return `${id} is disabled: ${again}. Enable it with \`postrider endpoints apply\``;
    case 'gone':
      return (
        `${id} answered 410 on ${shown(since)} and its version is not sent to any more: ${again}. ` +
        `\`postrider endpoints apply <file> --renew ${id}\` makes a newer version`
      );
  }
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
