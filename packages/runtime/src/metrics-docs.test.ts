// The SRE's page of metrics is the catalogue, or this test fails.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricsDocs } from './metric-catalogue.ts';

const path = join(import.meta.dirname, '..', '..', '..', 'docs', 'metrics.md');
const page = (): string => `# Metrics

Served at \`/metrics\` of every process, in the Prometheus text format. Names have the prefix \`postrider_\`, base units, and \`_total\` on counters.

${metricsDocs()}`;

test('docs/metrics.md says what the catalogue says (UPDATE_DOCS=1 writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, page());
  expect(readFileSync(path, 'utf8')).toBe(page());
});
