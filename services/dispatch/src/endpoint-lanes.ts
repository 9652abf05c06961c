// One lane an endpoint: what waits and the number of requests under way, so that an endpoint's concurrency limit is exact
// local state and a slow endpoint holds up nobody but itself. First attempts and late work queue apart and take turns. Pure
// bookkeeping; the caller sends.

import { latePlaces, Turns, type Turn } from './turns.ts';
import { WorkQueue } from './work-queue.ts';

interface Lane<T> {
  readonly waiting: Readonly<Record<Turn, WorkQueue<T>>>;
  readonly turns: Turns;
  readonly underWay: Record<Turn, number>;
  taken: number;
}

export class EndpointLanes<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  #underWay = 0;
  #waiting = 0;

  /** Requests under way over all endpoints. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Accepted and waiting for a free place over all endpoints. */
  get waiting(): number {
    return this.#waiting;
  }

  waitingFor(endpointId: string, turn: Turn): number {
    return this.#lanes.get(endpointId)?.waiting[turn].length ?? 0;
  }

  /** The item that has waited longest. */
  head(endpointId: string, turn: Turn): T | undefined {
    return this.#lanes.get(endpointId)?.waiting[turn].head;
  }

  /** Items taken since the endpoint was last idle: its pace. */
  takenFrom(endpointId: string): number {
    return this.#lanes.get(endpointId)?.taken ?? 0;
  }

  /** Takes out what waits behind the first `keep`, newest last. */
  takeBeyond(endpointId: string, turn: Turn, keep: number): T[] {
    return this.#takeOut(endpointId, (waiting) => waiting[turn].takeBeyond(keep));
  }

  /** Takes out the oldest that wait, as far as `predicate` picks them. */
  takeWhile(endpointId: string, turn: Turn, predicate: (item: T) => boolean): T[] {
    return this.#takeOut(endpointId, (waiting) => waiting[turn].takeWhile(predicate));
  }

  /** Takes out all that waits; late work in front, since it has waited longest. */
  takeAll(endpointId: string): T[] {
    return [...this.takeBeyond(endpointId, 'late', 0), ...this.takeBeyond(endpointId, 'first', 0)];
  }

  enqueue(endpointId: string, turn: Turn, item: T): void {
    let lane = this.#lanes.get(endpointId);
    if (!lane) {
      lane = {
        waiting: { first: new WorkQueue(), late: new WorkQueue() },
        turns: new Turns(),
        underWay: { first: 0, late: 0 },
        taken: 0,
      };
      this.#lanes.set(endpointId, lane);
    }
    lane.waiting[turn].push(item);
    this.#waiting++;
  }

  /** Whose turn it is, if something waits and `concurrency` allows one more. */
  next(endpointId: string, concurrency: number): Turn | undefined {
    const lane = this.#lanes.get(endpointId);
    if (!lane || lane.underWay.first + lane.underWay.late >= concurrency) return undefined;
    const { waiting, underWay, turns } = lane;
    return turns.next({
      first: waiting.first.length > 0,
      late: waiting.late.length > 0 && underWay.late < latePlaces(concurrency),
    });
  }

  /** Takes the next item out, of an endpoint in which it is this one's turn or a first attempt waits, and counts it as under way. */
  take(endpointId: string, turn: Turn): T {
    const lane = this.#lanes.get(endpointId)!;
    if (lane.waiting.first.length > 0 && lane.waiting.late.length > 0) lane.turns.took();
    const item = lane.waiting[turn].shift();
    lane.underWay[turn]++;
    lane.taken++;
    this.#underWay++;
    this.#waiting--;
    return item;
  }

  /** What `take` gave is finished. */
  done(endpointId: string, turn: Turn): void {
    const lane = this.#lanes.get(endpointId);
    if (!lane) return;
    lane.underWay[turn]--;
    this.#underWay--;
    this.#forgetIdle(endpointId, lane);
  }

  /** Drops waiting items that `predicate` picks: work of a partition that was lost. */
  drop(predicate: (item: T) => boolean): number {
    let dropped = 0;
    for (const [endpointId, lane] of this.#lanes) {
      dropped += lane.waiting.first.drop(predicate) + lane.waiting.late.drop(predicate);
      this.#forgetIdle(endpointId, lane);
    }
    this.#waiting -= dropped;
    return dropped;
  }

  /** Endpoints with something waiting or under way. */
  endpoints(): string[] {
    return [...this.#lanes.keys()];
  }

  #takeOut(endpointId: string, from: (waiting: Lane<T>['waiting']) => T[]): T[] {
    const lane = this.#lanes.get(endpointId);
    if (!lane) return [];
    const taken = from(lane.waiting);
    this.#waiting -= taken.length;
    this.#forgetIdle(endpointId, lane);
    return taken;
  }

  #forgetIdle(endpointId: string, { waiting, underWay }: Lane<T>): void {
    if (underWay.first + underWay.late === 0 && waiting.first.length + waiting.late.length === 0)
      this.#lanes.delete(endpointId);
  }
}
