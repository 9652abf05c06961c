// Endpoints that wait for a place, each once a kind of work, in the order in which they came.

import { Turns, type Turn } from './turns.ts';

export class Waiting {
  readonly #endpoints: Readonly<Record<Turn, Set<string>>> = { first: new Set(), late: new Set() };
  readonly #turns = new Turns();

  get size(): number {
    return this.#endpoints.first.size + this.#endpoints.late.size;
  }

  add(endpointId: string, turn: Turn): void {
    this.#endpoints[turn].add(endpointId);
  }

  /** Takes out the endpoint whose turn it is. @param free for which there is a place */
  next(free: Readonly<Record<Turn, boolean>>): string | undefined {
    const { first, late } = this.#endpoints;
    const turn = this.#turns.next({ first: free.first && first.size > 0, late: free.late && late.size > 0 });
    if (turn === undefined) return undefined;
    if (first.size > 0 && late.size > 0) this.#turns.took();
    const [endpointId] = this.#endpoints[turn];
    this.#endpoints[turn].delete(endpointId!);
    return endpointId;
  }
}
