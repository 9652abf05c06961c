// When records that an endpoint could not take come back: one after another at the pace at which it can take them, so that
// neither does everything come at once nor does anything wait longer than what stands before it. The cost of what comes back
// too early is bounded by the pace as well, however much is waiting.

/** Nothing waits longer than this for its turn; what would is spread over the same time once more. */
export const returnHorizonMs = 30 * 60_000;

/** Slots an endpoint has in a second for each request that may be under way to it at once: answers within 100 ms keep up. */
const turnsPerSecond = 10;

/** Time between two slots of an endpoint, whole ms: due times stand in headers as such. */
export function returnStepMs(concurrency: number, ratePerSecond: number | undefined): number {
  return Math.ceil(1_000 / Math.min(concurrency * turnsPerSecond, ratePerSecond ?? Number.POSITIVE_INFINITY));
}

export interface ReturnSlotInput {
  /** The slot that was given last, epoch ms; 0 when none was. */
  readonly lastMs: number;
  /** No slot is before it, epoch ms. */
  readonly fromMs: number;
  readonly stepMs: number;
}

/** The next slot, epoch ms. */
export function nextReturnSlot({ lastMs, fromMs, stepMs }: ReturnSlotInput): number {
  const nextMs = lastMs + stepMs;
  // Beyond the horizon it begins anew: those that come then find two in a slot, not an hour to wait.
  return nextMs < fromMs || nextMs > fromMs + returnHorizonMs ? fromMs : nextMs;
}
