// What the settled window has forgotten, at eight bytes an attempt: fingerprints, by stretches of the log that follow upon each
// other. That an attempt is not among them is certain; that it is has to be looked up in the log, and the stretch says where.
//
//   the log   ──┬───────────┬───────────┬───────────┬──── window ────▶
//               └ stretch   └ stretch   └ stretch   └ its cover
//
// So work that comes half an hour late, since it was parked, is judged without reading the log again, and without keeping
// everything that was settled since.

import type { AttemptId } from './brand.ts';

/** How far back something is complete: what was settled at or after `fromMs` (broker time), or stands at or after `offset`. */
export interface Cover {
  readonly fromMs: number;
  readonly offset: number;
}

/** Offsets in the log of attempts. */
export interface LogRange {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** What was settled between its cover and an offset. */
export interface Stretch {
  readonly cover: Cover;
  readonly to: number;
  /** Ascending. */
  readonly prints: Float64Array;
}

export class SettledArchive {
  /** Oldest first, each beginning where the one before ends. */
  readonly #stretches: Stretch[] = [];
  readonly #max: number;
  #size = 0;

  /** @param max fingerprints that are kept; the oldest stretches go first */
  constructor(max: number) {
    this.#max = max;
  }

  /** Undefined: it is empty. */
  get cover(): Cover | undefined {
    return this.#stretches[0]?.cover;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes the stretch after the youngest. */
  push(stretch: Stretch): void {
    this.#stretches.push(stretch);
    this.#size += stretch.prints.length;
    this.#trim();
  }

  /** Takes stretches from before the oldest. */
  prepend(older: SettledArchive): void {
    this.#stretches.unshift(...older.#stretches);
    this.#size += older.#size;
    this.#trim();
  }

  /** Of what stands at or after `from`: where the log may tell of one of these attempts, oldest first; empty when it certainly does not. */
  placesOf(attemptIds: Iterable<AttemptId>, from = 0): LogRange[] {
    const prints = [...attemptIds].map(fingerprint);
    const places: { from: number; to: number }[] = [];
    for (const [index, { cover, to, prints: among }] of this.#stretches.entries()) {
      if (cover.offset < from || !prints.some((print) => holds(among, print))) continue;
      // What was appended just before a turn of the window may be counted after it.
      const begins = this.#stretches[index - 1]?.cover.offset ?? cover.offset;
      const last = places.at(-1);
      if (last && last.to >= begins) last.to = to;
      else places.push({ from: begins, to });
    }
    return places;
  }

  #trim(): void {
    while (this.#size > this.#max && this.#stretches.length > 1) this.#size -= this.#stretches.shift()!.prints.length;
  }
}

export function stretchOf(cover: Cover, to: number, attemptIds: Iterable<AttemptId>): Stretch {
  const prints: number[] = [];
  for (const attemptId of attemptIds) prints.push(fingerprint(attemptId));
  return { cover, to, prints: Float64Array.from(prints).sort() };
}

function holds(ascending: Float64Array, print: number): boolean {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = ascending[middle]!;
    if (found === print) return true;
    if (found < print) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** 53 bits: of a million attempts, one in nine thousand million looks like one that is not among them, and costs a look-up. */
function fingerprint(attemptId: AttemptId): number {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  for (let i = 0; i < attemptId.length; i++) {
    const unit = attemptId.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0xc2b2ae35);
    b ^= b >>> 15;
  }
  a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
  b = Math.imul(b ^ (b >>> 13), 0x846ca68b);
  a ^= a >>> 15;
  b ^= b >>> 16;
  return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff);
}
