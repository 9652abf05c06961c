// What the partitions of one consumer may hold in memory together, shared fairly: half of it belongs to them in even parts, so that
// none of them ever stands still for another's backlog; the other half is lent to whoever needs more.

/** A partition that holds records. */
export interface BytesHeld {
  readonly tracker: { readonly openBytes: number };
  /** What it holds beyond its own part; kept by the budget. */
  borrowedBytes: number;
}

export class ByteBudget {
  readonly #lendableBytes: number;
  #ownBytes = Number.POSITIVE_INFINITY;
  #borrowedBytes = 0;

  /** @param totalBytes of all partitions; undefined: no bound but their own */
  constructor(totalBytes: number | undefined) {
    this.#lendableBytes = (totalBytes ?? Number.POSITIVE_INFINITY) / 2;
  }

  /** These partitions, and no others, hold records from now on. */
  share(holders: readonly BytesHeld[]): void {
    this.#ownBytes = this.#lendableBytes / Math.max(1, holders.length);
    this.#borrowedBytes = 0;
    for (const holder of holders) {
      holder.borrowedBytes = this.#beyondOwn(holder);
      this.#borrowedBytes += holder.borrowedBytes;
    }
  }

  /** It took records, or finished some. */
  moved(holder: BytesHeld): void {
    const borrowedBytes = this.#beyondOwn(holder);
    this.#borrowedBytes += borrowedBytes - holder.borrowedBytes;
    holder.borrowedBytes = borrowedBytes;
  }

  /** True when it holds more than its own part and nothing is left to lend. */
  isUsedUp(holder: BytesHeld): boolean {
    return holder.borrowedBytes > 0 && this.#borrowedBytes >= this.#lendableBytes;
  }

  /** True when it, or what is lent, is down to this part: reading on will not stop at once. */
  hasRoom({ tracker }: BytesHeld, part: number): boolean {
    return tracker.openBytes <= this.#ownBytes * part || this.#borrowedBytes <= this.#lendableBytes * part;
  }

  #beyondOwn({ tracker }: BytesHeld): number {
    return Math.max(0, tracker.openBytes - this.#ownBytes);
  }
}
