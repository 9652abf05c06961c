// Endpoints whose queue is at its cap. A fast one empties its queue in time and is left alone: giving its records back to a tier
// would only make them late. One that does not move gives up what is beyond the cap, so that it never holds the window of a
// partition that others share.

import type { Timers } from '@postrider/runtime';
import type { EndpointLanes } from './endpoint-lanes.ts';
import { behindMs, longQueueLookMs } from './limits.ts';
import type { Work } from './work.ts';

export interface LongQueuesDeps {
  readonly lanes: EndpointLanes<Work>;
  /** Records of one endpoint that may wait however slow it is. */
  readonly cap: number;
  readonly now: () => number;
  readonly timers: Timers;
  /** False while work is handed over or drained: then queues stand for another reason, and nothing new may begin. */
  readonly isAccepting: () => boolean;
  /** Puts work off that was taken out of its queue. */
  readonly spill: (work: Work) => void;
}

export class LongQueues {
  readonly #deps: LongQueuesDeps;
  readonly #long = new Set<string>();
  #lookIsSet = false;

  constructor(deps: LongQueuesDeps) {
    this.#deps = deps;
  }

  /** At its cap, and its first record has waited too long. */
  isBehind(endpointId: string): boolean {
    const { lanes, cap, now } = this.#deps;
    return lanes.waitingFor(endpointId) >= cap && now() - (lanes.head(endpointId)?.acceptedMs ?? 0) >= behindMs;
  }

  /** A record was queued for the endpoint. */
  queued(endpointId: string): void {
    if (this.#deps.lanes.waitingFor(endpointId) < this.#deps.cap) return;
    this.#long.add(endpointId);
    this.#lookSoon();
  }

  #look(): void {
    this.#lookIsSet = false;
    const { lanes, cap, isAccepting, spill } = this.#deps;
    if (!isAccepting()) return;
    for (const endpointId of this.#long) {
      if (lanes.waitingFor(endpointId) < cap) this.#long.delete(endpointId);
      else if (this.isBehind(endpointId)) for (const work of lanes.takeBeyond(endpointId, cap)) spill(work);
    }
    this.resume();
  }

  /** After `isAccepting` became true again. */
  resume(): void {
    if (this.#long.size > 0) this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#lookIsSet) return;
    this.#lookIsSet = true;
    this.#deps.timers.setTimer(longQueueLookMs, () => this.#look());
  }
}
