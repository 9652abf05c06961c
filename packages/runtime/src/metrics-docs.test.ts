// The SRE's page of metrics is the catalogue, or this test fails.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alarms, alarmsDocs } from './alarms.ts';
import { catalogue, metricsDocs, type MetricRow } from './metric-catalogue.ts';

const path = join(import.meta.dirname, '..', '..', '..', 'docs', 'metrics.md');
const page = (): string => `# Metrics

Served at \`/metrics\` of every process, in the Prometheus text format. Names have the prefix \`postrider_\`, base units, and \`_total\` on counters.

${metricsDocs()}
## Alarms

What is worth waking somebody for; numbers are to begin with. A counter with labels appears with its first count, which \`increase\` does not see: what should
never be is compared with 0. A process that is not there has no metrics at all.

${alarmsDocs()}`;

test('docs/metrics.md says what the catalogue says (UPDATE_DOCS=1 writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, page());
  expect(readFileSync(path, 'utf8')).toBe(page());
});

test.each(alarms.map(({ when, expression }) => [when, expression]))(
  'the alarm "%s" asks for metrics and labels that there are',
  (_when, expression) => {
    const rows = new Map<string, MetricRow>(Object.values(catalogue).map((row) => [row.name, row]));
    const asked = [...expression.matchAll(/(postrider_[a-z_]+)(?:\{([a-z_]+)=)?/g)];
    expect(asked.length).toBeGreaterThan(0);
    const [, grouped = ''] = /by \(([a-z_, ]+)\)/.exec(expression) ?? [];
    const wanted = asked.flatMap(([, name = '', label]) => [
      name,
      ...[...grouped.split(', '), label ?? ''].filter(Boolean).map((each) => `${name}{${each}}`),
    ]);
    const known = [...rows].flatMap(([name, row]) => [
      name,
      ...Object.keys(row.labels).map((label) => `${name}{${label}}`),
    ]);
    expect(known).toEqual(expect.arrayContaining(wanted));
  },
);

test('an alarm that something does not happen is told also where it never did: such a counter does not exist yet', () => {
  const still = alarms.filter(({ expression }) => /rate\(.*== 0/.test(expression));
  expect(still).not.toEqual([]);
  for (const { expression } of still) expect(expression).toMatch(/\(sum\(rate\([^ ]+\)\) or vector\(0\)\) == 0/);
});
