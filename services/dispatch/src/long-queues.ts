// Endpoints whose queue is long. One that moves is left alone: giving its records back to a tier would only make them late, and
// so is one that waits for our own processor. An endpoint is behind when its own limits hold it and its queue would last for
// seconds at its pace; it gives up what is beyond its cap, and when half of its partition's window is used, all but a few: so no
// endpoint, and no number of endpoints, holds the window that others share.

import type { Timers } from '@postrider/runtime';
import type { EndpointLanes } from './endpoint-lanes.ts';
import {
  behindMs,
  endpointWindowShare,
  longQueueLookMs,
  pressedQueueMax,
  queueLastsMsMax,
  watchedQueueMin,
} from './limits.ts';
import type { PartitionState } from './partition-state.ts';
import type { Turn } from './turns.ts';
import type { Work } from './work.ts';

export interface LongQueuesDeps {
  readonly lanes: EndpointLanes<Work>;
  /** First attempts of one endpoint that may wait however slow it is; half as many late ones. */
  readonly endpointQueueMax: number;
  /** Records of one partition that may be unfinished at once. */
  readonly windowRecords: number;
  readonly now: () => number;
  readonly timers: Timers;
  /** False while work is handed over or drained: then queues stand for another reason, and nothing new may begin. */
  readonly isAccepting: () => boolean;
  /** True when the endpoint's own concurrency or rate, or its origin's places, are what its work waits for. */
  readonly isHeldBack: (endpointId: string) => boolean;
  /** Puts work off that was taken out of its queue. */
  readonly spill: (work: Work) => void;
}

/** A queue that is looked at. */
interface Watched {
  /** Taken from the queue by the last look. */
  taken: number;
  /** Taken between two looks, a moving average. */
  pace: number;
  readonly behind: Record<Turn, boolean>;
}

/** Weight of the newest look in the average: about a second's worth counts. */
const newestShare = 0.25;

export class LongQueues {
  readonly #deps: LongQueuesDeps;
  readonly #caps: Readonly<Record<Turn, number>>;
  readonly #pressedAt: number;
  readonly #watched = new Map<string, Watched>();
  #lookIsSet = false;

  constructor(deps: LongQueuesDeps) {
    this.#deps = deps;
    const cap = Math.min(deps.endpointQueueMax, Math.ceil(deps.windowRecords * endpointWindowShare));
    this.#caps = { first: cap, late: Math.ceil(cap / 2) };
    this.#pressedAt = deps.windowRecords / 2;
  }

  /** It was behind at the last look, and at its cap it takes no more. */
  isBehind(endpointId: string, turn: Turn, state: PartitionState): boolean {
    const behind = this.#watched.get(endpointId)?.behind[turn] === true;
    return behind && this.#deps.lanes.waitingFor(endpointId, turn) >= this.#cap(turn, state);
  }

  /** Requests a second that an endpoint with a queue takes at present; 0 when that is not known. */
  perSecond(endpointId: string): number {
    return ((this.#watched.get(endpointId)?.pace ?? 0) * 1_000) / longQueueLookMs;
  }

  /** A record was queued for the endpoint. */
  queued(endpointId: string, turn: Turn): void {
    const { lanes } = this.#deps;
    if (this.#watched.has(endpointId) || lanes.waitingFor(endpointId, turn) < this.#watchedFrom(turn)) return;
    const behind = { first: false, late: false };
    this.#watched.set(endpointId, { taken: lanes.takenFrom(endpointId), pace: 0, behind });
    this.#lookSoon();
  }

  /** After `isAccepting` became true again. */
  resume(): void {
    if (this.#watched.size > 0) this.#lookSoon();
  }

  #look(): void {
    this.#lookIsSet = false;
    const { lanes, isAccepting, spill } = this.#deps;
    if (!isAccepting()) return;
    for (const [endpointId, watched] of this.#watched) {
      const taken = lanes.takenFrom(endpointId);
      watched.pace += (taken - watched.taken - watched.pace) * newestShare;
      watched.taken = taken;
      let isShort = true;
      for (const turn of ['late', 'first'] as const) {
        const waiting = lanes.waitingFor(endpointId, turn);
        const head = lanes.head(endpointId, turn);
        watched.behind[turn] = head !== undefined && this.#isSlow(endpointId, head, waiting, watched.pace);
        if (waiting >= this.#watchedFrom(turn)) isShort = false;
        if (!head || !watched.behind[turn]) continue;
        for (const work of lanes.takeBeyond(endpointId, turn, this.#cap(turn, head.state))) spill(work);
      }
      if (isShort) this.#watched.delete(endpointId);
    }
    this.resume();
  }

  #isSlow(endpointId: string, head: Work, waiting: number, pace: number): boolean {
    // Either way: a clock that was set back would make it seem new.
    const waitedMs = Math.abs(this.#deps.now() - head.acceptedMs);
    if (waitedMs < behindMs || !this.#deps.isHeldBack(endpointId)) return false;
    return waiting * longQueueLookMs > pace * queueLastsMsMax;
  }

  #cap(turn: Turn, { window }: PartitionState): number {
    const cap = this.#caps[turn];
    if (window.underWay <= this.#pressedAt) return cap;
    // However many they are, together they leave half of what is pressed free.
    const share = Math.floor(this.#pressedAt / 2 / Math.max(1, this.#watched.size));
    return Math.min(cap, pressedQueueMax, Math.max(1, share));
  }

  #watchedFrom(turn: Turn): number {
    return Math.min(watchedQueueMin, this.#caps[turn]);
  }

  #lookSoon(): void {
    if (this.#lookIsSet) return;
    this.#lookIsSet = true;
    this.#deps.timers.setTimer(longQueueLookMs, () => this.#look());
  }
}
