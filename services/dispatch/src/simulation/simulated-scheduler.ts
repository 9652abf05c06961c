// For tests only: the tiers of a simulated partition and their scheduler, and copies that somebody else will write: convergence, an
// operator. A scheduler that is killed reads back what it gave, by the same identity as the real one.

import { decodeDispatch, givenBackFrom, placed, tierPlace } from '@postrider/core/contracts';
import { headerText, type KafkaRecord } from '@postrider/kafka';
import { recalled, type Waiting } from './simulated-dispatch.ts';

export class SimulatedScheduler {
  readonly #waiting: Waiting[] = [];
  #tierEnd = 0;

  get size(): number {
    return this.#waiting.length;
  }

  /** A record comes to the tier. */
  enters(one: Waiting): void {
    this.#waiting.push({ ...one, place: tierPlace({ topic: 'tier', offset: this.#tierEnd++ }) });
  }

  /** Somebody will write a copy; or what was given back comes again, since its commit does not say so yet. */
  awaits(one: Waiting): void {
    this.#waiting.push(one);
  }

  due(nowMs: number): Waiting[] {
    return this.#waiting.filter(({ atMs }) => atMs <= nowMs);
  }

  take(one: Waiting): Waiting {
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return one;
  }

  recall(nowMs: number): void {
    for (const one of this.#waiting.splice(0)) this.#waiting.push(recalled(one, nowMs));
  }

  /** A new one takes over: what it finds given back it does not give back again. Returns how many it found. */
  restart(dispatches: readonly KafkaRecord[]): number {
    const given = new Set<string | undefined>();
    for (const { headers, value } of dispatches) {
      const header = (name: string): string | undefined => headerText(headers, name);
      const decoded = decodeDispatch(header, value);
      if (!decoded.ok) throw new Error(decoded.problem);
      given.add(givenBackFrom(header, decoded.value));
    }
    const found = this.#waiting.filter(
      ({ place, dispatch }) => place !== undefined && given.has(placed(place, dispatch)),
    );
    for (const one of found) this.take(one);
    return found.length;
  }
}
