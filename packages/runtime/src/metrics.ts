// The catalogue made alive: one typed handle a row, so that a wrong metric, label or label value does not compile.
// The only file that knows the Prometheus client.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { eventLoopGrainMs } from './limits.ts';
import { catalogue } from './metric-catalogue.ts';
import type { Catalogue, Label, MetricRow } from './metric-catalogue.ts';

type LabelsOf<Row extends MetricRow> = {
  readonly [K in keyof Row['labels']]: Row['labels'][K] extends Label<infer Value> ? Value : never;
};
type NoLabels<Labels> = [keyof Labels] extends [never] ? true : false;

export interface BoundCounter {
  inc(amount?: number): void;
}
export interface BoundHistogram {
  observe(value: number): void;
}
export interface BoundGauge {
  set(value: number): void;
  inc(amount?: number): void;
  dec(amount?: number): void;
}

/** `labels` gives a handle for one set of values, and makes the series appear at 0: a first increase is then visible to rate(). */
export type CounterHandle<Labels> =
  NoLabels<Labels> extends true
    ? BoundCounter
    : { inc(labels: Labels, amount?: number): void; labels(labels: Labels): BoundCounter };

export type HistogramHandle<Labels> =
  NoLabels<Labels> extends true
    ? BoundHistogram
    : { observe(labels: Labels, value: number): void; labels(labels: Labels): BoundHistogram };

/** Hands a value computed at scrape time to the gauge. */
export type SetGauge<Labels> =
  NoLabels<Labels> extends true ? (value: number) => void : (labels: Labels, value: number) => void;

export interface CollectedGauge<Labels> {
  /**
   * Computes the gauge at every scrape, from what is in memory; label sets that no collector gives any more vanish (a
   * partition moved away). Several collectors may serve one gauge. Do not mix with `set`. Returns how to take it away.
   */
  collect(collector: (set: SetGauge<Labels>) => void): () => void;
}
export type GaugeHandle<Labels> = CollectedGauge<Labels> &
  (NoLabels<Labels> extends true
    ? BoundGauge
    : {
        set(labels: Labels, value: number): void;
        inc(labels: Labels, amount?: number): void;
        dec(labels: Labels, amount?: number): void;
        labels(labels: Labels): BoundGauge;
        /** Takes one label set away. */
        remove(labels: Labels): void;
      });

type HandleOf<Row extends MetricRow> = Row['type'] extends 'counter'
  ? CounterHandle<LabelsOf<Row>>
  : Row['type'] extends 'histogram'
    ? HistogramHandle<LabelsOf<Row>>
    : GaugeHandle<LabelsOf<Row>>;

export type MetricHandles = { readonly [K in keyof Catalogue]: HandleOf<Catalogue[K]> };

export interface Metrics extends MetricHandles {
  /** Everything in the Prometheus text format. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Ends what was measured in the background. */
  close(): void;
}

export interface MetricsOptions {
  readonly version: string;
  /** Source revision, where known. */
  readonly revision?: string;
  /** Memory, CPU, garbage collection, handles and event-loop delay of the process; default true. Once a process. */
  readonly processMetrics?: boolean;
}

/** One set of metrics with a registry of its own; a process makes one and hands it to all of its services. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const onCollectError = (name: string): void => handles.collectErrors.inc({ metric: name });
  const entries = Object.entries(catalogue).map(
    ([key, row]) => [key, makeHandle(row, registry, onCollectError)] as const,
  );
  const handles = Object.fromEntries(entries) as unknown as MetricHandles;

  handles.buildInfo.set(
    { version: options.version, revision: options.revision ?? 'unknown', node_version: process.version },
    1,
  );
  const stopLoopDelay = options.processMetrics !== false ? measureProcess(registry, handles) : () => {};
  return {
    ...handles,
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    close: stopLoopDelay,
  };
}

/** The client's label types are optional and open; the strict ones above stand before them, so this side takes any. */
type AnyLabels = Record<string, string>;

function makeHandle(row: MetricRow, registry: Registry, onCollectError: (name: string) => void): unknown {
  const labelNames = Object.keys(row.labels);
  const base = { name: row.name, help: row.help, labelNames, registers: [registry] };
  const labelled = labelNames.length > 0;
  switch (row.type) {
    case 'counter': {
      const counter = new Counter<string>(base);
      if (!labelled) return { inc: counter.inc.bind(counter) };
      return {
        inc: (labels: AnyLabels, amount?: number) => counter.inc(labels, amount),
        labels: (labels: AnyLabels) => {
          counter.inc(labels, 0);
          return counter.labels(labels);
        },
      };
    }
    case 'histogram': {
      const histogram = new Histogram<string>({ ...base, ...(row.buckets && { buckets: [...row.buckets] }) });
      return {
        observe: histogram.observe.bind(histogram),
        labels: (labels: AnyLabels) => histogram.labels(labels),
      };
    }
    case 'gauge':
      return makeGauge(base, onCollectError);
  }
}

type Collector = (set: Gauge<string>['set']) => void;

function makeGauge(
  base: ConstructorParameters<typeof Gauge<string>>[0],
  onCollectError: (name: string) => void,
): unknown {
  const collectors = new Set<Collector>();
  let collected = false;
  const gauge: Gauge<string> = new Gauge<string>({
    ...base,
    collect() {
      if (!collected) return;
      gauge.reset();
      for (const collector of collectors) {
        try {
          // One gauge that cannot be computed must not cost the whole scrape.
          collector(gauge.set.bind(gauge));
        } catch {
          onCollectError(base.name);
        }
      }
    },
  });
  return {
    set: gauge.set.bind(gauge),
    inc: gauge.inc.bind(gauge),
    dec: gauge.dec.bind(gauge),
    remove: gauge.remove.bind(gauge),
    labels: gauge.labels.bind(gauge),
    collect(collector: Collector) {
      collected = true;
      collectors.add(collector);
      return () => void collectors.delete(collector);
    },
  };
}

function measureProcess(registry: Registry, handles: MetricHandles): () => void {
  // The client's own utilization sampler wakes ten times a second; once is enough for a gauge read every 15 s.
  collectDefaultMetrics({ register: registry, eventLoopUtilizationTimeout: 1_000 });
  const delay = monitorEventLoopDelay({ resolution: eventLoopGrainMs });
  delay.enable();
  // The histogram holds the time between two timer runs, grain included: only what is beyond the grain is delay.
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - eventLoopGrainMs / 1e3);
  handles.eventLoopDelay.collect((set) => {
    set({ quantile: '0.5' }, seconds(delay.percentile(50)));
    set({ quantile: '0.99' }, seconds(delay.percentile(99)));
    set({ quantile: '1' }, seconds(delay.max));
    delay.reset();
  });
  return () => void delay.disable();
}
