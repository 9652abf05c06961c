// An append between its first statement and its answer, as far as what comes behind it must know of it. One more may be sent
// before the answer is there: it waits at the server for the offset rows of the first, and stands only upon it.
//
//   begun ─▶ sent ─────────────────────────────▶ ended
//              │  ▲                               ▲
//              ▼  │ sent another way, once        │
//            again: what was sent behind it has ended, without effect

import { randomUUID } from 'node:crypto';
import type { FoldedBatch } from './fold-batch.ts';
import type { Prepared } from './prepared-batch.ts';
import type { LaneMove } from './write-statements.ts';

/** What an offset row holds. */
export interface Standing {
  readonly next: number;
  readonly head: string;
}

export const placeOf = (at: {
  readonly environment: string;
  readonly topic: string;
  readonly partition: number;
}): string => `${at.environment}/${at.topic}/${at.partition}`;

export class UnderWay {
  readonly environment: string;
  readonly lanes: readonly LaneMove[];
  /** Where the offset rows are when it stands, by `placeOf`. */
  readonly reaches: ReadonlyMap<string, Standing>;
  /** Resolves when it is on its way to the server, or has ended. */
  readonly sending: Promise<void>;
  readonly ended: Promise<void>;
  /** Sent upon it: what it comes to there is taken for what stands. */
  behind: UnderWay | undefined;
  /** What the append before comes to, as it was on its way then; undefined when there is none. */
  readonly standsUpon: FoldedBatch | undefined;
  readonly #upon: UnderWay | undefined;
  readonly #sending = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #comesTo: FoldedBatch | undefined;
  #tries = 1;
  #name: string | undefined;
  readonly #uponName: string | undefined;

  /** @param upon the append that it is sent behind */
  constructor({ environment, lanes }: Prepared, upon?: UnderWay) {
    this.environment = environment;
    this.lanes = lanes;
    this.reaches = new Map(
      lanes.map(({ topic, partition, next, head }) => [placeOf({ environment, topic, partition }), { next, head }]),
    );
    this.sending = this.#sending.promise;
    this.ended = this.#ended.promise;
    this.#upon = upon;
    this.standsUpon = upon?.comesTo;
    if (upon === undefined) return;
    this.#uponName = upon.#name;
    upon.behind = this;
  }

  /** What is on its way comes to; undefined while nothing is. */
  get comesTo(): FoldedBatch | undefined {
    return this.#comesTo;
  }

  /** Ways that were gone. */
  get tries(): number {
    return this.#tries;
  }

  /** Offset rows that it moves; behind another append also those that only that one moved, which it leaves where they are. */
  get moves(): readonly LaneMove[] {
    const upon = this.#upon;
    if (upon === undefined) return this.lanes;
    const isIn = (lanes: readonly LaneMove[], { topic, partition }: LaneMove): boolean =>
      lanes.some((each) => each.topic === topic && each.partition === partition);
    const left = upon.lanes
      .filter((lane) => !isIn(this.lanes, lane))
      .map((lane) => ({ ...lane, expectedNext: lane.next, expectedHead: lane.head, rows: 0 }));
    const own = this.lanes.map((lane) => (isIn(upon.lanes, lane) ? { ...lane, upon: this.#uponName } : lane));
    return [...own, ...left.map((lane) => ({ ...lane, upon: this.#uponName }))];
  }

  /** To be said when the statement is given to the connection. @returns the name of this try, which goes into the offset rows */
  sent(comesTo: FoldedBatch): string {
    this.#comesTo = comesTo;
    this.#name = randomUUID();
    this.#sending.resolve();
    return this.#name;
  }

  /** The first way was refused. What was sent upon that is refused as well: it must have been before there is another way to stand upon. */
  async again(): Promise<void> {
    this.#comesTo = undefined;
    this.#tries += 1;
    await this.behind?.ended;
  }

  /** @returns when the one that it was sent behind has ended too, so that what stands is told in order */
  async inOrder(): Promise<void> {
    await this.#upon?.ended;
  }

  end(): void {
    this.#comesTo = undefined;
    this.#sending.resolve();
    this.#ended.resolve();
  }
}
