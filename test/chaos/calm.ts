// Before anything is hurt: an endpoint that hangs is given much at once while the load goes on. What the others wait then is
// for the checker to judge.

import type { Calm } from './checker/evidence.ts';
import { settleInMs } from './limits.ts';
import type { Load } from './load.ts';
import type { CalmPlan } from './plan.ts';
import { pause } from './service-slot.ts';

/** Resolves when the calm is over. */
export async function keepCalm(
  load: Pick<Load, 'burstHung'>,
  { events, ms, hung }: CalmPlan,
  now: () => number,
): Promise<Calm> {
  await pause(settleInMs);
  load.burstHung(events);
  const fromMs = now();
  await pause(ms);
  return { fromMs, toMs: now(), hung: hung.id };
}
