// The slots in which what an endpoint could not take comes back, as given by the process that owns the endpoint.

import { nextReturnSlot, returnStepMs, type Endpoint } from '@postrider/core/domain';

/** Looked through when there are this many: those whose slots are over are dropped. */
const keptMin = 1_000;

export class ReturnSlots {
  readonly #now: () => number;
  readonly #lastMs = new Map<string, number>();
  #lookAgainAt = keptMin;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * The next slot of the endpoint at or after a moment, epoch ms; `took` takes it.
   * @param perSecond what the endpoint takes now, as far as it is known: a fast one has more slots
   */
  next({ endpointId, concurrency, ratePerSecond }: Endpoint, fromMs: number, perSecond = 0): number {
    const usualMs = returnStepMs(concurrency, ratePerSecond);
    const stepMs = perSecond > 0 ? Math.max(1, Math.min(usualMs, Math.floor(1_000 / perSecond))) : usualMs;
    return nextReturnSlot({ lastMs: this.#lastMs.get(endpointId) ?? 0, fromMs: Math.ceil(fromMs), stepMs });
  }

  took(endpointId: string, slotMs: number): void {
    this.#lastMs.set(endpointId, slotMs);
    if (this.#lastMs.size < this.#lookAgainAt) return;
    const nowMs = this.#now();
    for (const [id, lastMs] of this.#lastMs) if (lastMs < nowMs) this.#lastMs.delete(id);
    this.#lookAgainAt = Math.max(keptMin, this.#lastMs.size * 2);
  }
}
