// Which upstream offsets left a trace, and which between them did not. Pure: fed with words of 32 offsets in order.

import type { LostRange, OriginWord } from '@postrider/postgres';

/** Upstream offsets `from` … `to` − 1. */
export interface OffsetSpan {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export interface Gap extends OffsetSpan {
  /**
   * - `range-lost`: deleted by retention before it was read, and said so in the audit.
   * - `no-record`: Kafka holds no record there: transaction markers, or compaction.
   * - `unexplained`: nothing says what became of it.
   */
  readonly why: 'range-lost' | 'no-record' | 'unexplained';
}

export interface PartitionCoverage {
  readonly topic: string;
  readonly partition: number;
  /** Lowest offset that left a trace. */
  readonly first: number;
  /** Behind the highest one. */
  readonly next: number;
  /** Offsets that left a trace. */
  readonly accounted: number;
  /** In order; at most `gapsKept` of them. */
  readonly gaps: readonly Gap[];
  /** Offsets in all gaps, kept or not. */
  readonly missing: number;
  /** Those of them that nothing explains. */
  readonly unexplained: number;
}

const bitsPerWord = 32;

/** Follows the words of one partition after the other. */
export class Coverage {
  readonly #gapsKept: number;
  readonly #done: PartitionCoverage[] = [];
  #topic = '';
  #partition = -1;
  #first = 0;
  #next = 0;
  #accounted = 0;
  #gaps: OffsetSpan[] = [];
  #missing = 0;
  readonly #lost: readonly LostRange[];

  constructor(gapsKept: number, lost: readonly LostRange[]) {
    this.#gapsKept = gapsKept;
    this.#lost = lost;
  }

  get accounted(): number {
    return this.#done.reduce((sum, { accounted }) => sum + accounted, this.#accounted);
  }

  take({ topic, partition, word, bits }: OriginWord): void {
    const base = word * bitsPerWord;
    const isNew = topic !== this.#topic || partition !== this.#partition;
    if (isNew) {
      this.#close();
      this.#topic = topic;
      this.#partition = partition;
      this.#first = this.#next = base + trailingZeros(bits);
    }
    if (bits === -1) {
      this.#span(base, base + bitsPerWord);
      return;
    }
    for (let bit = 0; bit < bitsPerWord; bit += 1) {
      if (((bits >>> bit) & 1) === 1) this.#span(base + bit, base + bit + 1);
    }
  }

  finish(): PartitionCoverage[] {
    this.#close();
    return this.#done;
  }

  #span(from: number, to: number): void {
    if (from > this.#next) {
      this.#missing += from - this.#next;
      if (this.#gaps.length < this.#gapsKept) this.#gaps.push({ from: this.#next, to: from });
    }
    this.#accounted += to - from;
    this.#next = to;
  }

  #close(): void {
    if (this.#partition >= 0) {
      const lost = this.#lost.filter((range) => range.topic === this.#topic && range.partition === this.#partition);
      const gaps = this.#gaps.flatMap((gap) => explained(gap, lost));
      const told = gaps.reduce((sum, { from, to, why }) => sum + (why === 'unexplained' ? 0 : to - from), 0);
      this.#done.push({
        topic: this.#topic,
        partition: this.#partition,
        first: this.#first,
        next: this.#next,
        accounted: this.#accounted,
        gaps,
        missing: this.#missing,
        unexplained: this.#missing - told,
      });
    }
    this.#partition = -1;
    this.#accounted = 0;
    this.#missing = 0;
    this.#gaps = [];
  }
}

/** Cuts a gap at the ranges that are known to be lost. */
export function explained(gap: OffsetSpan, lost: readonly OffsetSpan[], why: Gap['why'] = 'range-lost'): Gap[] {
  const inside = lost
    .map(({ from, to }) => ({ from: Math.max(from, gap.from), to: Math.min(to, gap.to) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from);
  const parts: Gap[] = [];
  let at = gap.from;
  for (const { from, to } of inside) {
    if (to <= at) continue;
    if (from > at) parts.push({ from: at, to: from, why: 'unexplained' });
    parts.push({ from: Math.max(at, from), to, why });
    at = to;
  }
  if (at < gap.to) parts.push({ from: at, to: gap.to, why: 'unexplained' });
  return parts;
}

function trailingZeros(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
