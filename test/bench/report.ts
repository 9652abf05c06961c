// The results as a table for people and as one line of JSON for programs.

import { profileRows } from './limits.ts';
import type { ProfileSummary } from './cpu-profile.ts';
import { parts, type Measured, type Part } from './measured.ts';

/** Per scenario and value the median of its runs; ratios against the median of bare. */
export function mediansOf(runs: readonly Measured[]): Measured[] {
  const byName = Map.groupBy(runs, ({ name }) => name);
  const bare = byName.get('bare');
  const bareMs = bare && median(bare.map(({ cpuMsPerDelivery }) => cpuMsPerDelivery.sender ?? Number.NaN));
  const bareSumMs = bare && median(bare.map(({ cpuMsPerDelivery }) => cpuMsPerDelivery.sum));
  return [...byName.values()].map((of) => {
    const cpu: Partial<Record<Part, number>> & { sum: number } = {
      sum: median(of.map((run) => run.cpuMsPerDelivery.sum)),
    };
    const rss: Partial<Record<Part, number>> = {};
    for (const part of parts) {
      const times = of.flatMap((run) => run.cpuMsPerDelivery[part] ?? []);
      if (times.length > 0) cpu[part] = median(times);
      const sizes = of.flatMap((run) => run.rssMbByProcess[part] ?? []);
      if (sizes.length > 0) rss[part] = median(sizes);
    }
    const dispatchMs = cpu.dispatch ?? cpu.sender;
    return {
      ...of[0]!,
      deliveries: median(of.map((run) => run.deliveries)),
      deliveriesPerS: median(of.map((run) => run.deliveriesPerS)),
      cpuMsPerDelivery: cpu,
      p50Ms: medianOrNull(of.map((run) => run.p50Ms)),
      p99Ms: medianOrNull(of.map((run) => run.p99Ms)),
      rssMb: median(of.map((run) => run.rssMb)),
      rssMbByProcess: rss,
      ratioToBare: bareMs === undefined || dispatchMs === undefined ? null : dispatchMs / bareMs,
      sumRatioToBare: bareSumMs === undefined ? null : (cpu.sum - (cpu['broker-jit'] ?? 0)) / bareSumMs,
      connections: medianOrNull(of.map((run) => run.connections)),
      projection: of[0]!.projection && {
        lagRecords: median(of.flatMap((run) => run.projection?.lagRecords ?? [])),
        caughtUpMs: median(of.flatMap((run) => run.projection?.caughtUpMs ?? [])),
      },
    };
  });
}

export function table(results: readonly Measured[]): string {
  const used = parts.filter((part) => results.some(({ cpuMsPerDelivery }) => cpuMsPerDelivery[part] !== undefined));
  const head = [
    'scenario',
    'deliveries',
    'per s',
    'sum',
    ...used,
    'x bare',
    'sum x bare',
    'p50 ms',
    'p99 ms',
    'RSS MB',
    'conns',
    'lag',
    'caught up',
  ];
  const rows = results.map((run) => [
    run.name,
    String(Math.round(run.deliveries)),
    String(Math.round(run.deliveriesPerS)),
    fixed(run.cpuMsPerDelivery.sum, 3),
    ...used.map((part) => fixed(run.cpuMsPerDelivery[part], 3)),
    fixed(run.ratioToBare, 2),
    fixed(run.sumRatioToBare, 2),
    fixed(run.p50Ms, 1),
    fixed(run.p99Ms, 1),
    run.rssMb === 0 ? '-' : String(Math.round(run.rssMb)),
    run.connections === null ? '-' : String(Math.round(run.connections)),
    run.projection === null ? '-' : String(Math.round(run.projection.lagRecords)),
    run.projection === null ? '-' : `${fixed(run.projection.caughtUpMs / 1_000, 1)} s`,
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  return [
    "CPU in ms for one delivery; sum is of everything but the publisher, sum x bare leaves the broker's compilers out as well. RSS is of the services. Lag: audit records not in PostgreSQL at the last delivery.",
    line(head),
    ...rows.map(line),
  ].join('\n');
}

export function jsonLine(results: readonly Measured[], about: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...about, scenarios: results }, (_key, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(5)) : value,
  );
}

/** Self time for one delivery, the dearest functions first. */
export function profileText(title: string, { busyMs, functions, kinds }: ProfileSummary, deliveries: number): string {
  const per = (ms: number): string =>
    `${((ms / deliveries) * 1_000).toFixed(1).padStart(8)} µs ${((ms / busyMs) * 100).toFixed(1).padStart(5)} %  `;
  return [
    `${title}: ${((busyMs / deliveries) * 1_000).toFixed(0)} µs of the main thread for a delivery (${deliveries} deliveries, idle time left out)`,
    '',
    'By kind of work',
    ...kinds.map(({ what, selfMs }) => `${per(selfMs)}${what}`),
    '',
    `The ${profileRows} functions with most self time`,
    ...functions.slice(0, profileRows).map(({ what, selfMs }) => `${per(selfMs)}${what}`),
  ].join('\n');
}

function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? '-' : value.toFixed(digits);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}
