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

import { decodeDispatch, goneRecord, type AttemptsRecord } from '@postrider/core/contracts';
import { planAttempt, type AttemptPlan, type EndpointId } from '@postrider/core/domain';
import { headerText, type Ack, type KafkaRecord } from '@postrider/kafka';
import type { AttemptsReader } from './attempts-reader.ts';
import { tierRecord } from './consequences.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import type { PutOffReason } from './endpoint-capacity.ts';
import type { EndpointViews } from './endpoint-views.ts';
import { LateRecords } from './late-records.ts';
import { holdMsMax } from './limits.ts';
import type { PartitionState } from './partition-state.ts';
import { sendAttempt, type SendPorts } from './send-attempt.ts';
import { SendingQueue, type SendingQueueDeps } from './sending-queue.ts';
import { Settler, type SettlerDeps } from './settler.ts';
import { nowFor, workOf, type Work } from './work.ts';

export interface DispatcherDeps
  extends SendPorts, SettlerDeps, Omit<SendingQueueDeps, 'start' | 'putOff' | 'observer'> {
  readonly reader: AttemptsReader;
  readonly views: EndpointViews;
  readonly observer: DispatchObserver;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #settler: Settler;
  readonly #queue: SendingQueue;
  readonly #late: LateRecords;
  readonly #idleWaiters: (() => void)[] = [];
  #settling = 0;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#settler = new Settler(deps);
    this.#queue = new SendingQueue({
      ...deps,
      start: (work, leave) => this.#start(work, leave),
      putOff: (work, reason) => this.#putOff(work, reason),
    });
    this.#late = new LateRecords({
      reader: deps.reader,
      onExtended: deps.observer.extended,
      take: (work) => this.#take(work),
      perform: (reading) => this.#perform(reading),
    });
  }

  get inFlight(): number {
    return this.#queue.underWay;
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Circuit breakers that are not closed. */
  get breakers(): { readonly open: number; readonly halfOpen: number } {
    return this.#queue.capacity.breakers.counts();
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
    this.#queue.accepting = false;
    return this.#idle() ? Promise.resolve() : new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Starts again after a rebalance. */
  resume(): void {
    this.#queue.resume();
  }

  /** The endpoint has a newer record, or none any more: what its old limits held back may go. */
  endpointChanged(endpointId: EndpointId): void {
    this.#queue.go(endpointId);
  }

  /** Drops the queued work of partitions that were lost. */
  forget(state: PartitionState): void {
    state.owned = false;
    this.#late.forget(state);
    this.#queue.forget(state);
  }

  /** Takes a record of `attempts` that was read back. */
  learn(record: AttemptsRecord, { partition }: PartitionState): void {
    const gone = this.#deps.views.learn(record);
    if (gone) this.#perform(this.#deps.emit(goneRecord(gone, this.#deps.routes.topics)));
    this.#queue.capacity.breakers.learn(record, partition);
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
    if (!consequence) return this.#drop(work, 'settled');
    this.#deps.observer.dropped('settled');
    const cause = { message: 'its settlement was found in the log', attempts: work.dispatch.attempt };
    this.#perform(this.#settler.follow(work, consequence, cause).then(work.ack));
  }

  #plan(work: Work, isNew: boolean): AttemptPlan {
    const view = this.#deps.views.of(work.dispatch.endpointId);
    return planAttempt({
      dispatch: work.dispatch,
      endpoint: view,
      putOff: view.kind === 'known' ? this.#queue.capacity.keptFrom(view.endpoint, work, isNew) : undefined,
      nowMs: nowFor(work, this.#deps.now()),
    });
  }

  #carryOut(work: Work, plan: AttemptPlan): void {
    const { state, attemptId, dispatch } = work;
    const nowMs = nowFor(work, this.#deps.now());
    if (plan.kind === 'wait' && plan.untilMs - nowMs > holdMsMax) {
      // Given up at once: the same attempt comes back through the tier.
      const passed = tierRecord({ ...dispatch, hop: dispatch.hop + 1 }, work.record, nowMs, this.#deps.routes);
      state.window.release(attemptId);
      this.#perform(this.#deps.emit(passed).then(work.ack));
      return;
    }
    state.window.accept(attemptId);
    switch (plan.kind) {
      case 'send':
        // Whoever waits for a call's answer is not made to wait for its turn.
        if (dispatch.correlation !== undefined && this.#queue.rates.waitMs(plan.endpoint) > 0)
          this.#perform(this.#settler.answer(work, 'unavailable', 'rate'));
        else this.#queue.enqueue(work);
        return;
      case 'wait':
        this.#deps.timers.setTimer(plan.untilMs - nowMs, () => state.owned && this.#queue.enqueue(work));
        return;
      case 'defer':
        this.#queue.capacity.took(dispatch.endpointId, plan);
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

  /** Looks again at work that waited, since endpoint and log may have changed meanwhile. True when a request is under way. */
  #start(work: Work, leave: () => void): boolean {
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
      this.#deps.observer.secretMissing(endpoint, secrets.problem);
      this.#putOff(work, 'secret-unavailable');
      return false;
    }
    const runtime = this.#deps.runtimes.of(endpoint);
    this.#queue.rates.take(endpoint);
    const isProbe = this.#queue.capacity.breakers.begins(endpoint);
    // The lane is free as soon as the receiver has answered; settling goes on beside the next request.
    const send = () => sendAttempt(work.dispatch, runtime, secrets, this.#deps);
    const sending = isCall ? this.#startCall(work).then((ours) => (ours ? send() : undefined)) : send();
    sending.then((result) => {
      if (result && !isCall && this.#deps.views.answered(endpoint, result)) this.#deps.observer.disabled(endpoint);
      if (result) this.#perform(this.#settler.settle(work, runtime, result));
      leave();
      if (work.state.owned && this.#queue.capacity.breakers.ended(endpoint, work.state.partition, isProbe, result))
        for (const waiting of this.#queue.takeAll(endpoint.endpointId)) this.#putOff(waiting, 'breaker-open');
      this.#queue.go(endpoint.endpointId);
      this.#checkIdle();
    }, this.#deps.onFatal);
    return true;
  }

  /** Writes that a call begins. False when it is, or has become, somebody else's: a call is made once. */
  async #startCall(work: Work): Promise<boolean> {
    const isOurs = await this.#settler.started(work);
    await this.#queue.ownership.certain();
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
  #putOff(work: Work, reason: PutOffReason): void {
    if (work.dispatch.correlation === undefined)
      this.#perform(this.#settler.defer(work, reason, this.#queue.capacity.takeSlot(work, reason)));
    else this.#perform(this.#settler.answer(work, 'unavailable', reason));
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
    return this.#queue.underWay === 0 && this.#settling === 0;
  }

  #checkIdle(): void {
    if (this.#queue.accepting || !this.#idle()) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
