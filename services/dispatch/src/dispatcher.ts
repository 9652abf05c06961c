// The handler of a dispatch record, from reading to acknowledgement:
//
//   read ─▶ look ─┬▶ under way here ─────────────────────────────────────────▶ ack   (a copy; writes nothing)
//                 ├▶ settled in the log ─▶ its consequence again, once ──────▶ ack
//                 └▶ new ─▶ planAttempt ─┬▶ wait ─▶ held, or back to a tier ─▶ ack
//                                        ├▶ defer ─▶ DispatchDeferred ─▶ tier ▶ ack
//                                        ├▶ end ──▶ DispatchEnded ─▶ letter ─▶ ack
//                                        └▶ send ─▶ POST ─▶ settleAttempt ─▶ AttemptSettled ─▶ tier | letter ─▶ ack
//
// When to do what is decided here; what is written, and in which order, in settler.ts.

import { decodeDispatch, type AttemptsRecord } from '@postrider/core/contracts';
import {
  parkDelayMs,
  planAttempt,
  type AttemptPlan,
  type DeferReason,
  type Endpoint,
  type EndpointId,
  type EndpointIndex,
  type EndpointView,
  type PutOff,
} from '@postrider/core/domain';
import { headerText, type Ack, type KafkaRecord, type Lease } from '@postrider/kafka';
import type { Timers } from '@postrider/runtime';
import type { AttemptsReader } from './attempts-reader.ts';
import { tierRecord } from './consequences.ts';
import { EndpointBreakers } from './endpoint-breakers.ts';
import { EndpointLanes } from './endpoint-lanes.ts';
import { EndpointRates } from './endpoint-rates.ts';
import type { EndpointRuntimes } from './endpoint-runtime.ts';
import { LateRecords } from './late-records.ts';
import { holdMsMax, lateWindowShare } from './limits.ts';
import { LongQueues } from './long-queues.ts';
import type { PartitionState } from './partition-state.ts';
import { ReturnSlots } from './return-slots.ts';
import { sendAttempt, type SendPorts } from './send-attempt.ts';
import { SendingGate, type Pass, type SendingGateDeps } from './sending-gate.ts';
import { Settler, type SettlerDeps } from './settler.ts';
import type { Turn } from './turns.ts';
import { workOf, type Work } from './work.ts';

export interface DispatcherDeps extends SendPorts, SettlerDeps, Pick<SendingGateDeps, 'busyShare'> {
  readonly endpoints: EndpointIndex;
  readonly runtimes: EndpointRuntimes;
  readonly reader: AttemptsReader;
  readonly timers: Timers;
  readonly endpointQueueMax: number;
  /** Whether the partitions are certainly still ours: a process that stood still must not send what another one sends now. */
  readonly lease: Lease;
  /** Records of one partition that may be unfinished at once. */
  readonly windowRecords: number;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #settler: Settler;
  readonly #lanes = new EndpointLanes<Work>();
  readonly #gate: SendingGate;
  readonly #rates: EndpointRates;
  readonly #breakers: EndpointBreakers;
  readonly #slots: ReturnSlots;
  /** Endpoint versions that answered 410; a newer version clears it. */
  readonly #goneVersions = new Map<EndpointId, number>();
  readonly #late: LateRecords;
  readonly #longQueues: LongQueues;
  readonly #idleWaiters: (() => void)[] = [];
  #settling = 0;
  #accepting = true;
  #inDoubt = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#settler = new Settler(deps);
    const onTurn = (endpointId: string): void => queueMicrotask(() => this.#pump(endpointId as EndpointId));
    this.#gate = new SendingGate({ ...deps, onTurn });
    this.#rates = new EndpointRates({ now: deps.now, timers: deps.timers, onTurn });
    this.#longQueues = new LongQueues({
      ...deps,
      lanes: this.#lanes,
      isAccepting: () => this.#accepting,
      isHeldBack: (endpointId) => this.#isHeldBack(endpointId as EndpointId),
      spill: (work) => this.#putOff(work, this.#reasonToQueue(work)),
    });
    this.#breakers = new EndpointBreakers({ ...deps, onMove: deps.observer.breakerMoved });
    this.#slots = new ReturnSlots(deps.now);
    this.#late = new LateRecords({
      reader: deps.reader,
      onExtended: deps.observer.extended,
      take: (work) => this.#take(work),
      perform: (reading) => this.#perform(reading),
    });
  }

  get inFlight(): number {
    return this.#lanes.underWay;
  }

  get waiting(): number {
    return this.#lanes.waiting;
  }

  /** Circuit breakers that are not closed. */
  get breakers(): { readonly open: number; readonly halfOpen: number } {
    return this.#breakers.counts();
  }

  /** Takes one record of `dispatches`. Never throws, never waits. */
  accept(record: KafkaRecord, ack: Ack, state: PartitionState): void {
    state.mark(record);
    const decoded = decodeDispatch((name) => headerText(record.headers, name), record.value);
    if (!decoded.ok) {
      this.#perform(this.#settler.endUnreadable(record, decoded.problem, state).then(ack));
      return;
    }
    this.#late.accept(workOf(decoded.value, record, state, ack, this.#deps.now()));
  }

  /** Starts nothing new and resolves when no request and no write is under way. */
  quiesce(): Promise<void> {
    this.#accepting = false;
    return this.#idle() ? Promise.resolve() : new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Starts again after a rebalance. */
  resume(): void {
    this.#accepting = true;
    this.#longQueues.resume();
    this.#pumpAll();
  }

  /** Drops the queued work of partitions that were lost. */
  forget(state: PartitionState): void {
    state.owned = false;
    this.#late.forget(state);
    this.#breakers.forget(state.partition);
    this.#lanes.drop((work) => work.state === state);
  }

  /** Takes a record of `attempts` that was read back. */
  learn(record: AttemptsRecord, { partition }: PartitionState): void {
    if (record.type === 'EndpointDisabled') this.#disable(record.endpoint, record.endpointVersion);
    else this.#breakers.learn(record, partition);
  }

  /** An endpoint version answered 410: told by our own attempts and by what was restored. */
  #disable(endpointId: EndpointId, version: number): void {
    if (version > (this.#goneVersions.get(endpointId) ?? 0)) this.#goneVersions.set(endpointId, version);
  }

  #take(work: Work): void {
    const seen = work.state.window.look(work.attemptId);
    if (seen === 'settled') this.#repeatConsequence(work);
    else if (seen === 'under-way') this.#drop(work, seen);
    else this.#carryOut(work, this.#plan(work, true));
  }

  #drop(work: Work, reason: 'settled' | 'under-way'): void {
    this.#deps.observer.dropped(reason);
    work.ack();
  }

  /** Rule R2: the attempt is settled; whether its consequence was written nobody knows, so the first copy writes it again. */
  #repeatConsequence(work: Work): void {
    const consequence = work.state.window.takeConsequence(work.attemptId);
    if (!consequence) {
      this.#drop(work, 'settled');
      return;
    }
    this.#deps.observer.dropped('settled');
    const cause = { message: 'its settlement was found in the log', attempts: work.dispatch.attempt };
    this.#perform(this.#settler.follow(work, consequence, cause).then(work.ack));
  }

  #plan(work: Work, isNew: boolean): AttemptPlan {
    const view = this.#view(work.dispatch.endpointId);
    return planAttempt({
      dispatch: work.dispatch,
      endpoint: view,
      putOff: view.kind === 'known' ? this.#keptFrom(view.endpoint, work, isNew) : undefined,
      nowMs: this.#deps.now(),
    });
  }

  /** Why an endpoint cannot take work now that it may be sent, and when it comes back. */
  #keptFrom(endpoint: Endpoint, work: Work, isNew: boolean): PutOff | undefined {
    const shut = this.#breakers.shut(endpoint);
    if (shut) {
      const dueMs = shut.isProber ? shut.fromMs : this.#slots.next(endpoint, shut.fromMs);
      return { reason: 'breaker-open', dueMs };
    }
    const { turn, state } = work;
    if (!isNew || !(this.#longQueues.isBehind(endpoint.endpointId, turn, state) || this.#hasTooMuchLate(turn, state)))
      return undefined;
    return { reason: this.#reasonToQueue(work), dueMs: this.#queueSlot(endpoint) };
  }

  /** Late work may not fill the window: first attempts that stand behind it in the log must be reached. */
  #hasTooMuchLate(turn: Turn, { lateOpen }: PartitionState): boolean {
    return turn === 'late' && lateOpen > this.#deps.windowRecords * lateWindowShare;
  }

  #reasonToQueue({ dispatch }: Work): 'rate' | 'queue-full' {
    return this.#deps.endpoints.get(dispatch.endpointId)?.ratePerSecond === undefined ? 'queue-full' : 'rate';
  }

  #queueSlot(endpoint: Endpoint): number {
    const perSecond = this.#longQueues.perSecond(endpoint.endpointId);
    return this.#slots.next(endpoint, this.#deps.now() + parkDelayMs(0), perSecond);
  }

  #view(endpointId: EndpointId): EndpointView {
    const endpoint = this.#deps.endpoints.get(endpointId);
    if (!endpoint) return { kind: this.#deps.endpoints.isDeleted(endpointId) ? 'deleted' : 'unknown' };
    const gone = this.#goneVersions.get(endpointId);
    return {
      kind: 'known',
      endpoint,
      disabledSince: gone !== undefined && gone >= endpoint.version ? 'this-version' : undefined,
    };
  }

  #carryOut(work: Work, plan: AttemptPlan): void {
    const { state, attemptId, dispatch } = work;
    if (plan.kind === 'wait' && plan.untilMs - this.#deps.now() > holdMsMax) {
      // Given up at once: the same attempt comes back through the tier.
      const passed = tierRecord(
        { ...dispatch, hop: dispatch.hop + 1 },
        work.record,
        this.#deps.now(),
        this.#deps.routes,
      );
      state.window.release(attemptId);
      this.#perform(this.#deps.emit(passed).then(work.ack));
      return;
    }
    state.window.accept(attemptId);
    switch (plan.kind) {
      case 'send':
        // Whoever waits for a call's answer is not made to wait for its turn.
        if (dispatch.correlation !== undefined && this.#rates.waitMs(plan.endpoint) > 0)
          this.#perform(this.#settler.answer(work, 'unavailable', 'rate'));
        else this.#enqueue(work);
        return;
      case 'wait':
        this.#deps.timers.setTimer(plan.untilMs - this.#deps.now(), () => {
          if (state.owned) this.#enqueue(work);
        });
        return;
      case 'defer':
        this.#noteSlot(dispatch.endpointId, plan);
        this.#perform(this.#settler.defer(work, plan.reason, plan.dueMs));
        return;
      case 'end':
        this.#perform(this.#settler.end(work, plan.reason));
        return;
      case 'answer':
        this.#perform(this.#settler.answer(work, plan.outcome, plan.reason));
        return;
    }
  }

  /** What waits for the endpoint waits for its own limits, not for ours. */
  #isHeldBack(endpointId: EndpointId): boolean {
    const endpoint = this.#deps.endpoints.get(endpointId);
    return (
      !endpoint || this.#lanes.next(endpointId, endpoint.concurrency) === undefined || this.#rates.waitMs(endpoint) > 0
    );
  }

  /** The slot of what was put off is taken. */
  #noteSlot(endpointId: EndpointId, { reason, dueMs }: { readonly reason: DeferReason; readonly dueMs: number }): void {
    if (reason === 'breaker-open' && this.#breakers.tookProberSlot(endpointId, dueMs)) return;
    if (reason === 'breaker-open' || reason === 'rate' || reason === 'queue-full') this.#slots.took(endpointId, dueMs);
  }

  #enqueue(work: Work): void {
    const { endpointId } = work.dispatch;
    this.#lanes.enqueue(endpointId, work.turn, work);
    this.#longQueues.queued(endpointId, work.turn);
    this.#pump(endpointId);
  }

  #pumpAll(): void {
    for (const endpointId of this.#lanes.endpoints()) this.#pump(endpointId as EndpointId);
  }

  /** False while only the coordinator knows; goes on by itself with what it leaves us. */
  #isOurs(): boolean {
    if (this.#deps.lease.holds()) return true;
    if (!this.#inDoubt) {
      this.#inDoubt = true;
      void this.#deps.lease.heard().then(() => {
        this.#inDoubt = false;
        this.#pumpAll();
      });
    }
    return false;
  }

  /** Sends what an endpoint's lane and the gate allow. */
  #pump(endpointId: EndpointId): void {
    for (;;) {
      const endpoint = this.#deps.endpoints.get(endpointId);
      let turn = this.#accepting ? this.#lanes.next(endpointId, endpoint?.concurrency ?? 1) : undefined;
      if (turn === undefined || !this.#isOurs()) return;
      const waitMs = endpoint ? this.#rates.waitMs(endpoint) : 0;
      if (waitMs > 0) {
        this.#rates.callAfter(endpointId, waitMs);
        return;
      }
      const origin = endpoint && this.#deps.runtimes.of(endpoint).url.origin;
      let pass = origin === undefined ? undefined : this.#gate.enter(origin, endpointId, turn);
      // Late work that must wait for a place holds no first attempt up.
      if (origin !== undefined && !pass && turn === 'late' && this.#lanes.waitingFor(endpointId, 'first') > 0) {
        turn = 'first';
        pass = this.#gate.enter(origin, endpointId, turn);
      }
      if (endpoint && !pass) return;
      const work = this.#lanes.take(endpointId, turn);
      if (!this.#start(work, pass)) this.#free(work, pass);
    }
  }

  /** Looks again at work that waited, since endpoint and log may have changed meanwhile. True when a request is under way. */
  #start(work: Work, pass: Pass | undefined): boolean {
    if (this.#isSettledElsewhere(work)) return false;
    const plan = this.#plan(work, false);
    const isCall = work.dispatch.correlation !== undefined;
    const unknown = isCall && work.state.window.outcomeUnknown(work.attemptId);
    if (unknown || plan.kind !== 'send') {
      this.#carryOut(work, unknown ? { kind: 'answer', outcome: 'unavailable', reason: 'outcome-unknown' } : plan);
      return false;
    }
    const { endpoint } = plan;
    const secrets = this.#deps.runtimes.secrets(endpoint, this.#deps.now());
    if (!secrets.ok) {
      this.#putOff(work, 'secret-unavailable');
      return false;
    }
    const runtime = this.#deps.runtimes.of(endpoint);
    this.#rates.take(endpoint);
    const isProbe = this.#breakers.begins(endpoint);
    // The lane is free as soon as the receiver has answered; settling goes on beside the next request.
    const send = () => sendAttempt(work.dispatch, runtime, secrets.values, this.#deps);
    const sending = isCall ? this.#startCall(work).then((ours) => (ours ? send() : undefined)) : send();
    sending.then((result) => {
      if (result?.outcome.kind === 'http-status' && result.outcome.httpStatus === 410)
        this.#disable(endpoint.endpointId, endpoint.version);
      if (result) this.#perform(this.#settler.settle(work, runtime, result));
      this.#free(work, pass);
      if (work.state.owned && this.#breakers.ended(endpoint, work.state.partition, isProbe, result))
        for (const waiting of this.#lanes.takeAll(endpoint.endpointId)) this.#putOff(waiting, 'breaker-open');
      this.#pump(endpoint.endpointId);
      this.#checkIdle();
    }, this.#deps.onFatal);
    return true;
  }

  /** Writes that a call begins. False when it is, or has become, somebody else's: a call is made once. */
  async #startCall(work: Work): Promise<boolean> {
    const isOurs = await this.#settler.started(work);
    if (!this.#deps.lease.holds()) await this.#deps.lease.heard();
    if (!work.state.owned) this.#deps.observer.dropped('stale');
    else if (isOurs) return true;
    else if (!this.#isSettledElsewhere(work))
      this.#perform(this.#settler.answer(work, 'unavailable', 'outcome-unknown'));
    return false;
  }

  /** Work that was accepted here and settled by somebody else meanwhile. */
  #isSettledElsewhere(work: Work): boolean {
    const { window } = work.state;
    if (window.look(work.attemptId) !== 'settled') return false;
    window.release(work.attemptId);
    this.#repeatConsequence(work);
    return true;
  }

  /** Parks work that cannot be sent now; a call is answered instead. */
  #putOff(work: Work, reason: 'breaker-open' | 'rate' | 'queue-full' | 'secret-unavailable'): void {
    const { correlation, park, endpointId } = work.dispatch;
    if (correlation !== undefined) {
      this.#perform(this.#settler.answer(work, 'unavailable', reason));
      return;
    }
    const endpoint = this.#deps.endpoints.get(endpointId);
    const kept = endpoint && reason === 'breaker-open' ? this.#keptFrom(endpoint, work, false) : undefined;
    const isQueue = reason === 'rate' || reason === 'queue-full';
    const dueMs =
      kept?.dueMs ?? (endpoint && isQueue ? this.#queueSlot(endpoint) : this.#deps.now() + parkDelayMs(park));
    this.#noteSlot(endpointId, { reason, dueMs });
    this.#perform(this.#settler.defer(work, reason, dueMs));
  }

  #free({ dispatch, turn }: Work, pass: Pass | undefined): void {
    this.#lanes.done(dispatch.endpointId, turn);
    if (pass) this.#gate.leave(pass);
  }

  /** Runs effects; a stop waits for them. */
  #perform(effects: Promise<unknown>): void {
    this.#settling++;
    void effects
      .catch((error: unknown) => this.#deps.onFatal(error))
      .finally(() => {
        this.#settling--;
        this.#checkIdle();
      });
  }

  #idle(): boolean {
    return this.#lanes.underWay === 0 && this.#settling === 0;
  }

  #checkIdle(): void {
    if (this.#accepting || !this.#idle()) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
