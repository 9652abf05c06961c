// What was really done to whom, and from when to when: the plan says what was meant, this what happened. The checker allows for
// nothing else.

import type { Slot } from './slots.ts';

export type InterruptionKind =
  | 'kill'
  | 'pause'
  /** SIGTERM; `toMs` is when it had gone. */
  | 'stop'
  /** A new member: the others hand partitions over. */
  | 'start'
  | 'network'
  /** Answers to produces are lost or held. */
  | 'produce-answers'
  | 'broker'
  | 'postgres'
  | 'wipe-metadata';

/** Epoch ms of this machine, which is the broker's and the receiver's too. */
export interface Interruption {
  readonly kind: InterruptionKind;
  /** Undefined: everybody who talks to it. */
  readonly slot: Slot | undefined;
  readonly fromMs: number;
  toMs: number;
}

export class Timeline {
  readonly #entries: Interruption[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Something begins; it lasts until what is returned is called. */
  begin(kind: InterruptionKind, slot?: Slot): () => void {
    const entry: Interruption = { kind, slot, fromMs: this.#now(), toMs: Number.POSITIVE_INFINITY };
    this.#entries.push(entry);
    return () => {
      entry.toMs = this.#now();
    };
  }

  entries(): readonly Interruption[] {
    return this.#entries;
  }
}
