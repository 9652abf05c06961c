// What the owner of a partition knows of its attempts: which are under way here, and which are settled in the log.
//
// Rule R1: an attempt is new only if it is neither queued, held, in flight nor settled. Rule R2: an entry that was restored
// from the log carries its disposition, and the first copy that hits it writes the consequence again: that an attempt is
// settled never implies that its consequence was written. Rule R6: the window says how far back it is complete; a record
// that could have been settled earlier must not be judged by it alone.
//
//   the log   ──────┬───────────────┬───────────────┬──────────────▶
//    forgotten      │ archive       │ previous      │ recent
//                   └ reach         └ cover
//
// What is remembered turns in two generations, so that forgetting costs nothing an attempt. When `recent` is full it becomes
// `previous`; of what was `previous` until then the archive keeps that it was settled, and the log what it came to. Time passes here as this owner gets on in
// the log of dispatches, by the broker's time of its records: what may be forgotten is what no copy can follow any more, and how long
// that took on a clock says nothing of it. What somebody else settled may lie ahead of where this owner is.

import type { AttemptId } from './brand.ts';
import { SettledArchive, stretchOf, type Cover } from './settled-archive.ts';
import type { Disposition } from './settle-attempt.ts';

/** What follows from a settled attempt, with the answer's bytes where it was a call. */
export interface SettledConsequence {
  readonly disposition: Disposition;
  readonly reply?: Uint8Array | undefined;
}

export interface WindowLimits {
  /** Entries of this owner's own time; the older half goes to the archive at once, and the cover shrinks with it. */
  readonly settledMax: number;
  /** Fingerprints in the archive. */
  readonly archivedMax: number;
  /** Nothing younger is forgotten, however much it is: copies that were written in time lie this close together in the log. */
  readonly keptMs: number;
}

/** Where this owner is. */
export interface Progress {
  /** The time, epoch ms. */
  readonly atMs: number;
  /** End of the log of attempts. */
  readonly logEnd: number;
  /** Broker time of the newest dispatch that was accepted. */
  readonly positionMs: number;
}

interface Entry {
  /** What the log says of it; undefined when this owner settled it and wrote what follows. */
  readonly consequence: SettledConsequence | undefined;
  /** Broker time of its record, if it is somebody else's and may be of a dispatch that this owner has not come to yet. */
  readonly recordedMs?: number | undefined;
  /** The consequence is still to be written again, by the first copy that comes. */
  owed: boolean;
}

type Entries = Map<AttemptId, Entry>;

const ours: Entry = { consequence: undefined, owed: false };

export class SettledWindow {
  /** What was settled between `reach` and `cover`. */
  readonly archive: SettledArchive;
  readonly #underWay = new Set<AttemptId>();
  /** Under way, and this owner's record stands first in the log: what follows from it is being written. */
  readonly #recorded = new Set<AttemptId>();
  /** Calls that were started by somebody else and never settled: whether the receiver has them nobody knows. */
  readonly #started = new Set<AttemptId>();
  readonly #generationMax: number;
  readonly #keptMs: number;
  #recent: Entries = new Map();
  #previous: Entries = new Map();
  /** Looked up in the log before `previous`, for a record that came late. */
  #older: Entries = new Map();
  #cover: Cover = { fromMs: Number.POSITIVE_INFINITY, offset: 0 };
  #recentFrom: Cover = this.#cover;
  /** `positionMs` at the last turn. */
  #turnedMs = Number.NEGATIVE_INFINITY;

  constructor({ settledMax, archivedMax, keptMs }: WindowLimits) {
    this.archive = new SettledArchive(archivedMax);
    this.#generationMax = Math.ceil(settledMax / 2);
    this.#keptMs = keptMs;
  }

  /** How far back every settlement is remembered word for word. */
  get cover(): Cover {
    return this.#cover;
  }

  /** How far back it is known of every attempt whether it may have been settled. */
  get reach(): Cover {
    return this.archive.cover ?? this.#cover;
  }

  /** The log was read from here on into a window that was empty. */
  restored(cover: Cover): void {
    this.#cover = cover;
    this.#recentFrom = cover;
  }

  look(attemptId: AttemptId): 'new' | 'under-way' | 'settled' {
    if (this.#entry(attemptId)) return 'settled';
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

  /** This owner's record of the attempt is in the log, and nothing stood before it: whatever comes behind it does not count (R4). */
  recorded(attemptId: AttemptId): void {
    this.#recorded.add(attemptId);
  }

  /** The attempt's record and its consequence were written by this owner. */
  settle(attemptId: AttemptId, now: Progress): void {
    this.#underWay.delete(attemptId);
    this.#recorded.delete(attemptId);
    this.#started.delete(attemptId);
    const standing = this.#entry(attemptId);
    if (standing) standing.owed = false;
    else this.#recent.set(attemptId, ours);
    if (this.#recent.size >= this.#generationMax && now.positionMs - this.#turnedMs >= this.#keptMs) this.#turn(now);
  }

  #turn({ atMs, logEnd, positionMs }: Progress): void {
    if (this.#previous.size > 0) {
      this.archive.push(stretchOf(this.#cover, this.#recentFrom.offset, this.#previous.keys()));
      this.#cover = this.#recentFrom;
    }
    const standing: Entries = new Map();
    // What somebody else settled while it is under way here must stand until our own request is answered.
    for (const attemptId of this.#underWay) {
      const entry = this.#entry(attemptId);
      if (entry) standing.set(attemptId, entry);
    }
    for (const [attemptId, entry] of this.#previous)
      if (entry.recordedMs !== undefined && entry.recordedMs + this.#keptMs > positionMs)
        standing.set(attemptId, entry);
    this.#older = new Map();
    this.#previous = this.#recent;
    this.#recent = standing;
    // Past this millisecond, not at it: several are settled within one.
    this.#recentFrom = { fromMs: atMs + 1, offset: logEnd };
    this.#turnedMs = positionMs;
  }

  /** Takes an entry from the log, in log order; the first one of an attempt counts. `recordedMs`: broker time of its record. */
  restore(attemptId: AttemptId, consequence: SettledConsequence, recordedMs: number): void {
    this.#started.delete(attemptId);
    if (this.#recorded.has(attemptId) || this.#entry(attemptId)) return;
    this.#recent.set(attemptId, { consequence, recordedMs, owed: true });
  }

  /** Takes what was read from before `to`, which was the reach when reading began. If more was given up meanwhile, it is of no use. */
  extend(older: SettledArchive, to: number): void {
    if (to === this.reach.offset) this.archive.prepend(older);
  }

  /** Takes what the log says of an attempt before the cover. It precedes everything that is here, so it is what stands (rule R4). */
  found(attemptId: AttemptId, consequence: SettledConsequence): void {
    this.#started.delete(attemptId);
    const known = this.#entry(attemptId);
    // What this owner settled needs nothing written again.
    this.#older.set(attemptId, { consequence, owed: known === undefined || known.owed });
  }

  /**
   * Rules R4 and R5: what the log says of an attempt that is under way here, if somebody else settled it first. The owner
   * adopts it, whatever its own POST said. Undefined when nobody did.
   */
  standing(attemptId: AttemptId): SettledConsequence | undefined {
    return this.#entry(attemptId)?.consequence;
  }

  /** The consequence that must be written again for a restored entry, once; undefined when there is none (any more). */
  takeConsequence(attemptId: AttemptId): SettledConsequence | undefined {
    const entry = this.#entry(attemptId);
    if (!entry?.owed) return undefined;
    entry.owed = false;
    return entry.consequence;
  }

  /** A call was started by somebody else; its outcome is unknown until a settlement is found. */
  restoreStarted(attemptId: AttemptId): void {
    if (!this.#entry(attemptId)) this.#started.add(attemptId);
  }

  /** True when a call was started before and no settlement of it was found. */
  outcomeUnknown(attemptId: AttemptId): boolean {
    return this.#started.has(attemptId);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get settled(): number {
    return this.#recent.size + this.#previous.size + this.#older.size;
  }

  /** The oldest is the first in the log, so it is the one that stands. */
  #entry(attemptId: AttemptId): Entry | undefined {
    return this.#older.get(attemptId) ?? this.#previous.get(attemptId) ?? this.#recent.get(attemptId);
  }
}
