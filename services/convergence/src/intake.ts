// Events that were read and wait to be begun. An event leads to a dispatch for each endpoint that it matches, and a fetch brings
// hundreds of events: with thousands of endpoints in a project, planning all of them at once would take longer than a session and
// more memory than there is. So one is begun after another, as long as what is under way leads to a bounded number of dispatches.

import type { Ack, KafkaRecord, OwnedPartition, TopicPartition } from '@postrider/kafka';
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
  /** By upstream partition: what begins later than all others, and for how many reasons. */
  readonly #held = new Map<string, { reasons: number; waiting: Waiting[] }>();

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  /** Takes one record, in the order of its partition. */
  accept(record: KafkaRecord, ack: Ack, place: OwnedPartition): void {
    (this.#held.get(keyOf(record))?.waiting ?? this.#waiting).push({ record, ack, place });
    this.#go();
  }

  /** Begins nothing of this partition before `known` resolves, and nothing more at all of it when that fails. */
  holdUntil(at: TopicPartition, known: Promise<unknown>, onFailure: (error: unknown) => void): void {
    const key = keyOf(at);
    const hold = this.#held.get(key) ?? { reasons: 0, waiting: [] };
    hold.reasons++;
    this.#held.set(key, hold);
    hold.waiting.push(...this.#waiting.filter(({ record }) => keyOf(record) === key));
    this.#waiting = this.#waiting.filter(({ record }) => keyOf(record) !== key);
    known.then(() => {
      if (--hold.reasons > 0) return;
      this.#held.delete(key);
      this.#waiting.push(...hold.waiting.filter(({ place }) => place.owned()));
      this.#go();
    }, onFailure);
  }

  /** Resolves when what is under way now is acknowledged. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** What a stop waits for as well. */
  track(effect: Promise<void>): void {
    const tracked = effect.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  /** Begins nothing more and resolves when what is under way is acknowledged. */
  async quiesce(): Promise<void> {
    this.#accepting = false;
    await this.settled();
  }

  /** Goes on after a rebalance, without what belongs to somebody else now. */
  resume(): void {
    this.#waiting = this.#waiting.filter(({ place }) => place.owned());
    this.#accepting = true;
    this.#go();
  }

  #go(): void {
    while (this.#accepting && this.#waiting.length > 0 && this.#dispatches < dispatchesUnderWayMax) {
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

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
