import { describe, expect, expectTypeOf, test } from 'vitest';
import { catalogue, metricsDocs, statusClass } from './metric-catalogue.ts';
import type { MetricRow } from './metric-catalogue.ts';
import { createMetrics } from './metrics.ts';

const rows: [string, MetricRow][] = Object.entries(catalogue);

async function seriesOf(metrics: ReturnType<typeof createMetrics>, name: string): Promise<string[]> {
  const { text } = await metrics.scrape();
  return text.split('\n').filter((line) => line.startsWith(name) && /[{ ]/.test(line.charAt(name.length)));
}

describe('the catalogue', () => {
  test('has each name once', () => {
    const names = rows.map(([, row]) => row.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(rows)('%s follows the naming rules', (_key, row) => {
    expect(row.name).toMatch(/^postrider_[a-z][a-z_]*[a-z]$/);
    expect(row.name.endsWith('_total')).toBe(row.type === 'counter');
    expect(row.name.includes('_seconds')).toBe(row.unit === 'seconds');
    expect(row.help).toMatch(/\.$/);
  });

  test.each(rows)('%s has no label that grows without bound', (_key, row) => {
    for (const label of Object.keys(row.labels)) {
      expect(label).not.toMatch(/endpoint|tenant|project|url|_id$|^id$|partition/);
    }
  });

  test.each(rows.filter(([, row]) => row.type === 'histogram'))('%s has rising buckets', (_key, row) => {
    const buckets = row.buckets ?? [];
    expect(buckets.length).toBeGreaterThan(3);
    expect(buckets).toEqual([...buckets].toSorted((a, b) => a - b));
    expect(new Set(buckets).size).toBe(buckets.length);
  });

  test('has a line for each metric in its table', () => {
    expect(metricsDocs().trim().split('\n')).toHaveLength(rows.length + 2);
    expect(metricsDocs()).toContain(
      '| `postrider_attempts_total` | counter | `service` `outcome` `status_class` | attempts |',
    );
  });
});

describe('handles', () => {
  test('count and observe under their names and labels', async () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    metrics.attempts.inc({ service: 'dispatch', outcome: 'success', status_class: '2xx' });
    metrics.attempts.labels({ service: 'dispatch', outcome: 'success', status_class: '2xx' }).inc(2);
    metrics.attemptDuration.labels({ outcome: 'success' }).observe(0.02);
    metrics.retryLateness.observe(0.06);
    expect(await seriesOf(metrics, 'postrider_attempts_total')).toEqual([
      'postrider_attempts_total{service="dispatch",outcome="success",status_class="2xx"} 3',
    ]);
    const { text } = await metrics.scrape();
    expect(text).toContain('postrider_attempt_duration_seconds_bucket{le="0.025",outcome="success"} 1');
    expect(text).toContain('postrider_retry_lateness_seconds_sum 0.06');
  });

  test('of a counter make the series appear at 0 and do not reset it', async () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    metrics.deadLetters.labels({ reason: 'gone' });
    expect(await seriesOf(metrics, 'postrider_dead_letters_total')).toEqual([
      'postrider_dead_letters_total{reason="gone"} 0',
    ]);
    metrics.deadLetters.inc({ reason: 'gone' });
    metrics.deadLetters.labels({ reason: 'gone' });
    expect(await seriesOf(metrics, 'postrider_dead_letters_total')).toEqual([
      'postrider_dead_letters_total{reason="gone"} 1',
    ]);
  });

  test('do not compile with a wrong label, value or metric', () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    const wrong = (): void => {
      // @ts-expect-error not an outcome
      metrics.attempts.inc({ service: 'dispatch', outcome: 'sucess', status_class: '2xx' });
      // @ts-expect-error a label is missing
      metrics.attempts.inc({ service: 'dispatch', outcome: 'success' });
      // @ts-expect-error it has no labels
      metrics.retryLateness.observe({ service: 'dispatch' }, 1);
    };
    expect(wrong).toThrow('not included in initial labelset');
    expectTypeOf(metrics.attempts).not.toHaveProperty('set');
    expectTypeOf(metrics).not.toHaveProperty('attempt');
  });

  test('of two sets are apart', async () => {
    const [one, two] = [
      createMetrics({ version: '1', processMetrics: false }),
      createMetrics({ version: '1', processMetrics: false }),
    ];
    one.attemptsAppendGaps.inc();
    expect(await seriesOf(two, 'postrider_attempts_append_gaps_total')).toEqual([
      'postrider_attempts_append_gaps_total 0',
    ]);
  });
});

describe('gauges computed at scrape', () => {
  test('take the values of all collectors, and forget label sets that are given no more', async () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    const topics = new Map([['test.dispatches', 3]]);
    metrics.consumerLagRecords.collect((set) => {
      for (const [topic, lag] of topics) set({ service: 'dispatch', topic }, lag);
    });
    const cancel = metrics.consumerLagRecords.collect((set) =>
      set({ service: 'convergence', topic: 'test.events' }, 5),
    );
    expect(await seriesOf(metrics, 'postrider_consumer_lag_records')).toEqual([
      'postrider_consumer_lag_records{service="dispatch",topic="test.dispatches"} 3',
      'postrider_consumer_lag_records{service="convergence",topic="test.events"} 5',
    ]);
    topics.clear();
    cancel();
    expect(await seriesOf(metrics, 'postrider_consumer_lag_records')).toEqual([]);
  });

  test('that throw cost only themselves and are counted', async () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    metrics.inFlight.collect(() => {
      throw new Error('not there');
    });
    metrics.inFlight.collect((set) => set({ service: 'dispatch' }, 7));
    expect(await seriesOf(metrics, 'postrider_in_flight')).toEqual(['postrider_in_flight{service="dispatch"} 7']);
    expect(await seriesOf(metrics, 'postrider_collect_errors_total')).toEqual([
      // One for each of the two scrapes.
      'postrider_collect_errors_total{metric="postrider_in_flight"} 2',
    ]);
  });

  test('beside plain ones, which keep what was set', async () => {
    const metrics = createMetrics({ version: '1', processMetrics: false });
    metrics.endpointTableSize.set({ service: 'dispatch' }, 4);
    await metrics.scrape();
    metrics.endpointTableSize.inc({ service: 'dispatch' });
    expect(await seriesOf(metrics, 'postrider_endpoint_table_size')).toEqual([
      'postrider_endpoint_table_size{service="dispatch"} 5',
    ]);
  });
});

test('process metrics tell memory, CPU and how late the event loop is', async () => {
  const metrics = createMetrics({ version: '1' });
  try {
    const { text } = await metrics.scrape();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toMatch(/^postrider_event_loop_delay_seconds\{quantile="0.99"\} \d/m);
  } finally {
    metrics.close();
  }
});

test.each([
  [undefined, 'none'],
  [101, '1xx'],
  [204, '2xx'],
  [302, '3xx'],
  [410, '4xx'],
  [503, '5xx'],
] as const)('the class of status %s is %s', (status, expected) => {
  expect(statusClass(status)).toBe(expected);
});
