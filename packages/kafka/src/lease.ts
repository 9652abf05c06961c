/**
 * How long a member may believe that its partitions are its own. The coordinator's clock for us started after the last request
 * that it answered as to a member was *sent*; within a session timeout of that moment nobody else can own them. Beyond it, as
 * after a stop of the whole process, they may be somebody else's, and only the coordinator knows.
 */
export interface Lease {
  /** False when our partitions may have been given away: start nothing for them, and wait for `heard`. */
  holds(): boolean;
  /** Resolves when it holds again, or when partitions were assigned anew: what is still owned then is owned. */
  heard(): Promise<void>;
}

export interface LeaseOptions {
  sessionTimeoutMs: number;
  /** Monotonic, and going on while the process is stopped. */
  now(): number;
  /** Somebody asked in vain: a heartbeat would tell. */
  onDoubt(): void;
}

export class MemberLease implements Lease {
  readonly #options: LeaseOptions;
  #heardAt = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  holds(): boolean {
    if (this.#options.now() <= this.until) return true;
    this.#options.onDoubt();
    return false;
  }

  heard(): Promise<void> {
    return this.holds() ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The moment until which it holds. */
  get until(): number {
    return this.#heardAt + this.#options.sessionTimeoutMs;
  }

  /** A request that was sent at this moment was answered as to a member. */
  renew(sentAt: number): void {
    this.#heardAt = sentAt;
    if (this.#options.now() > this.until) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The coordinator does not know us any more. */
  end(): void {
    this.#heardAt = Number.NEGATIVE_INFINITY;
  }

  /** The group is left: nobody need wait. */
  close(): void {
    this.end();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
