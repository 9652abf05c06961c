// Writes what became of a dispatch, in the one order that loses nothing and never ends a dispatch twice: the record in
// `attempts` is acknowledged, then its consequence, then the offset may be committed. The consequence is that of the
// settlement that stands first in the log, which is ours unless somebody else was before us (rules R4 and R5).

import { encodeReply, replyPlace, type AttemptSettled } from '@postrider/core/contracts';
import {
  outcomeText,
  settleAttempt,
  settleCall,
  type DeadReason,
  type DeferReason,
  type SettledConsequence,
} from '@postrider/core/domain';
import type { AppendRecord, KafkaRecord } from '@postrider/kafka';
import { deferredRecord, endedRecord, settledRecord, startedRecord } from './attempt-records.ts';
import type { AttemptsLog, RecordParts } from './attempts-log.ts';
import { consequenceOf, tierRecord, type EndCause, type Routes } from './consequences.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { PartitionState } from './partition-state.ts';
import { recordGone } from './record-gone.ts';
import type { AttemptResult } from './send-attempt.ts';
import { unreadable } from './unreadable.ts';
import type { Work } from './work.ts';

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
    const { dispatch, state } = work;
    const { outcome, answer, excerpt } = result;
    const nowMs = this.#deps.now();
    const cutShort = outcome.kind === 'cancelled' && !answer;
    if (cutShort || !state.owned) {
      this.#deps.observer.dropped(state.owned ? 'cancelled' : 'stale');
      return;
    }
    const settlement = answer
      ? settleCall(outcome, answer.refusal)
      : settleAttempt({ dispatch, endpoint, outcome, nowMs, random: this.#deps.random() });
    const record = settledRecord(work, { endpoint, url }, result, settlement);
    const own = { disposition: settlement.disposition, reply: answer?.reply };
    const cause = { message: describe(record), attempts: dispatch.attempt };
    await this.#write(work, record, own, cause, { excerpt, reply: answer?.reply });
    if (settlement.disablesEndpoint) await recordGone(this.#deps, work, endpoint, result.startedAtMs);
    this.#finish(work);
    this.#deps.observer.attempted(work, record, result);
  }

  /** Ends a dispatch without an attempt. */
  async end(work: Work, reason: DeadReason): Promise<void> {
    const disposition = { kind: 'dead', reason } as const;
    const record = endedRecord(work, disposition, this.#deps.now());
    const cause = { message: `ended without an attempt: ${reason}`, attempts: work.dispatch.attempt - 1 };
    await this.#write(work, record, { disposition }, cause);
    this.#finish(work);
  }

  /** Answers a call without making it. */
  async answer(work: Work, outcome: 'unavailable' | 'cancelled', reason: string): Promise<void> {
    const disposition = { kind: 'suppressed', reason: `${outcome}: ${reason}` } as const;
    const reply = encodeReply({ correlationId: work.dispatch.correlation ?? '', outcome, reason });
    const record = endedRecord(work, disposition, this.#deps.now());
    const cause = { message: disposition.reason, attempts: 0 };
    await this.#write(work, record, { disposition, reply }, cause, { reply });
    this.#finish(work);
  }

  /**
   * A call is about to be made; from here on its outcome is unknown until it is settled. False when the log says, before our
   * record, that somebody else has started or settled it: then it is not ours to make.
   */
  async started(work: Work): Promise<boolean> {
    const { state, attemptId } = work;
    await this.#deps.log.append(state, work.dispatch.endpointId, startedRecord(work, this.#deps.now()));
    return !state.window.standing(attemptId) && !state.window.outcomeUnknown(attemptId);
  }

  /** Parks a dispatch: it comes back through a tier, and no attempt is counted. */
  async defer(work: Work, reason: DeferReason, dueMs: number): Promise<void> {
    const { dispatch, state } = work;
    const nowMs = this.#deps.now();
    this.#deps.observer.deferred(work, reason);
    // Only the first parking of an attempt is recorded; a long pause would otherwise fill the log with nothing new.
    if (dispatch.park === 0)
      await this.#deps.log.append(state, dispatch.endpointId, deferredRecord(work, { reason, dueMs }, nowMs));
    const earlier = state.window.standing(work.attemptId);
    if (earlier) {
      this.#deps.observer.adopted(work);
      await this.follow(work, earlier, { message: 'its settlement was found in the log', attempts: dispatch.attempt });
      this.#finish(work);
      return;
    }
    // Since it was looked at, not since now: whoever stalled in between knows nothing of what others settled.
    const parked = { ...dispatch, dueMs, park: dispatch.park + 1, parkedMs: work.acceptedMs, hop: 0 };
    // Before it is written: it may be back before we hear that it was, and must not be taken for a copy of what parked it.
    state.window.release(work.attemptId);
    await this.#deps.emit(tierRecord(parked, work.record, nowMs, this.#deps.routes));
    work.ack();
  }

  /** Ends a record that is no dispatch. */
  async endUnreadable(record: KafkaRecord, problem: string, state: PartitionState): Promise<void> {
    const { ended, letter } = unreadable(record, problem, state.owner, this.#deps.routes, this.#deps.now());
    await this.#deps.log.append(state, ended.endpoint, ended);
    await this.#deps.emit(letter);
    this.#deps.observer.ended('undecodable');
  }

  /** Writes what follows from a settlement: a retry or a dead letter, or the answer of a call. */
  async follow({ dispatch, record }: Work, { disposition, reply }: SettledConsequence, cause: EndCause): Promise<void> {
    const { routes } = this.#deps;
    const consequence = consequenceOf(dispatch, disposition, cause, record, this.#deps.now(), routes);
    if (consequence) await this.#deps.emit(consequence);
    if (!reply || dispatch.correlation === undefined) return;
    const value = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
    await this.#deps.emit({ ...replyPlace(dispatch.correlation, routes.topics, routes.partitions), value });
  }

  /** Record, then the consequence of whichever settlement of this attempt stands first in the log. */
  async #write(
    work: Work,
    record: Parameters<AttemptsLog['append']>[2],
    own: SettledConsequence,
    cause: EndCause,
    parts?: RecordParts,
  ): Promise<void> {
    const { dispatch, state, attemptId } = work;
    await this.#deps.log.append(state, dispatch.endpointId, record, parts);
    const earlier = state.window.standing(attemptId);
    if (earlier) this.#deps.observer.adopted(work);
    else state.window.recorded(attemptId);
    const { disposition, reply } = earlier ?? own;
    await this.follow(work, { disposition, reply }, cause);
    if (disposition.kind === 'dead') this.#deps.observer.ended(disposition.reason);
  }

  /** Record and consequence are in Kafka: the attempt is settled, the offset may be committed. */
  #finish({ state, attemptId, ack }: Work): void {
    const { attemptsNext: logEnd, positionMs } = state;
    state.window.settle(attemptId, { atMs: this.#deps.now(), logEnd, positionMs });
    ack();
  }
}

/** One line for a person who looks at the dead letter. */
function describe({ outcome, httpStatus, detail, attempt }: AttemptSettled): string {
  const what = httpStatus === undefined ? outcomeText(outcome, detail) : `HTTP ${httpStatus}`;
  return `attempt ${attempt}: ${what}`;
}
