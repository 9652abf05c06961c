// One lane an endpoint: a queue and the number of requests under way, so that an endpoint's concurrency limit is exact local
// state and a slow endpoint holds up nobody but itself. Pure bookkeeping; the caller sends.

export interface Lane<T> {
  readonly waiting: T[];
  head: number;
  underWay: number;
}

export class EndpointLanes<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  #underWay = 0;
  #waiting = 0;

  /** Requests under way over all endpoints. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Accepted and waiting for a free place over all endpoints. */
  get waiting(): number {
    return this.#waiting;
  }

  waitingFor(endpointId: string): number {
    const lane = this.#lanes.get(endpointId);
    return lane ? lane.waiting.length - lane.head : 0;
  }

  /** The item that has waited longest. */
  head(endpointId: string): T | undefined {
    const lane = this.#lanes.get(endpointId);
    return lane?.waiting[lane.head];
  }

  /** Takes out what waits behind the first `keep`, newest last. */
  takeBeyond(endpointId: string, keep: number): T[] {
    const lane = this.#lanes.get(endpointId);
    const taken = lane?.waiting.splice(lane.head + keep) ?? [];
    this.#waiting -= taken.length;
    return taken;
  }

  enqueue(endpointId: string, item: T): void {
    let lane = this.#lanes.get(endpointId);
    if (!lane) this.#lanes.set(endpointId, (lane = { waiting: [], head: 0, underWay: 0 }));
    lane.waiting.push(item);
    this.#waiting++;
  }

  /** True when something waits and `concurrency` allows one more. */
  ready(endpointId: string, concurrency: number): boolean {
    const lane = this.#lanes.get(endpointId);
    return lane !== undefined && lane.underWay < concurrency && lane.head < lane.waiting.length;
  }

  /** Takes the next item of an endpoint that is `ready` out and counts it as under way. */
  take(endpointId: string): T {
    const lane = this.#lanes.get(endpointId)!;
    const item = lane.waiting[lane.head]!;
    lane.head++;
    if (lane.head > 64 && lane.head * 2 > lane.waiting.length) {
      lane.waiting.splice(0, lane.head);
      lane.head = 0;
    }
    lane.underWay++;
    this.#underWay++;
    this.#waiting--;
    return item;
  }

  /** What `take` gave is finished. */
  done(endpointId: string): void {
    const lane = this.#lanes.get(endpointId);
    if (!lane) return;
    lane.underWay--;
    this.#underWay--;
    if (lane.underWay === 0 && lane.head >= lane.waiting.length) this.#lanes.delete(endpointId);
  }

  /** Drops waiting items that `predicate` picks: work of a partition that was lost. */
  drop(predicate: (item: T) => boolean): number {
    let dropped = 0;
    for (const [endpointId, lane] of this.#lanes) {
      const kept = lane.waiting.slice(lane.head).filter((item) => !predicate(item));
      dropped += lane.waiting.length - lane.head - kept.length;
      lane.waiting.splice(0, lane.waiting.length, ...kept);
      lane.head = 0;
      if (lane.underWay === 0 && kept.length === 0) this.#lanes.delete(endpointId);
    }
    this.#waiting -= dropped;
    return dropped;
  }

  /** Endpoints with something waiting. */
  endpoints(): string[] {
    return [...this.#lanes.keys()];
  }
}
