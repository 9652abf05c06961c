// Whether an endpoint can take work that may be sent to it, and when what it cannot take now comes back: its breaker, its rate,
// its queue, and the share of its partition's window that late work may have.

import {
  parkDelayMs,
  type DeferReason,
  type Endpoint,
  type EndpointId,
  type EndpointIndex,
  type PutOff,
} from '@postrider/core/domain';
import type { Timers } from '@postrider/runtime';
import type { DispatchObserver } from './dispatch-observer.ts';
import { EndpointBreakers } from './endpoint-breakers.ts';
import type { EndpointLanes } from './endpoint-lanes.ts';
import type { EndpointRates } from './endpoint-rates.ts';
import { LeftBehind } from './left-behind.ts';
import { lateWindowShare } from './limits.ts';
import { LongQueues } from './long-queues.ts';
import { ReturnSlots } from './return-slots.ts';
import type { Turn } from './turns.ts';
import type { Work } from './work.ts';

export type PutOffReason = PutOff['reason'] | 'secret-unavailable';

export interface EndpointCapacityDeps {
  readonly endpoints: EndpointIndex;
  readonly lanes: EndpointLanes<Work>;
  readonly rates: EndpointRates;
  readonly endpointQueueMax: number;
  /** Records of one partition that may be unfinished at once. */
  readonly windowRecords: number;
  readonly now: () => number;
  readonly timers: Timers;
  readonly observer: Pick<DispatchObserver, 'breakerMoved'>;
  readonly isAccepting: () => boolean;
  /** True when the endpoint's origin takes no more of this kind of work now. */
  readonly isOriginFull: (endpoint: Endpoint, turn: Turn) => boolean;
  /** Puts work off that was taken out of its queue. */
  readonly putOff: (work: Work, reason: PutOffReason) => void;
}

export class EndpointCapacity {
  readonly breakers: EndpointBreakers;
  readonly #deps: EndpointCapacityDeps;
  readonly #slots: ReturnSlots;
  readonly #longQueues: LongQueues;
  readonly #leftBehind: LeftBehind;

  constructor(deps: EndpointCapacityDeps) {
    this.#deps = deps;
    this.breakers = new EndpointBreakers({ ...deps, onMove: deps.observer.breakerMoved });
    this.#slots = new ReturnSlots(deps.now);
    const queues = {
      ...deps,
      isHeldBack: (endpointId: string) => this.#isHeldBack(endpointId as EndpointId),
      spill: (work: Work) => deps.putOff(work, this.#queueReason(work)),
    };
    this.#longQueues = new LongQueues(queues);
    this.#leftBehind = new LeftBehind(queues);
  }

  /** Why the endpoint cannot take it now, and when it would come back; `took` takes that slot. */
  keptFrom(endpoint: Endpoint, work: Work, isNew: boolean): PutOff | undefined {
    const shut = this.breakers.shut(endpoint);
    if (shut) {
      const dueMs = shut.isProber ? shut.fromMs : this.#slots.next(endpoint, shut.fromMs);
      return { reason: 'breaker-open', dueMs };
    }
    const { turn, state } = work;
    if (!isNew || !(this.#longQueues.isBehind(endpoint.endpointId, turn, state) || this.#hasTooMuchLate(work)))
      return undefined;
    return { reason: this.#queueReason(work), dueMs: this.#queueSlot(endpoint) };
  }

  /** Work was put off until then. */
  took(endpointId: EndpointId, { reason, dueMs }: { readonly reason: DeferReason; readonly dueMs: number }): void {
    if (reason === 'breaker-open' && this.breakers.tookProberSlot(endpointId, dueMs)) return;
    if (reason === 'breaker-open' || reason === 'rate' || reason === 'queue-full') this.#slots.took(endpointId, dueMs);
  }

  /** When work that is put off for this reason comes back, epoch ms; the slot is taken. */
  takeSlot(work: Work, reason: PutOffReason): number {
    const { endpointId, park } = work.dispatch;
    const endpoint = this.#deps.endpoints.get(endpointId);
    const dueMs = (endpoint && this.#slotFor(endpoint, work, reason)) ?? this.#deps.now() + parkDelayMs(park);
    this.took(endpointId, { reason, dueMs });
    return dueMs;
  }

  /** Work was queued for its endpoint. */
  queued({ dispatch, turn }: Work): void {
    this.#longQueues.queued(dispatch.endpointId, turn);
    this.#leftBehind.lookSoon();
  }

  /** Work is accepted again. */
  resume(): void {
    this.#longQueues.resume();
    this.#leftBehind.lookSoon();
  }

  #slotFor(endpoint: Endpoint, work: Work, reason: PutOffReason): number | undefined {
    switch (reason) {
      case 'breaker-open':
        return this.keptFrom(endpoint, work, false)?.dueMs;
      case 'rate':
      case 'queue-full':
        return this.#queueSlot(endpoint);
      case 'secret-unavailable':
        return undefined;
    }
  }

  #queueSlot(endpoint: Endpoint): number {
    const perSecond = this.#longQueues.perSecond(endpoint.endpointId);
    return this.#slots.next(endpoint, this.#deps.now() + parkDelayMs(0), perSecond);
  }

  #queueReason({ dispatch }: Work): 'rate' | 'queue-full' {
    return this.#deps.endpoints.get(dispatch.endpointId)?.ratePerSecond === undefined ? 'queue-full' : 'rate';
  }

  /** Late work may not fill the window: first attempts that stand behind it in the log must be reached. */
  #hasTooMuchLate({ turn, state }: Work): boolean {
    return turn === 'late' && state.lateOpen > this.#deps.windowRecords * lateWindowShare;
  }

  /** What waits for the endpoint waits for its own limits or its origin's, not for ours. */
  #isHeldBack(endpointId: EndpointId): boolean {
    const { endpoints, lanes, rates, isOriginFull } = this.#deps;
    const endpoint = endpoints.get(endpointId);
    const turn = endpoint && lanes.next(endpointId, endpoint.concurrency);
    if (!endpoint || turn === undefined || rates.waitMs(endpoint) > 0) return true;
    return isOriginFull(endpoint, lanes.waitingFor(endpointId, 'first') > 0 ? 'first' : turn);
  }
}
