// The audit log: one type a fact, JSON on the topics `attempts` (written by the dispatch owner of the partition alone)
// and `audit` (everything else). The projector, the CLI and a later restore read these same types.

import type {
  AttemptId,
  AttemptStatus,
  DeadReason,
  DeferReason,
  Disposition,
  DispatchId,
  EndpointId,
  EventId,
  Origin,
  OutcomeKind,
  ProjectId,
} from '../domain/index.ts';
import type { Decoded } from './dispatch-record.ts';
import type { RejectReason, UnmatchedReason } from './event.ts';
import type { ReplyRecord } from './reply-record.ts';

/** Who wrote it: tells two owners of one partition apart. */
export interface Owner {
  readonly generation: number;
  readonly member: string;
}

/** ISO 8601 UTC with milliseconds. */
export type Timestamp = string;

interface DispatchFacts {
  readonly dispatch: DispatchId;
  readonly round: number;
  readonly attempt: number;
  readonly attemptId: AttemptId;
  readonly endpoint: EndpointId;
  readonly project: ProjectId;
  readonly event: EventId;
  readonly eventType: string;
  readonly subject?: string | undefined;
  readonly origin: Origin;
}

export interface AttemptSettled extends DispatchFacts {
  readonly type: 'AttemptSettled';
  readonly park: number;
  readonly endpointVersion: number;
  /** Where it went, query values masked. */
  readonly url: string;
  readonly startedAt: Timestamp;
  readonly durationMs: number;
  readonly phases?: { dnsMs?: number; connectMs?: number; tlsMs?: number; firstByteMs?: number } | undefined;
  readonly outcome: OutcomeKind;
  readonly httpStatus?: number | undefined;
  /** What the wire said when there was no status line. */
  readonly detail?: string | undefined;
  readonly status: AttemptStatus;
  /**
   * `digest` of the excerpt, which travels in the record header `pr-response` if it is kept; `bytes` of the whole body, and
   * `truncated` when the excerpt is not all of it.
   */
  readonly response?: { readonly digest: string; readonly bytes: number; readonly truncated: boolean } | undefined;
  readonly disposition: Disposition;
  readonly keyIds: readonly string[];
  readonly bodyDigest: string;
  readonly bodyBytes: number;
  readonly owner: Owner;
}

/** A call is about to be made: started and never settled means that its outcome is unknown, and it is not made again. */
export interface AttemptStarted extends DispatchFacts {
  readonly type: 'AttemptStarted';
  readonly at: Timestamp;
  readonly deadline?: Timestamp | undefined;
  readonly owner: Owner;
}

export interface DispatchDeferred extends DispatchFacts {
  readonly type: 'DispatchDeferred';
  readonly park: number;
  readonly at: Timestamp;
  readonly reason: DeferReason;
  readonly due: Timestamp;
  readonly owner: Owner;
}

/** Ended without an attempt. */
export interface DispatchEnded extends DispatchFacts {
  readonly type: 'DispatchEnded';
  readonly at: Timestamp;
  readonly disposition:
    | { readonly kind: 'dead'; readonly reason: DeadReason }
    | { readonly kind: 'suppressed'; readonly reason: string };
  readonly detail?: string | undefined;
  readonly owner: Owner;
}

export interface EndpointDisabled {
  readonly type: 'EndpointDisabled';
  readonly endpoint: EndpointId;
  readonly endpointVersion: number;
  readonly project: ProjectId;
  readonly at: Timestamp;
  readonly reason: 'gone';
  readonly attemptId: AttemptId;
  readonly owner: Owner;
}

export interface PartitionReleased {
  readonly type: 'PartitionReleased';
  readonly partition: number;
  readonly at: Timestamp;
  readonly owner: Owner;
}

/** What the owner of a partition writes to `attempts`. */
export type AttemptsRecord =
  | AttemptStarted
  | AttemptSettled
  | DispatchDeferred
  | DispatchEnded
  | EndpointDisabled
  | PartitionReleased;

interface EventFacts {
  readonly origin: Origin;
  readonly at: Timestamp;
  /** A call that convergence answered itself. */
  readonly reply?: ReplyRecord | undefined;
}

export interface EventAccepted extends EventFacts {
  readonly type: 'EventAccepted';
  readonly source: string;
  readonly event: EventId;
  readonly eventType: string;
  readonly project: ProjectId;
  readonly subject?: string | undefined;
  readonly eventTime?: Timestamp | undefined;
  readonly dispatches: readonly {
    readonly endpoint: EndpointId;
    readonly dispatch: DispatchId;
    readonly bodyDigest: string;
    /** Of a call: what its answer is keyed by. Without its endpoint nothing else says that somebody waits. */
    readonly correlation?: string | undefined;
  }[];
  /** Matching endpoints whose profile cannot carry this event; the event stands on `<env>.rejected` as well. */
  readonly refused?: readonly { readonly endpoint: EndpointId; readonly reason: RejectReason }[] | undefined;
}

export interface EventUnmatched extends EventFacts {
  readonly type: 'EventUnmatched';
  readonly source: string;
  readonly event: EventId;
  readonly eventType: string;
  readonly project: ProjectId;
  readonly subject?: string | undefined;
  readonly reason: UnmatchedReason;
}

export interface EventRejected extends EventFacts {
  readonly type: 'EventRejected';
  readonly reason: RejectReason;
  readonly detail?: string | undefined;
  readonly event?: EventId | undefined;
  readonly eventType?: string | undefined;
  readonly project?: ProjectId | undefined;
}

export interface ReplayRequested {
  readonly type: 'ReplayRequested';
  readonly at: Timestamp;
  readonly replay: string;
  readonly actor: string;
  readonly reason: string;
  readonly filter: {
    readonly dispatch?: DispatchId | undefined;
    readonly endpoint?: EndpointId | undefined;
    /** Letters written at or after, and before. */
    readonly from?: Timestamp | undefined;
    readonly to?: Timestamp | undefined;
  };
  readonly planned: number;
  /** Endpoints whose breaker was open, and to which it was forced all the same; absent when there were none. */
  readonly openCircuits?: readonly EndpointId[] | undefined;
}

export interface ReplayFinished {
  readonly type: 'ReplayFinished';
  readonly at: Timestamp;
  readonly replay: string;
  readonly actor: string;
  readonly sent: number;
  readonly skipped: number;
  readonly failed: number;
}

export interface EndpointChanged {
  readonly type: 'EndpointChanged';
  readonly at: Timestamp;
  readonly actor: string;
  readonly endpoint: EndpointId;
  readonly project?: ProjectId | undefined;
  readonly change: 'created' | 'changed' | 'deleted';
  /** Digest and version before and after; secrets stand in them as references only. */
  readonly before?: { readonly version: number; readonly url: string; readonly digest: string } | undefined;
  readonly after?: { readonly version: number; readonly url: string; readonly digest: string } | undefined;
}

/** Secrets of an endpoint came, went or were wrapped anew. They stand in it by id and fingerprint only. */
export interface SecretRotated {
  readonly type: 'SecretRotated';
  readonly at: Timestamp;
  readonly actor: string;
  readonly endpoint: EndpointId;
  readonly project: ProjectId;
  readonly endpointVersion: number;
  /** `rewrapped`: the same secret under another key-encryption key. */
  readonly change: 'added' | 'rotated' | 'rewrapped';
  readonly secrets: readonly {
    readonly id: string;
    readonly purpose: string;
    readonly state: 'added' | 'ending' | 'removed' | 'rewrapped';
    /** First 8 hexadecimal digits of SHA-256; not of a secret that is short enough to be guessed by it. */
    readonly fingerprint?: string | undefined;
    readonly kekId?: string | undefined;
    readonly notBefore?: Timestamp | undefined;
    readonly notAfter?: Timestamp | undefined;
  }[];
}

/**
 * A service was to read on, or to read back, from an offset that is not in the log any more: what stood there it will never see.
 */
export interface RangeLost {
  readonly type: 'RangeLost';
  readonly at: Timestamp;
  readonly service: string;
  /** Of the records that are gone. */
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first of them. */
  readonly from: number;
  /** Where reading went on. */
  readonly to: number;
}

/** A day of one Kafka partition of the audit log, before it is dropped from PostgreSQL: verification begins behind it. */
export interface PartitionClosed {
  readonly type: 'PartitionClosed';
  readonly at: Timestamp;
  readonly actor: string;
  readonly reason: string;
  /** UTC day, `YYYY-MM-DD`. */
  readonly day: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record of the day, and behind its last. */
  readonly from: number;
  readonly next: number;
  readonly rows: number;
  /** Records of the partition since the log began, up to the end of the day. */
  readonly total: number;
  /** Hash after the last record of the day. */
  readonly head: string;
}

/**
 * The records of one class of projects in a day of one Kafka partition, before they are dropped from PostgreSQL ahead of their day:
 * of each a stub is left (stub-digest.ts), from which the chain goes on.
 */
export interface ClassClosed {
  readonly type: 'ClassClosed';
  readonly at: Timestamp;
  readonly actor: string;
  readonly reason: string;
  /** UTC day, `YYYY-MM-DD`. */
  readonly day: string;
  /** As the configuration names it; which projects it had stands in the stubs. */
  readonly class: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first of the records, and behind the last; between them others may stand that stay. */
  readonly from: number;
  readonly next: number;
  readonly rows: number;
  /** Over the stubs. */
  readonly digest: string;
}

/** What everyone but the dispatch owner writes to `audit`; a lost range is told there by dispatch, too. */
export type AuditTopicRecord =
  | EventAccepted
  | EventUnmatched
  | EventRejected
  | PartitionClosed
  | ClassClosed
  | ReplayRequested
  | ReplayFinished
  | EndpointChanged
  | SecretRotated
  | RangeLost;

export type AuditRecord = AttemptsRecord | AuditTopicRecord;
export type AuditRecordType = AuditRecord['type'];

/** Names the fields of `audit` records may be told apart by; a reader keeps a record of an unknown type as bytes. */
const auditRecordTypes: Readonly<Record<AuditRecordType, true>> = {
  AttemptStarted: true,
  AttemptSettled: true,
  DispatchDeferred: true,
  DispatchEnded: true,
  EndpointDisabled: true,
  PartitionReleased: true,
  EventAccepted: true,
  EventUnmatched: true,
  EventRejected: true,
  PartitionClosed: true,
  ClassClosed: true,
  ReplayRequested: true,
  ReplayFinished: true,
  EndpointChanged: true,
  SecretRotated: true,
  RangeLost: true,
};

/** Record header that carries the response excerpt of an AttemptSettled. */
export const responseHeader = 'pr-response';
/** Record header that carries the answer of a call: the bytes of its record on `<env>.replies`. */
export const replyHeader = 'pr-reply';

/** JSON bytes of a record, with its layout version. */
export function encodeAudit(record: AuditRecord): Buffer {
  // Not of a copy of it with the version in front: making one costs a quarter as much as the text does.
  return Buffer.from(`{"v":1,${JSON.stringify(record).slice(1)}`);
}

/** Reads a record back. Never throws. Only the type is checked: the writers are ours. */
export function decodeAudit(value: Uint8Array | null): Decoded<AuditRecord> {
  if (value === null) return { ok: false, problem: 'no value' };
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'));
    const type = typeof parsed === 'object' && parsed !== null && 'type' in parsed ? parsed.type : undefined;
    if (typeof type !== 'string' || !Object.hasOwn(auditRecordTypes, type))
      return { ok: false, problem: `unknown type ${String(type)}` };
    return { ok: true, value: parsed as AuditRecord };
  } catch (error) {
    return { ok: false, problem: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/**
 * What makes two copies of a record one fact: the first in partition order counts, later ones are kept and flagged.
 * Undefined for types that are never written twice for one cause.
 */
export function identityOf(record: AuditRecord): string | undefined {
  switch (record.type) {
    case 'EventAccepted':
    case 'EventUnmatched':
    case 'EventRejected':
      return `event:${record.origin}`;
    case 'AttemptStarted':
      return `started:${record.attemptId}`;
    // Either says what became of the attempt, and dispatch follows the first of the two.
    case 'AttemptSettled':
    case 'DispatchEnded':
      return `settled:${record.attemptId}`;
    case 'DispatchDeferred':
      return `deferred:${record.attemptId}/${record.park}`;
    case 'EndpointDisabled':
      return `disabled:${record.endpoint}/${record.endpointVersion}`;
    case 'PartitionClosed':
      return `closed:${record.day}/${record.topic}/${record.partition}/${record.next}/${record.head}`;
    case 'ClassClosed':
      return `closed:${record.day}/${record.class}/${record.topic}/${record.partition}/${record.next}/${record.digest}`;
    case 'RangeLost':
      return `lost:${record.service}/${record.topic}/${record.partition}/${record.from}-${record.to}`;
    case 'ReplayRequested':
    case 'ReplayFinished':
      return `${record.type}:${record.replay}`;
    case 'PartitionReleased':
    case 'EndpointChanged':
    case 'SecretRotated':
      return undefined;
  }
}

/** ISO 8601 UTC with milliseconds, from epoch ms. */
export function timestamp(epochMs: number): Timestamp {
  return new Date(epochMs).toISOString();
}
