import { describe, expect, it } from 'vitest';
import { collectProgress, produceHooks, type ProgressSource } from './consumer-metrics.ts';
import { createMetrics } from './metrics.ts';

function rig() {
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const stats = { rebalances: 0, errors: 0 };
  let rows: ReturnType<ProgressSource['progress']> = [];
  const cancel = collectProgress(metrics, 'dispatch', { progress: () => rows, group: { stats: () => stats } });
  return {
    metrics,
    stats,
    cancel,
    set(next: typeof rows) {
      rows = next;
    },
    /** Samples of one metric, as `labels value`. */
    async samples(name: string): Promise<string[]> {
      const { text } = await metrics.scrape();
      return text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .map((line) => line.slice(name.length));
    },
  };
}

const row = (topic: string, over: Partial<ReturnType<ProgressSource['progress']>[number]> = {}) => ({
  topic,
  lagRecords: 0,
  oldestOpenMs: 0,
  open: 0,
  windowLimit: 100,
  ...over,
});

describe('collectProgress', () => {
  it('adds the lag of the partitions of a topic up, and takes the age of the oldest', async () => {
    const r = rig();
    r.set([
      row('a', { lagRecords: 3, oldestOpenMs: 1_500, open: 2 }),
      row('a', { lagRecords: 4, oldestOpenMs: 500, open: 1 }),
      row('b', { oldestOpenMs: 2_000, open: 4 }),
    ]);
    expect(await r.samples('postrider_consumer_lag_records')).toEqual([
      '{service="dispatch",topic="a"} 7',
      '{service="dispatch",topic="b"} 0',
    ]);
    expect(await r.samples('postrider_consumer_lag_seconds')).toEqual([
      '{service="dispatch",topic="a"} 1.5',
      '{service="dispatch",topic="b"} 2',
    ]);
    expect(await r.samples('postrider_oldest_unsettled_age_seconds')).toEqual(['{service="dispatch"} 2']);
    expect(await r.samples('postrider_window_use')).toEqual(['{service="dispatch"} 7']);
    expect(await r.samples('postrider_window_limit')).toEqual(['{service="dispatch"} 300']);
  });

  it('tells of a partition that stands still, whatever is read beside it', async () => {
    const r = rig();
    r.set([row('a', { lagRecords: 9, unreadMs: 60_000 }), row('a', { lagRecords: 1, oldestOpenMs: 500, open: 1 })]);
    expect(await r.samples('postrider_consumer_lag_seconds')).toEqual(['{service="dispatch",topic="a"} 60']);
    // Nothing of it was accepted.
    expect(await r.samples('postrider_oldest_unsettled_age_seconds')).toEqual(['{service="dispatch"} 0.5']);
  });

  it('says nothing of a topic whose partitions went to somebody else', async () => {
    const r = rig();
    r.set([row('a', { lagRecords: 3 })]);
    await r.samples('postrider_consumer_lag_records');
    r.set([]);
    expect(await r.samples('postrider_consumer_lag_records')).toEqual([]);
    expect(await r.samples('postrider_oldest_unsettled_age_seconds')).toEqual(['{service="dispatch"} 0']);
  });

  it('counts rebalances and errors from their totals, each once', async () => {
    const r = rig();
    r.set([row('a')]);
    r.stats.rebalances = 2;
    r.stats.errors = 5;
    await r.samples('postrider_consumer_lag_records');
    r.stats.rebalances = 3;
    await r.samples('postrider_consumer_lag_records');
    const { text } = await r.metrics.scrape();
    expect(text).toMatch(/postrider_(?:\w+_)?rebalances_total\{service="dispatch"\} 3/);
    expect(text).toMatch(/postrider_(?:\w+_)?errors_total\{service="dispatch"\} 5/);
  });

  it('leaves nothing behind when it is taken out', async () => {
    const r = rig();
    r.set([row('a', { lagRecords: 3 })]);
    await r.samples('postrider_consumer_lag_records');
    r.cancel();
    for (const name of [
      'consumer_lag_records',
      'consumer_lag_seconds',
      'oldest_unsettled_age_seconds',
      'window_use',
      'window_limit',
    ]) {
      expect(await r.samples(`postrider_${name}`)).toEqual([]);
    }
  });
});

describe('produceHooks', () => {
  it('keeps the metrics of an appender, in seconds', async () => {
    const r = rig();
    const hooks = produceHooks(r.metrics, 'convergence');
    hooks.onBatch({ records: 20, sendMs: 250 });
    hooks.onResend({ reason: 'leader moved', attempt: 2 });
    hooks.onCoverageFailure();
    hooks.onCoverageFailure();
    const { text } = await r.metrics.scrape();
    expect(text).toMatch(/batch_records_sum\{service="convergence"\} 20/);
    expect(text).toMatch(/_seconds_sum\{service="convergence"\} 0\.25/);
    expect(text).toMatch(/resends_total\{service="convergence"\} 1/);
    expect(text).toMatch(/coverage_failures_total\{service="convergence"\} 2/);
  });
});
