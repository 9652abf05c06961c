// First in, first out, without moving what waits each time that something leaves.

/** Items that left are cut off when they are this many and half of the list. */
const cutAfter = 64;

export class WorkQueue<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** What has waited longest. */
  get head(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the head of a queue that is not empty. */
  shift(): T {
    const item = this.#items[this.#head]!;
    this.#head++;
    if (this.#head > cutAfter && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes out what waits behind the first `keep`, newest last. */
  takeBeyond(keep: number): T[] {
    return this.#items.splice(this.#head + keep);
  }

  /** Takes out the oldest, as far as `predicate` picks them. */
  takeWhile(predicate: (item: T) => boolean): T[] {
    const taken: T[] = [];
    while (this.length > 0 && predicate(this.head!)) taken.push(this.shift());
    return taken;
  }

  /** Drops what `predicate` picks. Returns how many. */
  drop(predicate: (item: T) => boolean): number {
    const before = this.length;
    this.#items = this.#items.slice(this.#head).filter((item) => !predicate(item));
    this.#head = 0;
    return before - this.length;
  }
}
