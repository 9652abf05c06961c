// The low-watermark of one partition: records finish in any order, but an offset may be committed only
// when everything below it is finished.

export interface TrackedOffset {
  readonly offset: number;
  /** The record's own time, epoch ms: the age of the oldest unfinished one is an alarm. */
  readonly timestampMs: number;
  readonly bytes: number;
  finished: boolean;
}

/** Finished slots kept before the list is cut: cheaper than shifting on every record. */
const compactAfter = 1024;

/** Tracks accepted and finished offsets of one partition in one assignment. Offsets are opened in rising order. */
export class OffsetTracker {
  #slots: TrackedOffset[] = [];
  #head = 0;
  #last: TrackedOffset | undefined;
  #openBytes = 0;
  #openCount = 0;

  /** Opens an offset; the returned slot is handed to `finish`. */
  open(offset: number, timestampMs: number, bytes: number): TrackedOffset {
    const slot = { offset, timestampMs, bytes, finished: false };
    this.#slots.push(slot);
    this.#openBytes += bytes;
    this.#openCount++;
    return slot;
  }

  /** Marks a slot finished. False when it was already. */
  finish(slot: TrackedOffset): boolean {
    if (slot.finished) return false;
    slot.finished = true;
    this.#openBytes -= slot.bytes;
    this.#openCount--;
    while (this.#head < this.#slots.length && this.#slots[this.#head]!.finished) {
      this.#last = this.#slots[this.#head]!;
      this.#head++;
    }
    if (this.#head > compactAfter && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** The offset that may be committed: one past the last record below which all are finished; undefined before the first. */
  get watermark(): number | undefined {
    return this.#last && this.#last.offset + 1;
  }

  /** The record just below the watermark. */
  get last(): TrackedOffset | undefined {
    return this.#last;
  }

  /** Accepted and not finished. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Bytes of the records accepted and not finished. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Records from the watermark to the newest accepted one, finished or not: what a restart would read again. */
  get span(): number {
    return this.#slots.length - this.#head;
  }

  /** The oldest unfinished record. */
  get oldestOpen(): TrackedOffset | undefined {
    return this.#slots[this.#head];
  }
}
