// Work that may be sent, until its turn comes: an endpoint's own concurrency and rate, the places of young requests and of the
// origin, and whether the partitions are certainly still ours. What is decided about the work itself is not decided here.

import type { EndpointId, EndpointIndex } from '@postrider/core/domain';
import type { Lease } from '@postrider/kafka';
import type { Timers } from '@postrider/runtime';
import { EndpointCapacity, type EndpointCapacityDeps } from './endpoint-capacity.ts';
import { EndpointLanes } from './endpoint-lanes.ts';
import { EndpointRates } from './endpoint-rates.ts';
import type { EndpointRuntimes } from './endpoint-runtime.ts';
import { Ownership } from './ownership.ts';
import type { PartitionState } from './partition-state.ts';
import { SendingGate, type Pass } from './sending-gate.ts';
import type { Work } from './work.ts';

export interface SendingQueueDeps extends Omit<
  EndpointCapacityDeps,
  'lanes' | 'rates' | 'isAccepting' | 'isOriginFull'
> {
  readonly endpoints: EndpointIndex;
  readonly runtimes: EndpointRuntimes;
  readonly timers: Timers;
  /** Part of the time since it was last asked in which the event loop was busy, 0 to 1. */
  readonly busyShare: () => number;
  /** Whether the partitions are certainly still ours: a process that stood still must not send what another one sends now. */
  readonly lease: Lease;
  /** It is the work's turn. True when a request is under way, whose end calls `leave`; else its place is free again at once. */
  readonly start: (work: Work, leave: () => void) => boolean;
}

export class SendingQueue {
  readonly capacity: EndpointCapacity;
  readonly rates: EndpointRates;
  readonly ownership: Ownership;
  /** False while work is handed over or drained: nothing new begins. */
  accepting = true;
  readonly #deps: SendingQueueDeps;
  readonly #lanes = new EndpointLanes<Work>();
  readonly #gate: SendingGate;

  constructor(deps: SendingQueueDeps) {
    this.#deps = deps;
    this.ownership = new Ownership(deps.lease, () => this.#goAll());
    const onTurn = (endpointId: string): void => queueMicrotask(() => this.go(endpointId as EndpointId));
    this.#gate = new SendingGate({ ...deps, onTurn });
    this.rates = new EndpointRates({ now: deps.now, timers: deps.timers, onTurn });
    this.capacity = new EndpointCapacity({
      ...deps,
      lanes: this.#lanes,
      rates: this.rates,
      isAccepting: () => this.accepting,
      isOriginFull: (endpoint, turn) => this.#gate.isOriginFull(deps.runtimes.of(endpoint).origin, turn),
    });
  }

  /** Requests under way. */
  get underWay(): number {
    return this.#lanes.underWay;
  }

  get waiting(): number {
    return this.#lanes.waiting;
  }

  enqueue(work: Work): void {
    const { endpointId } = work.dispatch;
    this.#lanes.enqueue(endpointId, work.turn, work);
    this.capacity.queued(work);
    this.go(endpointId);
  }

  /** Starts again after a rebalance. */
  resume(): void {
    this.accepting = true;
    this.capacity.resume();
    this.#goAll();
  }

  /** Drops what waits of a partition that was lost. */
  forget(state: PartitionState): void {
    this.capacity.breakers.forget(state.partition);
    this.#lanes.drop((work) => work.state === state);
  }

  /** Takes out all that waits for an endpoint. */
  takeAll(endpointId: EndpointId): Work[] {
    return this.#lanes.takeAll(endpointId);
  }

  /** Starts what an endpoint's lane and the gate allow. */
  go(endpointId: EndpointId): void {
    for (;;) {
      const endpoint = this.#deps.endpoints.get(endpointId);
      let turn = this.accepting ? this.#lanes.next(endpointId, endpoint?.concurrency ?? 1) : undefined;
      if (turn === undefined || !this.ownership.isCertain()) return;
      const waitMs = endpoint ? this.rates.waitMs(endpoint) : 0;
      if (waitMs > 0) {
        this.rates.callAfter(endpointId, waitMs);
        return;
      }
      const origin = endpoint && this.#deps.runtimes.of(endpoint).origin;
      let pass = origin === undefined ? undefined : this.#gate.enter(origin, endpointId, turn);
      // Late work that must wait for a place holds no first attempt up.
      if (origin !== undefined && !pass && turn === 'late' && this.#lanes.waitingFor(endpointId, 'first') > 0) {
        turn = 'first';
        pass = this.#gate.enter(origin, endpointId, turn);
      }
      if (endpoint && !pass) return;
      const work = this.#lanes.take(endpointId, turn);
      if (!this.#deps.start(work, () => this.#leave(work, pass))) this.#leave(work, pass);
    }
  }

  #leave({ dispatch, turn }: Work, pass: Pass | undefined): void {
    this.#lanes.done(dispatch.endpointId, turn);
    if (pass) this.#gate.leave(pass);
  }

  #goAll(): void {
    for (const endpointId of this.#lanes.endpoints()) this.go(endpointId as EndpointId);
  }
}
