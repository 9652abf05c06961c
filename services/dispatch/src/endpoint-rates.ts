// Rates of the endpoints that have one. Exact local state, since one process owns an endpoint at a time.

import { TokenBucket, type Endpoint } from '@postrider/core/domain';
import type { CancelTimer, Timers } from '@postrider/runtime';

export interface EndpointRatesDeps {
  readonly now: () => number;
  readonly timers: Timers;
  /** An endpoint that had to wait may try again. */
  readonly onTurn: (endpointId: string) => void;
}

export class EndpointRates {
  readonly #deps: EndpointRatesDeps;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #waiting = new Map<string, { readonly untilMs: number; readonly cancel: CancelTimer }>();

  constructor(deps: EndpointRatesDeps) {
    this.#deps = deps;
  }

  /** Milliseconds until the endpoint may be sent to: 0 now, and always 0 for one without a rate. */
  waitMs(endpoint: Endpoint): number {
    return this.#bucketOf(endpoint)?.waitMs(this.#deps.now()) ?? 0;
  }

  /** A request starts. */
  take(endpoint: Endpoint): void {
    this.#bucketOf(endpoint)?.take(this.#deps.now());
  }

  /** Calls the endpoint when its wait is over, once however often it asked; sooner when a new rate makes it shorter. */
  callAfter(endpointId: string, waitMs: number): void {
    const untilMs = this.#deps.now() + waitMs;
    const earlier = this.#waiting.get(endpointId);
    if (earlier && earlier.untilMs <= untilMs) return;
    earlier?.cancel();
    const cancel = this.#deps.timers.setTimer(waitMs, () => {
      this.#waiting.delete(endpointId);
      this.#deps.onTurn(endpointId);
    });
    this.#waiting.set(endpointId, { untilMs, cancel });
  }

  #bucketOf({ endpointId, ratePerSecond }: Endpoint): TokenBucket | undefined {
    if (ratePerSecond === undefined) return undefined;
    let bucket = this.#buckets.get(endpointId);
    if (bucket?.ratePerSecond !== ratePerSecond) {
      bucket = new TokenBucket(ratePerSecond, this.#deps.now());
      this.#buckets.set(endpointId, bucket);
    }
    return bucket;
  }
}
