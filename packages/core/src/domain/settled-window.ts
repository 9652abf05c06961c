// What the owner of a partition knows of its attempts: which are under way here, and which are settled in the log.
//
// Rule R1: an attempt is new only if it is neither queued, held, in flight nor settled. Rule R2: an entry that was restored
// from the log carries its disposition, and the first copy that hits it writes the consequence again: that an attempt is
// settled never implies that its consequence was written. Rule R6: the window says how far back it is complete; a record
// that could have been settled earlier must not be judged by it.

import type { AttemptId } from './brand.ts';
import type { Disposition } from './settle-attempt.ts';

/** What follows from a settled attempt, with the answer's bytes where it was a call. */
export interface SettledConsequence {
  readonly disposition: Disposition;
  readonly reply?: Uint8Array | undefined;
}

interface Entry {
  /** Broker time of the record, epoch ms. */
  readonly atMs: number;
  /** Still to be written again on the first hit; undefined when this owner wrote it. */
  consequence: SettledConsequence | undefined;
}

export class SettledWindow {
  readonly #underWay = new Set<AttemptId>();
  /** Calls that were started by an earlier owner and never settled: whether the receiver has them nobody knows. */
  readonly #started = new Set<AttemptId>();
  /** In the order of the log, so that the first entries are the oldest. */
  readonly #settled = new Map<AttemptId, Entry>();
  /** Read afterwards from further back; given up whole, since it is older than everything above. */
  #older = new Map<AttemptId, Entry>();
  readonly #settledMax: number;
  #coveredFromMs = Number.POSITIVE_INFINITY;

  /** @param settledMax entries of this owner's own time that are kept; the oldest go first, and the cover shrinks with them */
  constructor(settledMax: number) {
    this.#settledMax = settledMax;
  }

  /** Every attempt that was settled at or after this moment (epoch ms, broker time) is known here. */
  get coveredFromMs(): number {
    return this.#coveredFromMs;
  }

  /** The log was read from this moment on. */
  cover(fromMs: number): void {
    this.#coveredFromMs = Math.min(this.#coveredFromMs, fromMs);
  }

  look(attemptId: AttemptId): 'new' | 'under-way' | 'settled' {
    if (this.#settled.has(attemptId) || this.#older.has(attemptId)) return 'settled';
    return this.#underWay.has(attemptId) ? 'under-way' : 'new';
  }

  /** Accepts an attempt that `look` called new. */
  accept(attemptId: AttemptId): void {
    this.#underWay.add(attemptId);
  }

  /** Gives an attempt up without a settlement: it was deferred and comes back. */
  release(attemptId: AttemptId): void {
    this.#underWay.delete(attemptId);
  }

  /** The attempt's record and its consequence were written by this owner. */
  settle(attemptId: AttemptId, atMs: number): void {
    this.#underWay.delete(attemptId);
    this.#started.delete(attemptId);
    this.#settled.set(attemptId, { atMs, consequence: undefined });
    if (this.#settled.size <= this.#settledMax) return;
    this.#older = new Map();
    for (const [oldest, { atMs }] of this.#settled) {
      if (this.#settled.size <= this.#settledMax) break;
      this.#settled.delete(oldest);
      // Past the forgotten one, not at the next: several are settled within one millisecond.
      this.#coveredFromMs = Math.max(this.#coveredFromMs, atMs + 1);
    }
  }

  /** Takes an entry from the log, in log order; the first one of an attempt counts. */
  restore(attemptId: AttemptId, consequence: SettledConsequence, atMs: number): void {
    this.#started.delete(attemptId);
    if (!this.#settled.has(attemptId)) this.#settled.set(attemptId, { atMs, consequence });
  }

  /** Takes an entry from a part of the log before everything that is here, in log order; it precedes what is here. */
  restoreOlder(attemptId: AttemptId, consequence: SettledConsequence, atMs: number): void {
    if (this.#older.has(attemptId)) return;
    this.#older.set(attemptId, { atMs, consequence });
  }

  /**
   * Rules R4 and R5: what the log says of an attempt that is under way here, if somebody else settled it first. The owner
   * adopts it, whatever its own POST said. Undefined when nobody did.
   */
  standing(attemptId: AttemptId): SettledConsequence | undefined {
    return (this.#older.get(attemptId) ?? this.#settled.get(attemptId))?.consequence;
  }

  /** The consequence that must be written again for a restored entry, once; undefined when there is none (any more). */
  takeConsequence(attemptId: AttemptId): SettledConsequence | undefined {
    // The older record is the first in the log, so it is the one that stands.
    const entry = this.#older.get(attemptId) ?? this.#settled.get(attemptId);
    const consequence = entry?.consequence;
    if (entry) entry.consequence = undefined;
    return consequence;
  }

  /** A call was started by somebody else; its outcome is unknown until a settlement is found. */
  restoreStarted(attemptId: AttemptId): void {
    this.#started.add(attemptId);
  }

  /** True when a call was started before and no settlement of it was found. */
  outcomeUnknown(attemptId: AttemptId): boolean {
    return this.#started.has(attemptId);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get settled(): number {
    return this.#settled.size + this.#older.size;
  }
}
