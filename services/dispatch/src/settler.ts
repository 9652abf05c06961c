// Writes what became of a dispatch, in the one order that loses nothing and never ends a dispatch twice: the record in
// `attempts` is acknowledged, then its consequence, then the offset may be committed. The consequence is that of the
// settlement that stands first in the log, which is ours unless somebody else was before us (rules R4 and R5).

import {
  encodeReply,
  replyPlace,
  timestamp,
  type AttemptSettled,
  type DispatchDeferred,
  type DispatchEnded,
} from '@postrider/core/contracts';
import {
  settleAttempt,
  settleCall,
  type DeadReason,
  type DeferReason,
  type DropReason,
  type Endpoint,
  type SettledConsequence,
} from '@postrider/core/domain';
import type { AppendRecord, KafkaRecord } from '@postrider/kafka';
import type { AttemptsLog } from './attempts-log.ts';
import { consequenceOf, deadLetter, tierRecord, type Routes } from './consequences.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { PartitionState } from './partition-state.ts';
import type { AttemptResult } from './send-attempt.ts';
import { unreadable } from './unreadable.ts';
import { factsOf, type Work } from './work.ts';

/** What the outside is told; nothing here decides anything. */
export interface DispatchObserver {
  attempted(work: Work, record: AttemptSettled, result: AttemptResult): void;
  /** The log said otherwise than this owner's own attempt, and was followed. */
  adopted(work: Work): void;
  /** The window was read back further. */
  extended(partition: number, records: number): void;
  deferred(work: Work, reason: DeferReason): void;
  ended(reason: DeadReason): void;
  dropped(reason: DropReason): void;
}

export interface SettlerDeps {
  readonly log: AttemptsLog;
  /** Writes a consequence or passes a record on; resolves when it is acknowledged. */
  readonly emit: (record: AppendRecord) => Promise<unknown>;
  readonly routes: Routes;
  readonly now: () => number;
  readonly random: () => number;
  readonly observer: DispatchObserver;
}

export class Settler {
  readonly #deps: SettlerDeps;

  constructor(deps: SettlerDeps) {
    this.#deps = deps;
  }

  /** Settles a finished attempt. Cut short by a drain, or someone else's by now, it counts for nothing: its owner sends again. */
  async settle(work: Work, { endpoint, maskedUrl: url }: EndpointRuntime, result: AttemptResult): Promise<void> {
    const { dispatch, state, attemptId } = work;
    // A call that was cut at its deadline is answered; whether a drain cut it nobody can tell the waiting party, so it is not.
    if ((result.outcome.kind === 'cancelled' && !cutAtDeadline(work, this.#deps.now())) || !state.owned) {
      this.#deps.observer.dropped(state.owned ? 'cancelled' : 'stale');
      return;
    }
    const nowMs = this.#deps.now();
    const { status, disposition, disablesEndpoint } = result.answer
      ? settleCall(result.outcome, result.answer.refusal)
      : settleAttempt({ dispatch, endpoint, outcome: result.outcome, nowMs, random: this.#deps.random() });
    const record: AttemptSettled = {
      type: 'AttemptSettled',
      ...factsOf(dispatch),
      park: dispatch.park,
      endpointVersion: endpoint.version,
      url,
      startedAt: timestamp(result.startedAtMs),
      durationMs: Math.round(result.durationMs * 1000) / 1000,
      phases: result.phases,
      outcome: result.outcome.kind,
      httpStatus: result.outcome.httpStatus,
      detail: result.outcome.detail,
      status,
      response: result.response,
      disposition,
      keyIds: result.keyIds,
      bodyDigest: result.bodyDigest,
      bodyBytes: result.bodyBytes,
      owner: state.owner,
    };
    const reply = result.answer?.reply;
    await this.#deps.log.append(state, dispatch.endpointId, record, { excerpt: result.excerpt, reply });
    const earlier = state.window.standing(attemptId);
    if (earlier) this.#deps.observer.adopted(work);
    const consequence = earlier ?? { disposition, reply };
    await this.follow(work, consequence, describe(record));
    if (disablesEndpoint) await this.#recordDisabled(work, endpoint);
    this.#finish(work);
    if (consequence.disposition.kind === 'dead') this.#deps.observer.ended(consequence.disposition.reason);
    this.#deps.observer.attempted(work, record, result);
  }

  /** Writes what follows from a settlement: a retry or a dead letter, or the answer of a call. */
  async follow({ dispatch, record }: Work, { disposition, reply }: SettledConsequence, message: string): Promise<void> {
    const consequence = consequenceOf(dispatch, disposition, message, record, this.#deps.now(), this.#deps.routes);
    if (consequence) await this.#deps.emit(consequence);
    if (!reply || dispatch.correlation === undefined) return;
    const { topics, partitions } = this.#deps.routes;
    const value = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
    await this.#deps.emit({ ...replyPlace(dispatch.correlation, topics, partitions), value });
  }

  /** A call is about to be made; from here on its outcome is unknown until it is settled. */
  async started({ dispatch, state }: Work): Promise<void> {
    await this.#deps.log.append(state, dispatch.endpointId, {
      type: 'AttemptStarted',
      ...factsOf(dispatch),
      at: timestamp(this.#deps.now()),
      deadline: dispatch.deadlineMs === undefined ? undefined : timestamp(dispatch.deadlineMs),
      owner: state.owner,
    });
  }

  /** Answers a call without making it. */
  async answer(work: Work, outcome: 'unavailable' | 'cancelled', reason: string): Promise<void> {
    const { dispatch, state, attemptId } = work;
    const disposition = { kind: 'suppressed', reason: `${outcome}: ${reason}` } as const;
    const reply = encodeReply({ correlationId: dispatch.correlation ?? '', outcome, reason });
    const record: DispatchEnded = {
      type: 'DispatchEnded',
      ...factsOf(dispatch),
      at: timestamp(this.#deps.now()),
      disposition,
      owner: state.owner,
    };
    await this.#deps.log.append(state, dispatch.endpointId, record, { reply });
    const earlier = state.window.standing(attemptId);
    if (earlier) this.#deps.observer.adopted(work);
    await this.follow(work, earlier ?? { disposition, reply }, disposition.reason);
    this.#finish(work);
  }

  #recordDisabled({ dispatch, state, attemptId }: Work, endpoint: Endpoint): Promise<void> {
    return this.#deps.log.append(state, dispatch.endpointId, {
      type: 'EndpointDisabled',
      endpoint: endpoint.endpointId,
      endpointVersion: endpoint.version,
      project: endpoint.projectId,
      at: timestamp(this.#deps.now()),
      reason: 'gone',
      attemptId,
      owner: state.owner,
    });
  }

  /** Parks a dispatch: it comes back through a tier, and no attempt is counted. */
  async defer(work: Work, reason: DeferReason, dueMs: number): Promise<void> {
    const { dispatch, state } = work;
    const nowMs = this.#deps.now();
    this.#deps.observer.deferred(work, reason);
    // Only the first parking of an attempt is recorded; a long pause would otherwise fill the log with nothing new.
    if (dispatch.park === 0) {
      const record: DispatchDeferred = {
        type: 'DispatchDeferred',
        ...factsOf(dispatch),
        park: dispatch.park,
        at: timestamp(nowMs),
        reason,
        due: timestamp(dueMs),
        owner: state.owner,
      };
      await this.#deps.log.append(state, dispatch.endpointId, record);
    }
    await this.#deps.emit(
      tierRecord({ ...dispatch, dueMs, park: dispatch.park + 1, hop: 0 }, work.record, nowMs, this.#deps.routes),
    );
    state.window.release(work.attemptId);
    work.ack();
  }

  /** Ends a dispatch without an attempt. */
  async end(work: Work, reason: DeadReason): Promise<void> {
    const { dispatch, state, attemptId } = work;
    const disposition = { kind: 'dead', reason } as const;
    const record: DispatchEnded = {
      type: 'DispatchEnded',
      ...factsOf(dispatch),
      at: timestamp(this.#deps.now()),
      disposition,
      owner: state.owner,
    };
    await this.#deps.log.append(state, dispatch.endpointId, record);
    const earlier = state.window.standing(attemptId);
    if (earlier) {
      this.#deps.observer.adopted(work);
      await this.follow(work, earlier, 'its settlement was found in the log');
    } else {
      const message = `ended without an attempt: ${reason}`;
      await this.#deps.emit(
        deadLetter(dispatch, { reason, attempts: dispatch.attempt - 1, message }, work.record, this.#deps.routes),
      );
      this.#deps.observer.ended(reason);
    }
    this.#finish(work);
  }

  /** Ends a record that is no dispatch. */
  async endUnreadable(record: KafkaRecord, problem: string, state: PartitionState): Promise<void> {
    const { ended, letter } = unreadable(record, problem, state.owner, this.#deps.routes, this.#deps.now());
    await this.#deps.log.append(state, ended.endpoint, ended);
    await this.#deps.emit(letter);
    this.#deps.observer.ended('undecodable');
  }

  /** Record and consequence are in Kafka: the attempt is settled, the offset may be committed. */
  #finish({ state, attemptId, ack }: Work): void {
    state.window.settle(attemptId, this.#deps.now());
    ack();
  }
}

function cutAtDeadline({ dispatch }: Work, nowMs: number): boolean {
  return dispatch.correlation !== undefined && dispatch.deadlineMs !== undefined && dispatch.deadlineMs <= nowMs;
}

/** One line for a person who looks at the dead letter. */
function describe({ outcome, httpStatus, detail, attempt }: AttemptSettled): string {
  const what = httpStatus === undefined ? `${outcome}${detail ? `: ${detail}` : ''}` : `HTTP ${httpStatus}`;
  return `attempt ${attempt}: ${what}`;
}
