// How many requests may be young at once: as many as keep this process busy, and no more. While the event loop has time to spare,
// more requests bring more deliveries, because it is the receivers that are waited for. Once it has none, a further request only
// waits in our own queue: it makes the others late, needs a connection of its own, and brings nothing. So the limit is found by
// looking at the loop, and serves a receiver that answers in 2 ms and one that takes 400 ms alike.

import { busyShareHigh, busyShareLow, youngRequestsMax, youngRequestsMin, youngRequestsStart } from './limits.ts';

export class YoungLimit {
  #value = youngRequestsStart;

  get value(): number {
    return this.#value;
  }

  /**
   * @param busyShare part of the time since the last look in which the event loop was busy, 0 to 1
   * @param wasReached whether the limit made anybody wait since then
   */
  look(busyShare: number, wasReached: boolean): void {
    if (busyShare >= busyShareHigh) this.#value = Math.max(youngRequestsMin, Math.floor(this.#value * 0.8));
    else if (busyShare <= busyShareLow && wasReached)
      this.#value = Math.min(youngRequestsMax, Math.ceil(this.#value * 1.5));
  }
}
