// Which pieces of work an owner has accepted: queued, under way or settled (rule R1: dedupe on every accepted id, not only
// on settled ones). Bounded: the oldest settled entries are forgotten first; work under way is never forgotten.

export type WorkState = 'under-way' | 'settled';

export class SettledWindow {
  readonly #underWay = new Set<string>();
  /** Insertion order is age. */
  readonly #settled = new Set<string>();
  readonly #settledMax: number;

  /** @param settledMax entries kept after they were settled */
  constructor(settledMax: number) {
    this.#settledMax = settledMax;
  }

  /** Where this piece of work stands. */
  look(workId: string): 'new' | WorkState {
    if (this.#underWay.has(workId)) return 'under-way';
    return this.#settled.has(workId) ? 'settled' : 'new';
  }

  /** Accepts a piece of work that `look` called new. */
  accept(workId: string): void {
    this.#underWay.add(workId);
  }

  /** The work's record is in the log. */
  settle(workId: string): void {
    this.#underWay.delete(workId);
    this.#settled.add(workId);
    if (this.#settled.size > this.#settledMax) {
      const oldest = this.#settled.values().next();
      if (!oldest.done) this.#settled.delete(oldest.value);
    }
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get settled(): number {
    return this.#settled.size;
  }
}
