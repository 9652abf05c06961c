// The handler of a dispatch record, from reading to acknowledgement:
//
//   read ─▶ planAttempt ─┬▶ drop ─────────────────────────────────────────────▶ ack
//                        ├▶ wait ─▶ held here, or given back to a tier ────────▶ ack
//                        ├▶ defer ─▶ DispatchDeferred ─▶ retry tier ───────────▶ ack
//                        ├▶ end ──▶ DispatchEnded ─▶ dead letter ──────────────▶ ack
//                        └▶ send ─▶ lane ─▶ POST ─▶ settleAttempt ─▶ AttemptSettled ─▶ retry | dead letter ─▶ ack
//
// The record in `attempts` is acknowledged before its consequence is written, and both before the offset may be committed.

import { decodeDispatch, timestamp, type AttemptSettled, type DispatchDeferred, type DispatchEnded } from '@postrider/core/contracts';
import {
  attemptIdOf,
  planAttempt,
  settleAttempt,
  type AttemptPlan,
  type DeadReason,
  type DeferReason,
  type Dispatch,
  type DropReason,
  type Endpoint,
  type EndpointId,
  type EndpointIndex,
  type EndpointView,
  parkDelayMs,
} from '@postrider/core/domain';
import { headerText, type Ack, type KafkaRecord } from '@postrider/kafka';
import type { Timers } from '@postrider/runtime';
import type { AttemptsLog } from './attempts-log.ts';
import { consequenceOf, deadLetter, tierRecord, type Routes } from './consequences.ts';
import { EndpointLanes } from './endpoint-lanes.ts';
import { EndpointRuntimes } from './endpoint-runtime.ts';
import { holdMsMax } from './limits.ts';
import { sendAttempt, type AttemptResult, type SendPorts } from './send-attempt.ts';
import { factsOf, workOf, type PartitionState, type Work } from './work.ts';
import { unreadable } from './unreadable.ts';

/** What the outside is told; nothing here decides anything. */
export interface DispatchObserver {
  attempted(work: Work, record: AttemptSettled, result: AttemptResult): void;
  deferred(work: Work, reason: DeferReason): void;
  ended(reason: DeadReason): void;
  dropped(reason: DropReason): void;
}

export interface DispatcherDeps extends SendPorts {
  readonly endpoints: EndpointIndex;
  readonly runtimes: EndpointRuntimes;
  readonly log: AttemptsLog;
  readonly routes: Routes;
  readonly timers: Timers;
  readonly random: () => number;
  readonly endpointQueueMax: number;
  readonly observer: DispatchObserver;
  /** An effect that can never succeed: the process must not go on. */
  readonly onFatal: (error: unknown) => void;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #lanes = new EndpointLanes<Work>();
  /** Endpoint versions that answered 410; a newer version clears it. */
  readonly #goneVersions = new Map<EndpointId, number>();
  readonly #idleWaiters: (() => void)[] = [];
  #settling = 0;
  #accepting = true;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  get inFlight(): number {
    return this.#lanes.underWay;
  }

  get waiting(): number {
    return this.#lanes.waiting;
  }

  /** Takes one record of `dispatches`. Never throws, never waits. */
  accept(record: KafkaRecord, ack: Ack, state: PartitionState): void {
    const decoded = decodeDispatch((name) => headerText(record.headers, name), record.value);
    if (!decoded.ok) {
      const { ended, letter } = unreadable(record, decoded.problem, state.owner, this.#deps.routes, this.#deps.now());
      this.#deps.observer.ended('undecodable');
      this.#perform(this.#deps.log.settle(state, ended.endpoint, ended, letter), ack);
      return;
    }
    const work = workOf(decoded.value, record, state, ack);
    this.#carryOut(work, this.#plan(work, state.window.look(work.workId)));
  }

  /** Starts nothing new and resolves when no request and no write is under way. */
  quiesce(): Promise<void> {
    this.#accepting = false;
    if (this.#lanes.underWay === 0 && this.#settling === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Starts again after a rebalance. */
  resume(): void {
    this.#accepting = true;
    for (const endpointId of this.#lanes.endpoints()) this.#pump(endpointId as EndpointId);
  }

  /** Drops the queued work of partitions that were lost. */
  forget(state: PartitionState): void {
    state.owned = false;
    this.#lanes.drop((work) => work.state === state);
  }

  #plan(work: Work, seen: 'new' | 'under-way' | 'settled'): AttemptPlan {
    return planAttempt({
      dispatch: work.dispatch,
      endpoint: this.#view(work.dispatch.endpointId),
      seen,
      queueFull: seen === 'new' && this.#lanes.waitingFor(work.dispatch.endpointId) >= this.#deps.endpointQueueMax,
      nowMs: this.#deps.now(),
    });
  }

  #view(endpointId: EndpointId): EndpointView {
    const endpoint = this.#deps.endpoints.get(endpointId);
    if (!endpoint) return { kind: this.#deps.endpoints.isDeleted(endpointId) ? 'deleted' : 'unknown' };
    const gone = this.#goneVersions.get(endpointId);
    return { kind: 'known', endpoint, disabledSince: gone !== undefined && gone >= endpoint.version ? 'this-version' : undefined };
  }

  #carryOut(work: Work, plan: AttemptPlan): void {
    const { state, workId, dispatch } = work;
    if (plan.kind === 'drop') {
      this.#deps.observer.dropped(plan.reason);
      work.ack();
      return;
    }
    if (plan.kind === 'wait' && plan.untilMs - this.#deps.now() > holdMsMax) {
      // Not accepted into the window: the same piece of work comes back through the tier.
      const passed = tierRecord({ ...dispatch, hop: dispatch.hop + 1 }, work.record, this.#deps.now(), this.#deps.routes);
      this.#perform(this.#deps.log.pass(passed), work.ack);
      return;
    }
    state.window.accept(workId);
    switch (plan.kind) {
      case 'send':
        this.#lanes.enqueue(dispatch.endpointId, work);
        this.#pump(dispatch.endpointId);
        return;
      case 'wait':
        this.#deps.timers.setTimer(plan.untilMs - this.#deps.now(), () => {
          if (!state.owned) return;
          this.#lanes.enqueue(dispatch.endpointId, work);
          this.#pump(dispatch.endpointId);
        });
        return;
      case 'defer':
        this.#defer(work, plan.reason, plan.dueMs);
        return;
      case 'end':
        this.#end(work, plan.reason);
        return;
    }
  }

  /** Sends what an endpoint's lane allows. What waited is planned again: the endpoint may have changed meanwhile. */
  #pump(endpointId: EndpointId): void {
    if (!this.#accepting) return;
    for (;;) {
      const concurrency = this.#deps.endpoints.get(endpointId)?.concurrency ?? 1;
      const work = this.#lanes.take(endpointId, concurrency);
      if (!work) return;
      const view = this.#view(endpointId);
      const plan = planAttempt({ dispatch: work.dispatch, endpoint: view, seen: 'new', queueFull: false, nowMs: this.#deps.now() });
      if (plan.kind === 'send') {
        this.#send(work, plan.endpoint).then(
          () => this.#free(endpointId),
          (error: unknown) => {
            // Not acknowledged, and nothing more is started for it; but a stop must not wait for it.
            this.#lanes.done(endpointId);
            this.#checkIdle();
            this.#deps.onFatal(error);
          },
        );
        continue;
      }
      this.#lanes.done(endpointId);
      if (plan.kind === 'defer') this.#defer(work, plan.reason, plan.dueMs);
      else if (plan.kind === 'end') this.#end(work, plan.reason);
      // The clock was set back while it waited: look again when it is due.
      else if (plan.kind === 'wait') {
        this.#deps.timers.setTimer(plan.untilMs - this.#deps.now(), () => {
          if (!work.state.owned) return;
          this.#lanes.enqueue(endpointId, work);
          this.#pump(endpointId);
        });
      }
    }
  }

  #free(endpointId: EndpointId): void {
    this.#lanes.done(endpointId);
    this.#pump(endpointId);
    this.#checkIdle();
  }

  async #send(work: Work, endpoint: Endpoint): Promise<void> {
    const { dispatch, state } = work;
    const secrets = this.#deps.runtimes.secrets(endpoint, this.#deps.now());
    if (!secrets.ok) {
      this.#defer(work, 'secret-unavailable', this.#deps.now() + parkDelayMs(dispatch.park));
      return;
    }
    const runtime = this.#deps.runtimes.of(endpoint);
    const result = await sendAttempt(dispatch, runtime, secrets.values, this.#deps);
    // Cut short by a drain, or someone else's partition by now: not counted, sent again by whoever owns it.
    if (result.outcome.kind === 'cancelled' || !state.owned) {
      this.#deps.observer.dropped(state.owned ? 'cancelled' : 'stale');
      return;
    }
    const nowMs = this.#deps.now();
    const settlement = settleAttempt({ dispatch, endpoint, outcome: result.outcome, nowMs, random: this.#deps.random() });
    const record: AttemptSettled = {
      type: 'AttemptSettled',
      ...factsOf(dispatch),
      park: dispatch.park,
      endpointVersion: endpoint.version,
      url: runtime.maskedUrl,
      startedAt: timestamp(result.startedAtMs),
      durationMs: Math.round(result.durationMs * 1000) / 1000,
      phases: result.phases,
      outcome: result.outcome.kind,
      httpStatus: result.outcome.httpStatus,
      detail: result.outcome.detail,
      status: settlement.status,
      response: result.response,
      disposition: settlement.disposition,
      keyIds: result.keyIds,
      bodyDigest: result.bodyDigest,
      bodyBytes: result.bodyBytes,
      owner: state.owner,
    };
    const message = describe(record);
    const consequence = consequenceOf(dispatch, settlement.disposition, message, work.record, nowMs, this.#deps.routes);
    if (settlement.disablesEndpoint) this.#goneVersions.set(endpoint.endpointId, endpoint.version);
    await this.#settled(work, this.#deps.log.settle(state, dispatch.endpointId, record, consequence, result.excerpt));
    if (settlement.disablesEndpoint) await this.#recordDisabled(work, endpoint);
    if (settlement.disposition.kind === 'dead') this.#deps.observer.ended(settlement.disposition.reason);
    this.#deps.observer.attempted(work, record, result);
  }

  #recordDisabled({ dispatch, state }: Work, endpoint: Endpoint): Promise<void> {
    return this.#deps.log.settle(
      state,
      endpoint.endpointId,
      {
        type: 'EndpointDisabled',
        endpoint: endpoint.endpointId,
        endpointVersion: endpoint.version,
        project: endpoint.projectId,
        at: timestamp(this.#deps.now()),
        reason: 'gone',
        attemptId: attemptIdOf(dispatch),
        owner: state.owner,
      },
      undefined,
    );
  }

  #defer(work: Work, reason: DeferReason, dueMs: number): void {
    const { dispatch, state } = work;
    const nowMs = this.#deps.now();
    const parked: Dispatch = { ...dispatch, dueMs, park: dispatch.park + 1, hop: 0 };
    const consequence = tierRecord(parked, work.record, nowMs, this.#deps.routes);
    const record: DispatchDeferred = {
      type: 'DispatchDeferred',
      ...factsOf(dispatch),
      park: dispatch.park,
      at: timestamp(nowMs),
      reason,
      due: timestamp(dueMs),
      owner: state.owner,
    };
    // Only the first parking of an attempt is recorded; a long pause would otherwise fill the log with nothing new.
    const effects =
      dispatch.park === 0 ? this.#deps.log.settle(state, dispatch.endpointId, record, consequence) : this.#deps.log.pass(consequence);
    this.#deps.observer.deferred(work, reason);
    this.#perform(this.#settled(work, effects), undefined);
  }

  #end(work: Work, reason: DeadReason): void {
    const { dispatch, state } = work;
    const record: DispatchEnded = {
      type: 'DispatchEnded',
      ...factsOf(dispatch),
      at: timestamp(this.#deps.now()),
      disposition: { kind: 'dead', reason },
      owner: state.owner,
    };
    const letter = deadLetter(dispatch, { reason, attempts: dispatch.attempt - 1, message: `ended without an attempt: ${reason}` }, work.record, this.#deps.routes);
    this.#deps.observer.ended(reason);
    this.#perform(this.#settled(work, this.#deps.log.settle(state, dispatch.endpointId, record, letter)), undefined);
  }

  /** Waits for the effects, then releases the work. */
  async #settled(work: Work, effects: Promise<void>): Promise<void> {
    await effects;
    work.state.window.settle(work.workId);
    work.ack();
  }

  /** Runs effects that no lane waits for. */
  #perform(effects: Promise<void>, ack: Ack | undefined): void {
    this.#settling++;
    void effects.then(ack, this.#deps.onFatal).finally(() => {
      this.#settling--;
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#accepting || this.#lanes.underWay > 0 || this.#settling > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}

/** One line for a person who looks at the dead letter. */
function describe({ outcome, httpStatus, detail, attempt }: AttemptSettled): string {
  const what = httpStatus === undefined ? `${outcome}${detail ? `: ${detail}` : ''}` : `HTTP ${httpStatus}`;
  return `attempt ${attempt}: ${what}`;
}
