// What the owner of a partition knows of it: the settled window, where the log of attempts stands, and where a next owner
// would have to begin restoring. Made at assignment, dropped when the partition is lost.

import type { Owner } from '@postrider/core/contracts';
import { SettledWindow } from '@postrider/core/domain';
import { archivedMax, brokerSkewMsMax, copyDistanceMs, restoreMarkEveryMs, settledMax } from './limits.ts';

/** At the time of a dispatch record, the log of attempts stood here. */
interface Mark {
  readonly timestampMs: number;
  attemptsNext: number;
}

export class PartitionState {
  readonly partition: number;
  readonly window: SettledWindow;
  /** Changes with each join; work under way is kept across them. */
  owner: Owner;
  /** False once someone else owns the partition: results that come later are stale and write nothing. */
  owned = true;
  /** Records of late work that are accepted and not finished. */
  lateOpen = 0;
  /** Offset that the next append to `attempts` gets if nobody else writes. */
  attemptsNext = 0;
  /** Where restoring began in `attempts`. */
  restoredFrom = 0;
  /** Reading of a stretch of the log that somebody else wrote; consequences wait for it. */
  catchingUp: Promise<void> | undefined;
  /** End of `dispatches` when the partition was assigned: records below it may have been settled by an earlier owner, or by this one before the log was cut. */
  inheritedUntil: number;
  readonly #marks: Mark[] = [];
  /** Broker time of the newest record of `attempts` that somebody else wrote. */
  #othersUntilMs = Number.NEGATIVE_INFINITY;
  #positionMs = Number.NEGATIVE_INFINITY;
  #newestOffset = 0;
  #readAgainUntil = 0;

  /** @param max settled attempts that are remembered, and those that are in the archive */
  constructor(partition: number, owner: Owner, inheritedUntil: number, max = { settledMax, archivedMax }) {
    this.window = new SettledWindow({ ...max, keptMs: copyDistanceMs + brokerSkewMsMax });
    this.partition = partition;
    this.owner = owner;
    this.inheritedUntil = inheritedUntil;
  }

  /** Broker time of the newest dispatch record that was accepted. */
  get positionMs(): number {
    return this.#positionMs;
  }

  /** Offset of the newest dispatch record that was accepted. */
  get newestOffset(): number {
    return this.#newestOffset;
  }

  /** Dispatches below this offset are read a second time: each may have been settled at any time. */
  get readAgainUntil(): number {
    return this.#readAgainUntil;
  }

  /** The log of dispatches was cut, and is read again from its start; a next owner restores all there is. */
  wasCut(readTo: number): void {
    this.#readAgainUntil = readTo;
    this.inheritedUntil = Math.max(this.inheritedUntil, readTo);
    this.#marks.length = 0;
    this.restoredFrom = 0;
  }

  /** The log of attempts was cut: it goes on at `end`, and so does what a next owner must restore. */
  attemptsWereCut(end: number): void {
    for (const mark of this.#marks) mark.attemptsNext = Math.min(mark.attemptsNext, end);
    this.restoredFrom = Math.min(this.restoredFrom, end);
    this.attemptsNext = end;
  }

  /** Somebody else's record was read in `attempts`. */
  othersWrote(timestampMs: number): void {
    this.#othersUntilMs = Math.max(this.#othersUntilMs, timestampMs);
  }

  /**
   * Notes where `attempts` stood when a dispatch record was accepted. Not below the inherited end, and not at one that is older than
   * what somebody else wrote: it may have been settled before this owner came to it, and copies of it may come later.
   */
  mark({ offset, timestamp: timestampMs }: { readonly offset: number; readonly timestamp: number }): void {
    this.#positionMs = Math.max(this.#positionMs, timestampMs);
    this.#newestOffset = offset;
    if (offset < this.inheritedUntil || timestampMs <= this.#othersUntilMs + brokerSkewMsMax) return;
    const last = this.#marks.at(-1);
    if (last && timestampMs - last.timestampMs < restoreMarkEveryMs) return;
    this.#marks.push({ timestampMs, attemptsNext: this.attemptsNext });
  }

  /**
   * Rule R3: the offset in `attempts` that a commit at `watermark` must carry: where the log stood `copyDistanceMs` (by the
   * dispatch log's own time) before the record at the watermark, so that a restored window also knows the first of two copies.
   * Until the watermark is that far beyond the end inherited at assignment, it stays what this owner itself restored from.
   *
   * @param watermarkTimeMs broker time of the record at the watermark; undefined when none was read there yet
   */
  restoreStart(watermark: number, watermarkTimeMs: number | undefined): number {
    // By its times alone this would follow for one clock. A new leader of the partition may be behind the one before.
    if (watermark < this.inheritedUntil) return this.restoredFrom;
    const last = this.#marks.at(-1);
    const horizonMs = (watermarkTimeMs ?? last?.timestampMs ?? 0) - copyDistanceMs;
    let at = -1;
    while (at + 1 < this.#marks.length && this.#marks[at + 1]!.timestampMs <= horizonMs) at++;
    if (at > 0) this.#marks.splice(0, at);
    return at >= 0 ? this.#marks[0]!.attemptsNext : this.restoredFrom;
  }
}
