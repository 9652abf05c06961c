// How many requests one origin (scheme, host, port) is given at once, over all endpoints that live there. What waits here waits
// before its attempt begins, so that our own queue never eats up an attempt's time; endpoints that wait take turns.

import { Waiting } from './waiting.ts';
import { latePlaces, type Turn } from './turns.ts';

interface Origin {
  readonly underWay: Record<Turn, number>;
  readonly waiting: Waiting;
}

export class OriginGate {
  readonly #max: number;
  readonly #origins = new Map<string, Origin>();

  /** @param max requests under way to one origin */
  constructor(max: number) {
    this.#max = max;
  }

  /** True when a request to the origin may start now; otherwise the endpoint is called when one has ended. */
  enter(origin: string, endpointId: string, turn: Turn): boolean {
    let state = this.#origins.get(origin);
    if (!state) this.#origins.set(origin, (state = { underWay: { first: 0, late: 0 }, waiting: new Waiting() }));
    if (this.#mayStart(state, turn)) {
      state.underWay[turn]++;
      return true;
    }
    state.waiting.add(endpointId, turn);
    return false;
  }

  /** A request ended. Returns the endpoint whose turn it is, if one waits. */
  leave(origin: string, turn: Turn): string | undefined {
    const state = this.#origins.get(origin);
    if (!state) return undefined;
    state.underWay[turn]--;
    const next = state.waiting.next({ first: this.#mayStart(state, 'first'), late: this.#mayStart(state, 'late') });
    if (state.underWay.first + state.underWay.late === 0 && state.waiting.size === 0) this.#origins.delete(origin);
    return next;
  }

  #mayStart({ underWay }: Origin, turn: Turn): boolean {
    return underWay.first + underWay.late < this.#max && (turn === 'first' || underWay.late < latePlaces(this.#max));
  }
}
