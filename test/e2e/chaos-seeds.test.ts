// A few short seeds of `npm run chaos`, each with every promise checked from outside. Long ones are for a machine of their own.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ciSeconds, ciSeeds, regressions } from '../chaos/known-seeds.ts';

interface Verdict {
  readonly seeds: readonly { readonly seed: number; readonly published: number; readonly requests: number }[];
  readonly promises: Readonly<Record<string, number>>;
  readonly violations: readonly object[];
}

const folder = join(import.meta.dirname, '..', 'chaos');
const main = join(folder, 'main.ts');

test('every promise is kept under faults, by the seeds of CI and the plans that once found something', async () => {
  const seeds = ciSeeds.flatMap((seed) => ['--seed', String(seed)]);
  const plans = regressions.flatMap(({ plan }) => ['--replay', join(folder, 'regressions', plan)]);
  const args = [main, ...plans, ...seeds, '--seconds', String(ciSeconds), '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 170_000 }).catch((error: unknown) => {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    process.stderr.write(stderr);
    return { stdout };
  });
  const verdict = JSON.parse(stdout.trim().split('\n').at(-1)!) as Verdict;
  expect(verdict.violations).toEqual([]);
  expect(verdict.seeds).toHaveLength(ciSeeds.length + regressions.length);
  for (const { published, requests } of verdict.seeds) {
    expect(published).toBeGreaterThan(80);
    expect(requests).toBeGreaterThan(published);
  }
  for (const promise of ['1', '2', '3', '4', '6']) expect(verdict.promises[promise]).toBeGreaterThan(200);
  // Fewer: only endpoints whose requests nothing of their own can hold up, in three and a half seconds.
  expect(verdict.promises['5']).toBeGreaterThan(10);
});
