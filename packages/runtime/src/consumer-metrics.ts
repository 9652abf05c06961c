// Ties a service's consumer and appender to the catalogue, the same way in every service. Knows the shapes only, not the
// client behind them.

import type { ServiceName } from './metric-catalogue.ts';
import type { Metrics } from './metrics.ts';
import type { RecentTrouble } from './recent-trouble.ts';

/** Hooks of an appender that keep the produce metrics, and tell of records that no broker takes. */
export function produceHooks(metrics: Metrics, service: ServiceName, trouble?: RecentTrouble) {
  const batchRecords = metrics.produceBatchRecords.labels({ service });
  const duration = metrics.produceDuration.labels({ service });
  const resends = metrics.produceResends.labels({ service });
  const uncovered = metrics.produceCoverageFailures.labels({ service });
  return {
    onBatch: (batch: { readonly records: number; readonly sendMs: number }): void => {
      batchRecords.observe(batch.records);
      duration.observe(batch.sendMs / 1000);
    },
    onResend: ({ reason, attempt }: { readonly reason: string; readonly attempt: number }): void => {
      resends.inc();
      // The first one is ordinary: a leader moved, and the next try finds it.
      if (attempt > 2) trouble?.tell({ code: 'unavailable', message: `appending: ${reason}` });
    },
    onCoverageFailure: (): void => uncovered.inc(),
  };
}

/** What a consumer tells of itself at a scrape. */
export interface ProgressSource {
  progress(): readonly {
    readonly topic: string;
    readonly lagRecords: number;
    readonly oldestOpenMs: number;
    /** Where it is known: how long it has stood still with records to read. */
    readonly unreadMs?: number;
    readonly open: number;
    readonly windowLimit: number;
    /** Where it is counted. */
    readonly openBytes?: number;
  }[];
  readonly group: { stats(): { readonly rebalances: number; readonly errors: number } };
}

/** Keeps lag, window and rebalance metrics of one consumer; the result takes them out again. */
export function collectProgress(metrics: Metrics, service: ServiceName, source: ProgressSource): () => void {
  const sum = <T>(rows: readonly T[], of: (row: T) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  const oldest = (rows: readonly { readonly oldestOpenMs: number }[]): number =>
    Math.max(0, ...rows.map((row) => row.oldestOpenMs)) / 1000;
  const byTopic = () => Map.groupBy(source.progress(), (row) => row.topic);
  const rebalances = counted(
    () => source.group.stats().rebalances,
    (n) => metrics.rebalances.inc({ service }, n),
  );
  const errors = counted(
    () => source.group.stats().errors,
    (n) => metrics.consumerErrors.inc({ service }, n),
  );
  const cancels = [
    metrics.consumerLagRecords.collect((set) => {
      rebalances();
      errors();
      for (const [topic, rows] of byTopic())
        set(
          { service, topic },
          sum(rows, (row) => row.lagRecords),
        );
    }),
    metrics.consumerLagSeconds.collect((set) => {
      for (const [topic, rows] of byTopic()) {
        const unreadMs = Math.max(0, ...rows.map((row) => row.unreadMs ?? 0));
        set({ service, topic }, Math.max(oldest(rows), unreadMs / 1000));
      }
    }),
    metrics.oldestUnsettledAge.collect((set) => set({ service }, oldest(source.progress()))),
    metrics.windowUse.collect((set) =>
      set(
        { service },
        sum(source.progress(), (row) => row.open),
      ),
    ),
    metrics.windowBytes.collect((set) =>
      set(
        { service },
        sum(source.progress(), (row) => row.openBytes ?? 0),
      ),
    ),
    metrics.windowLimit.collect((set) =>
      set(
        { service },
        sum(source.progress(), (row) => row.windowLimit),
      ),
    ),
  ];
  return () => {
    for (const cancel of cancels) cancel();
  };
}

/** Turns a total that is read now and then into increments of a counter. */
function counted(total: () => number, add: (n: number) => void): () => void {
  let told = 0;
  return () => {
    const now = total();
    if (now > told) add(now - told);
    told = now;
  };
}
