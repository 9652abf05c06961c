// Runs checks side by side, each bounded in time: what one waits for in vain is its own finding and holds up no other.

import type { Timers } from '@postrider/runtime';
import { formatDuration } from '@postrider/runtime';
import { asCliError, type Whereabouts } from '../failure.ts';
import { findingsOf, type Area, type Finding } from './finding.ts';

export interface Check {
  readonly area: Area;
  readonly subject: string;
  /** A rejection becomes a finding. */
  run(): Promise<readonly Finding[]>;
}

export interface RunOptions {
  /** For each check. */
  readonly timeoutMs: number;
  readonly timers: Timers;
  readonly where: Whereabouts;
  /** Told as each check ends. */
  readonly onDone: (check: Check, findings: readonly Finding[]) => void;
}

export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<Finding[]> {
  const found = await Promise.all(
    checks.map(async (check) => {
      const findings = await runOne(check, options);
      options.onDone(check, findings);
      return findings;
    }),
  );
  return found.flat();
}

async function runOne(check: Check, { timeoutMs, timers, where }: RunOptions): Promise<readonly Finding[]> {
  const { problem } = findingsOf(check.area);
  const { subject } = check;
  const overdue = Promise.withResolvers<readonly Finding[]>();
  const cancel = timers.setTimer(timeoutMs, () => {
    const what = `no answer within ${formatDuration(timeoutMs)}`;
    overdue.resolve([
      problem({ subject, what, mend: 'look whether it is overloaded, or give it longer with --timeout' }),
    ]);
  });
  try {
    return await Promise.race([check.run(), overdue.promise]);
  } catch (error) {
    const known = asCliError(error, where);
    const what = known?.message ?? `this check failed: ${error instanceof Error ? error.message : String(error)}`;
    return [problem({ subject, what, mend: 'see the message' })];
  } finally {
    cancel();
  }
}

/** `work` for each item, at most `atOnce` of them under way. Results in the order of the items. */
export async function eachBounded<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return results;
}
