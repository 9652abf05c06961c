// Runs one scenario of promises.ts.

import { backlog } from './promise-backlog.ts';
import { isolation } from './promise-isolation.ts';
import { killDispatch } from './promise-kill.ts';
import { lateStorm } from './promise-late-storm.ts';
import { retryLateness } from './promise-retry-lateness.ts';
import type { PromiseRun } from './promise-stage.ts';
import type { Promised, PromiseName } from './promises.ts';

const runs: Readonly<Record<PromiseName, (run: PromiseRun) => Promise<Promised | Promised[]>>> = {
  isolation,
  'retry-lateness': retryLateness,
  'late-storm': lateStorm,
  backlog,
  'kill-dispatch': killDispatch,
};

export async function runPromise(name: PromiseName, run: PromiseRun): Promise<Promised[]> {
  return [await runs[name](run)].flat();
}
