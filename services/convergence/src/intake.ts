// Events that were read and wait to be begun. An event leads to a dispatch for each endpoint that it matches, and a fetch brings
// hundreds of events: with thousands of endpoints in a project, planning all of them at once would take longer than a session and
// more memory than there is. So one is begun after another, as long as what is under way leads to a bounded number of dispatches.

import type { Ack, KafkaRecord, OwnedPartition } from '@postrider/kafka';
import { dispatchesUnderWayMax } from './limits.ts';

interface Waiting {
  readonly record: KafkaRecord;
  readonly ack: Ack;
  readonly place: OwnedPartition;
}

/** Handles one event and never rejects; tells at once how many dispatches it leads to. */
export type Begin = (
  record: KafkaRecord,
  ack: Ack,
  place: OwnedPartition,
  onPlanned: (dispatches: number) => void,
) => Promise<void>;

export class Intake {
  readonly #begin: Begin;
  #waiting: Waiting[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #dispatches = 0;
  #accepting = true;
  #held = 0;

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  /** Takes one record, in the order of its partition. */
  accept(record: KafkaRecord, ack: Ack, place: OwnedPartition): void {
    this.#waiting.push({ record, ack, place });
    this.#go();
  }

  /** Begins nothing before this resolves, and nothing more at all when it fails. */
  holdUntil(known: Promise<unknown>, onFailure: (error: unknown) => void): void {
    this.#held++;
    known.then(() => {
      this.#held--;
      this.#go();
    }, onFailure);
  }

  /** What a stop waits for as well. */
  track(effect: Promise<void>): void {
    const tracked = effect.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /** Begins nothing more and resolves when what is under way is acknowledged. */
  async quiesce(): Promise<void> {
    this.#accepting = false;
    await Promise.all(this.#underWay);
  }

  /** Goes on after a rebalance, without what belongs to somebody else now. */
  resume(): void {
    this.#waiting = this.#waiting.filter(({ place }) => place.owned());
    this.#accepting = true;
    this.#go();
  }

  #go(): void {
    while (
      this.#accepting &&
      this.#held === 0 &&
      this.#waiting.length > 0 &&
      this.#dispatches < dispatchesUnderWayMax
    ) {
      const { record, ack, place } = this.#waiting.shift()!;
      let dispatches = 0;
      const handled = this.#begin(record, ack, place, (planned) => {
        dispatches = planned;
        this.#dispatches += planned;
      });
      this.track(
        handled.finally(() => {
          this.#dispatches -= dispatches;
          this.#go();
        }),
      );
    }
  }
}
