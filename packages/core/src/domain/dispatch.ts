// A dispatch: one event on its way to one endpoint, as it stands on `<env>.dispatches`, in a retry
// tier, or in the dead letter queue. The body is fixed once, at convergence, and never changes.

import type { AttemptId, DispatchId, EndpointId, EventId, Origin, ProjectId } from './brand.ts';
import { parkDelayMs, type DeadReason } from './reasons.ts';

export interface Dispatch {
  readonly dispatchId: DispatchId;
  /** 0 is the original; a replay opens the round of the dead letter + 1. */
  readonly round: number;
  /** Number of the next attempt in this round, 1-based. */
  readonly attempt: number;
  readonly endpointId: EndpointId;
  readonly projectId: ProjectId;
  readonly eventId: EventId;
  readonly eventType: string;
  /** When the event happened, epoch ms, if upstream said so. */
  readonly eventTimeMs: number | undefined;
  readonly subject: string | undefined;
  /** When the event's record was appended upstream, epoch ms, as it says: by the broker's clock or the producer's. Old records do not say it. */
  readonly appendedMs?: number | undefined;
  /** When convergence made the dispatch, epoch ms. */
  readonly createdMs: number;
  /** When this round began, epoch ms; `maxAge` counts from here. */
  readonly roundStartedMs: number;
  /** The attempt may not start before, epoch ms. */
  readonly dueMs: number;
  /** How often a tier has passed this record on towards the same due time. */
  readonly hop: number;
  /** How often this attempt was put off without being made. */
  readonly park: number;
  /** When it was put off last, epoch ms; undefined when it never was. */
  readonly parkedMs?: number | undefined;
  readonly origin: Origin;
  /** Request/reply: the reply is worthless after this moment, epoch ms. */
  readonly deadlineMs: number | undefined;
  /** Request/reply: what the reply is keyed by. */
  readonly correlation: string | undefined;
  /** Convergence found that it must not be sent as it is: it ends at once, as a dead letter with this reason. */
  readonly mustEnd: DeadReason | undefined;
  /** Id of the replay that opened this round. */
  readonly replay: string | undefined;
  /** W3C trace context, passed through. */
  readonly traceparent: string | undefined;
  /** The exact plain bytes to send. */
  readonly body: Uint8Array;
}

/** The id that a settled outcome is unique for. */
export function attemptIdOf(d: Pick<Dispatch, 'dispatchId' | 'round' | 'attempt'>): AttemptId {
  return `${d.dispatchId}.${d.round}.${d.attempt}` as AttemptId;
}

/**
 * The earliest moment at which somebody else could have settled this attempt, epoch ms (rule R6): not before it was due; but a
 * record that was put off says nothing of copies that were not, so for one that was parked it is the moment of its parking.
 */
export function settleableFromMs({ dueMs, park, parkedMs }: Pick<Dispatch, 'dueMs' | 'park' | 'parkedMs'>): number {
  if (park === 0) return dueMs;
  return Math.min(dueMs, parkedMs ?? dueMs - parkDelayMs(park - 1));
}
