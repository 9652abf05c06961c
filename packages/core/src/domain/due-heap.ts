// A binary min-heap of things that are due at a time: the retry scheduler's waiting records.

export interface Due {
  readonly dueMs: number;
}

export class DueHeap<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The earliest, left in place. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** All items, in no particular order. */
  values(): Iterable<T> {
    return this.#items;
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]!.dueMs <= item.dueMs) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the earliest out if it is due at `nowMs`. */
  popDue(nowMs: number): T | undefined {
    const first = this.#items[0];
    return first && first.dueMs <= nowMs ? this.#pop() : undefined;
  }

  /** Takes out everything that `predicate` picks: a partition that was lost. */
  removeWhere(predicate: (item: T) => boolean): number {
    const kept = this.#items.filter((item) => !predicate(item));
    const removed = this.#items.length - kept.length;
    this.#items.length = 0;
    for (const item of kept) this.push(item);
    return removed;
  }

  #pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.dueMs < items[child]!.dueMs) child++;
      if (items[child]!.dueMs >= last.dueMs) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return first;
  }
}
