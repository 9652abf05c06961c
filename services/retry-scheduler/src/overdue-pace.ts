// After an outage thousands of records are overdue at once. Written into `dispatches` all together they would stand before
// everything new, and dispatch would have to read them all and put most of them off again. They wait here instead, where they have
// waited until now, and follow as dispatch gets on: of a partition only so many are beyond what its group has committed. One
// request that hangs holds a commit up for as long as it may last, so a partition that does not move is given more all the same.

import type { CancelTimer, Timers } from '@postrider/runtime';
import { overdueAskMs, overdueOutMax, overdueStallMs } from './limits.ts';

export interface OverduePaceDeps {
  /** Offsets that dispatch has committed, by partition of `dispatches`. */
  readonly finished: () => Promise<ReadonlyMap<number, number>>;
  /** Ms, never stepping back. */
  readonly monotonic: () => number;
  readonly timers: Timers;
  /** A partition that was refused has room again. */
  readonly onRoom: () => void;
  /** It cannot be asked; told once until there is an answer again. */
  readonly onUnanswered: (error: unknown) => void;
}

/** What is on its way of one partition. */
interface Out {
  /** Being written. */
  writing: number;
  /** Written, and not known to be finished; rising. */
  offsets: number[];
  /** When it last became less. */
  movedMs: number;
}

export class OverduePace {
  readonly #deps: OverduePaceDeps;
  readonly #out = new Map<number, Out>();
  readonly #refused = new Set<number>();
  #cancelTimer: CancelTimer | undefined;
  #isAnswered = true;

  constructor(deps: OverduePaceDeps) {
    this.#deps = deps;
  }

  /** Whether an overdue record of the partition may be given back now; if not, `onRoom` tells when to ask again. */
  mayGive(partition: number): boolean {
    const out = this.#out.get(partition);
    if (out === undefined || out.writing + out.offsets.length < overdueOutMax) return true;
    this.#refused.add(partition);
    this.#askLater();
    return false;
  }

  /** An overdue record of the partition is being written. */
  giving(partition: number): void {
    const out = this.#out.get(partition) ?? { writing: 0, offsets: [], movedMs: this.#deps.monotonic() };
    out.writing++;
    this.#out.set(partition, out);
  }

  /** It stands at this offset of `dispatches`. */
  given(partition: number, offset: number): void {
    const out = this.#out.get(partition)!;
    out.writing--;
    out.offsets.push(offset);
  }

  /** Nothing is asked any more. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#refused.clear();
  }

  #askLater(): void {
    this.#cancelTimer ??= this.#deps.timers.setTimer(overdueAskMs, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const finished = await this.#finished();
    if (this.#cancelTimer === undefined) return;
    this.#cancelTimer = undefined;
    const nowMs = this.#deps.monotonic();
    for (const [partition, out] of this.#out) this.#look(out, finished.get(partition) ?? 0, nowMs);
    const hadRoom = [...this.#refused].some((partition) => this.#hasRoom(partition));
    for (const partition of this.#refused) if (this.#hasRoom(partition)) this.#refused.delete(partition);
    if (this.#refused.size > 0) this.#askLater();
    if (hadRoom) this.#deps.onRoom();
  }

  /** Without an answer nothing is known to have moved; the time limit still goes on. */
  async #finished(): Promise<ReadonlyMap<number, number>> {
    try {
      const finished = await this.#deps.finished();
      this.#isAnswered = true;
      return finished;
    } catch (error) {
      if (this.#isAnswered && this.#cancelTimer !== undefined) this.#deps.onUnanswered(error);
      this.#isAnswered = false;
      return new Map();
    }
  }

  #look(out: Out, finished: number, nowMs: number): void {
    const left = out.offsets.filter((offset) => offset >= finished);
    const isStalled = left.length === out.offsets.length && nowMs - out.movedMs >= overdueStallMs;
    if (left.length < out.offsets.length || isStalled) out.movedMs = nowMs;
    out.offsets = isStalled ? [] : left;
  }

  #hasRoom(partition: number): boolean {
    const { writing, offsets } = this.#out.get(partition)!;
    return writing + offsets.length < overdueOutMax;
  }
}
