// The verdict: a few lines for a person, one line for a machine.

import type { PromiseNumber } from './checker/finding.ts';
import type { SeedResult } from './run-seed.ts';

const shownMax = 20;

export function verdictLines({ plan, findings, published, requests, drainMs }: SeedResult): string[] {
  const { violations, checked, figures } = findings;
  const counts = [...checked].sort(([a], [b]) => a - b).map(([promise, n]) => `promise ${promise}: ${n}`);
  const told = Object.entries(figures).map(([name, n]) => `${name} ${n}`);
  const head = `seed ${plan.seed}: ${violations.length === 0 ? 'kept' : `${violations.length} VIOLATIONS`}; ${published} events, ${requests} requests, drained in ${(drainMs / 1_000).toFixed(1)} s; ${[...counts, ...told].join(', ')}`;
  if (violations.length === 0) return [head];
  const shown = violations
    .slice(0, shownMax)
    .map(({ promise, rule, about }) => `  promise ${promise}, ${rule}: ${about}`);
  const more = violations.length > shownMax ? [`  … and ${violations.length - shownMax} more`] : [];
  return [
    head,
    ...shown,
    ...more,
    `  evidence: .postrider/chaos/${plan.name}/   again: npm run chaos -- ${again(plan)}`,
  ];
}

function again({ seed, seconds, brokers }: SeedResult['plan']): string {
  return `--seed ${seed} --seconds ${seconds}${brokers === 3 ? ' --brokers 3' : ''}`;
}

/** One document: counts per promise over all seeds, and every violation. */
export function jsonLine(results: readonly SeedResult[]): string {
  const promises: Partial<Record<PromiseNumber, number>> = {};
  for (const { findings } of results)
    for (const [promise, n] of findings.checked) promises[promise] = (promises[promise] ?? 0) + n;
  return JSON.stringify({
    seeds: results.map(({ plan, published, requests, drainMs, findings }) => ({
      seed: plan.seed,
      again: again(plan),
      published,
      requests,
      drainMs,
      ...findings.figures,
      plan: plan.faults,
      violations: findings.violations.length,
    })),
    promises,
    violations: results.flatMap(({ plan, findings }) =>
      findings.violations.map((one) => ({ seed: plan.seed, ...one })),
    ),
  });
}
