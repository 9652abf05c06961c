// The rate of one endpoint: a bucket that holds one second's worth of requests and fills evenly. Pure but for its own count.

export class TokenBucket {
  readonly ratePerSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #filledMs: number;

  /** Begins full, so that the first second may be a burst. */
  constructor(ratePerSecond: number, nowMs: number) {
    this.ratePerSecond = ratePerSecond;
    this.#capacity = Math.max(1, ratePerSecond);
    this.#tokens = this.#capacity;
    this.#filledMs = nowMs;
  }

  /** Milliseconds until a request may start: 0 now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.ratePerSecond) * 1_000);
  }

  /** Takes one request's worth; only after `waitMs` said 0. */
  take(nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= 1;
  }

  #fill(nowMs: number): void {
    // A clock that was set back neither takes tokens away nor gives them twice.
    const passedMs = Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (passedMs / 1_000) * this.ratePerSecond);
    this.#filledMs = nowMs;
  }
}
