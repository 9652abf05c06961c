// What was put off waits for its time, or for somebody who mends what kept it: an endpoint is resumed, created, or changed. A newer
// record of its endpoint calls back what was put off before it, one after another at the endpoint's own pace. Both times are the
// broker's, so that nothing needs to be remembered: whoever reads tier and table later comes to the same.

import { nextReturnSlot, returnStepMs, type Endpoint, type EndpointId } from '@postrider/core/domain';
import { recallAfterMs, recallMarginMs } from './limits.ts';
import type { WaitingRecord } from './waiting-record.ts';

interface Change {
  /** Broker time of the endpoint's record. */
  readonly atMs: number;
  /** Nothing is called back before, epoch ms. */
  readonly fromMs: number;
  readonly stepMs: number;
  /** The slot that was given last, epoch ms; 0 when none was. */
  lastMs: number;
}

export class Recall {
  readonly #now: () => number;
  readonly #changes = new Map<EndpointId, Change>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes a record of the endpoint table, with the broker's time of it. True when it calls back what was put off before. */
  changed({ endpointId, status, concurrency, ratePerSecond }: Endpoint, atMs: number): boolean {
    // Whatever came back to a paused endpoint would be put off again.
    if (status.kind === 'paused') {
      this.#changes.delete(endpointId);
      return false;
    }
    const stepMs = returnStepMs(concurrency, ratePerSecond);
    const lastMs = this.#changes.get(endpointId)?.lastMs ?? 0;
    this.#changes.set(endpointId, { atMs, fromMs: this.#now() + recallAfterMs, stepMs, lastMs });
    return true;
  }

  /** The endpoint was deleted: what waits for it has time. */
  removed(endpointId: EndpointId): void {
    this.#changes.delete(endpointId);
  }

  /**
   * The record as it waits now: due at a slot of its endpoint, which is taken, where it was called back and would wait longer. Only
   * a park is shortened. A retry is never early; and what was put off had been due before.
   */
  recalled(waiting: WaitingRecord): WaitingRecord {
    const { dispatch, appendedMs, wakeMs } = waiting;
    const change = dispatch.park > 0 ? this.#changes.get(dispatch.endpointId) : undefined;
    if (!change || appendedMs > change.atMs + recallMarginMs) return waiting;
    // Also after its parking: what is put off again within the margin, because its endpoint is down, must not go round at once.
    const fromMs = Math.max(this.#now(), change.fromMs, appendedMs + recallAfterMs);
    const slotMs = nextReturnSlot({ lastMs: change.lastMs, fromMs, stepMs: change.stepMs });
    if (slotMs >= wakeMs) return waiting;
    change.lastMs = slotMs;
    // Due since it was put off, by the broker's time: dispatch must not take it for early and send it round again.
    const dueMs = Math.min(dispatch.dueMs, appendedMs);
    return { ...waiting, dispatch: { ...dispatch, dueMs }, attemptDueMs: slotMs, wakeMs: slotMs };
  }
}
