// Work that its partition has left behind. While a record waits for its endpoint, however few wait with it, nothing beyond it can be
// committed, and once the partition is a whole span ahead nothing more is read: an endpoint that takes one request a minute would
// hold everybody up with three of them. So the oldest of a queue are put off when the partition is half of its span beyond them.

import type { Timers } from '@postrider/runtime';
import type { EndpointLanes } from './endpoint-lanes.ts';
import { leftBehindLookMs, leftBehindShare, spanWindows } from './limits.ts';
import type { Work } from './work.ts';

export interface LeftBehindDeps {
  readonly lanes: EndpointLanes<Work>;
  /** Records of one partition that may be unfinished at once. */
  readonly windowRecords: number;
  readonly timers: Timers;
  /** False while work is handed over or drained: nothing new may begin. */
  readonly isAccepting: () => boolean;
  /** True when the endpoint's own limits are what its work waits for. */
  readonly isHeldBack: (endpointId: string) => boolean;
  /** Puts work off that was taken out of its queue. */
  readonly spill: (work: Work) => void;
}

export class LeftBehind {
  readonly #deps: LeftBehindDeps;
  readonly #recordsMax: number;
  #lookIsSet = false;

  constructor(deps: LeftBehindDeps) {
    this.#deps = deps;
    this.#recordsMax = deps.windowRecords * spanWindows * leftBehindShare;
  }

  /** Something waits: also after `isAccepting` became true again. */
  lookSoon(): void {
    if (this.#lookIsSet || this.#deps.lanes.waiting === 0) return;
    this.#lookIsSet = true;
    this.#deps.timers.setTimer(leftBehindLookMs, () => this.#look());
  }

  #look(): void {
    this.#lookIsSet = false;
    const { lanes, isAccepting, isHeldBack, spill } = this.#deps;
    if (!isAccepting()) return;
    for (const endpointId of lanes.endpoints()) {
      for (const turn of ['late', 'first'] as const) {
        const isBehind = (work: Work | undefined): work is Work =>
          work !== undefined && work.state.newestOffset - work.record.offset > this.#recordsMax;
        if (!isBehind(lanes.head(endpointId, turn)) || !isHeldBack(endpointId)) continue;
        for (const work of lanes.takeWhile(endpointId, turn, isBehind)) spill(work);
      }
    }
    this.lookSoon();
  }
}
