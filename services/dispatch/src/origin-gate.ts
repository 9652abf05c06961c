// How many requests one origin (scheme, host, port) is given at once, over all endpoints that live there. What waits here waits
// before its attempt begins, so that our own queue never eats up an attempt's time; endpoints that wait take turns.

export class OriginGate {
  readonly #max: number;
  readonly #underWay = new Map<string, number>();
  readonly #waiting = new Map<string, Set<string>>();

  /** @param max requests under way to one origin */
  constructor(max: number) {
    this.#max = max;
  }

  /** True when a request to the origin may start now; otherwise the endpoint is called when one has ended. */
  enter(origin: string, endpointId: string): boolean {
    const underWay = this.#underWay.get(origin) ?? 0;
    if (underWay < this.#max) {
      this.#underWay.set(origin, underWay + 1);
      return true;
    }
    const waiting = this.#waiting.get(origin) ?? new Set();
    this.#waiting.set(origin, waiting.add(endpointId));
    return false;
  }

  /** A request ended. Returns the endpoint whose turn it is, if one waits. */
  leave(origin: string): string | undefined {
    const left = (this.#underWay.get(origin) ?? 1) - 1;
    if (left > 0) this.#underWay.set(origin, left);
    else this.#underWay.delete(origin);
    const waiting = this.#waiting.get(origin);
    if (!waiting) return undefined;
    const next = waiting.values().next();
    if (!next.done) waiting.delete(next.value);
    if (waiting.size === 0) this.#waiting.delete(origin);
    return next.done ? undefined : next.value;
  }
}
