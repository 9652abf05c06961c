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

  /**
   * A request ended. Returns the endpoints whose turn it is, as many as there are places: one may find that its work was done
   * meanwhile, or that its rate holds it. With nothing under way nobody would ask again, so then it is everybody's turn.
   */
  leave(origin: string, turn: Turn): string[] {
    const state = this.#origins.get(origin);
    if (!state) return [];
    const { underWay, waiting } = state;
    underWay[turn]--;
    const isIdle = underWay.first + underWay.late === 0;
    const called: string[] = [];
    for (let late = latePlaces(this.#max) - underWay.late, free = this.#max - underWay.first - underWay.late; ;) {
      if (!isIdle && called.length >= free) break;
      const next = waiting.next({ first: true, late: isIdle || late-- > 0 });
      if (next === undefined) break;
      called.push(next);
    }
    if (isIdle && waiting.size === 0) this.#origins.delete(origin);
    return called;
  }

  /** True when nothing more of this kind may start now. */
  isFull(origin: string, turn: Turn): boolean {
    const state = this.#origins.get(origin);
    return state !== undefined && !this.#mayStart(state, turn);
  }

  #mayStart({ underWay }: Origin, turn: Turn): boolean {
    return underWay.first + underWay.late < this.#max && (turn === 'first' || underWay.late < latePlaces(this.#max));
  }
}
