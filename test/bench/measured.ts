// What a scenario comes to, and how CPU time is shared out over its deliveries.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hop } from './hops.ts';
import type { ScenarioName } from './scenarios.ts';
import type { ServiceProcess } from './service-processes.ts';
import { javaCompilersMs, usageOf, type Usage } from './process-usage.ts';

/** Everything that can have a column, in the order of the table. */
export const parts = [
  'convergence',
  'dispatch',
  'retry-scheduler',
  'audit-projector',
  'broker',
  'broker-jit',
  'postgres',
  'receiver',
  'sender',
  'publisher',
] as const;
export type Part = (typeof parts)[number];

const services: readonly Part[] = ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector'];
/** The publisher is upstream's, so its time is told apart and not summed. */
const summed: readonly Part[] = parts.filter((part) => part !== 'publisher');

export type Usages = Partial<Record<Part, Usage>>;

export interface Measured {
  readonly name: ScenarioName;
  readonly deliveries: number;
  readonly deliveriesPerS: number;
  readonly cpuMsPerDelivery: Readonly<{ sum: number } & Partial<Record<Part, number>>>;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Of the services together, at the end of the window. */
  readonly rssMb: number;
  readonly rssMbByProcess: Readonly<Partial<Record<Part, number>>>;
  /** CPU of dispatch for a delivery in that of the bare sender for a request. */
  readonly ratioToBare: number | null;
  /** `sum` without the broker's compilers, in that of the bare sender with its receiver: what compares between machines. */
  readonly sumRatioToBare: number | null;
  /** TLS connections of the whole scenario, warm-up included; null when the receiver does not know. */
  readonly connections: number | null;
  /** Audit records not in PostgreSQL at the last delivery, and the time until they were; null without a projection. */
  readonly projection: { readonly lagRecords: number; readonly caughtUpMs: number } | null;
  /** The way of an event, stop by stop; null but in *latency*. */
  readonly hops: readonly Hop[] | null;
}

/** The servers of an embedded stack, from the ledger it keeps beside its data. */
export interface ServerPids {
  readonly broker: number | undefined;
  readonly postgres: number | undefined;
}

export function serverPids(stackFolder: string): ServerPids {
  try {
    const { servers } = JSON.parse(readFileSync(join(stackFolder, 'processes.json'), 'utf8')) as {
      servers: { name: string; pid: number }[];
    };
    const pidOf = (start: string): number | undefined => servers.find(({ name }) => name.startsWith(start))?.pid;
    return { broker: pidOf('kafka'), postgres: pidOf('postgres') };
  } catch {
    return { broker: undefined, postgres: undefined };
  }
}

/** Usage of everything right now. */
export function usagesOf(who: {
  readonly services: readonly ServiceProcess[];
  readonly servers: ServerPids;
  readonly receiver: number;
  readonly publisher?: number;
  readonly sender?: number;
}): Usages {
  const usages: Usages = {};
  for (const { service, pid } of who.services) usages[service] = plus(usages[service], usageOf(pid));
  if (who.servers.broker !== undefined) {
    // A broker that is a minute old spends more on compiling itself than on its work; one that has run for a day does not.
    const { cpuMs, rssMb } = usageOf(who.servers.broker);
    const compilersMs = javaCompilersMs(who.servers.broker);
    usages.broker = { cpuMs: cpuMs - compilersMs, rssMb };
    usages['broker-jit'] = { cpuMs: compilersMs, rssMb: 0 };
  }
  if (who.servers.postgres !== undefined) usages.postgres = usageOf(who.servers.postgres, { children: true });
  usages.receiver = usageOf(who.receiver, { children: true });
  if (who.publisher !== undefined) usages.publisher = usageOf(who.publisher);
  if (who.sender !== undefined) usages.sender = usageOf(who.sender);
  return usages;
}

function plus(a: Usage | undefined, b: Usage): Usage {
  return a === undefined ? b : { cpuMs: a.cpuMs + b.cpuMs, rssMb: a.rssMb + b.rssMb };
}

/** CPU of each part between two moments, shared over deliveries; each part may have moments of its own. */
export function cpuBy(
  spanOf: (part: Part) => { readonly from: Usages; readonly to: Usages; readonly deliveries: number },
): Measured['cpuMsPerDelivery'] {
  const each: Partial<Record<Part, number>> = {};
  for (const part of parts) {
    const { from, to, deliveries } = spanOf(part);
    const [before, after] = [from[part], to[part]];
    if (before && after) each[part] = (after.cpuMs - before.cpuMs) / deliveries;
  }
  return { sum: summed.reduce((sum, part) => sum + (each[part] ?? 0), 0), ...each };
}

export function memory(usages: Usages): Pick<Measured, 'rssMb' | 'rssMbByProcess'> {
  const rssMbByProcess: Partial<Record<Part, number>> = {};
  for (const part of parts) if (usages[part]) rssMbByProcess[part] = Math.round(usages[part].rssMb);
  return { rssMb: services.reduce((sum, part) => sum + (rssMbByProcess[part] ?? 0), 0), rssMbByProcess };
}

/** The value below which `share` of them lie; `ascending` is not empty. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}
