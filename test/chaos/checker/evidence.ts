// What the checker is given: what was published, the receiver's journal, the topics and the tables as they stand, and what was
// done to whom. Plain data, so that it can be kept and looked at again.

import type { Interruption } from '../interruption.ts';
import type { Slot } from '../slots.ts';
import type { ArrivedLine } from '../receiver-journal.ts';

/** An event that the brokers acknowledged. */
export interface PublishedEvent {
  readonly id: string;
  readonly type: string;
  readonly kind: 'for-endpoints' | 'for-nobody' | 'without-type';
  readonly partition: number;
  readonly offset: number;
  readonly sentMs: number;
  readonly ackedMs: number;
  /** Of its data, which profile `plain` sends as they are. */
  readonly bodySha256: string;
}

/** When nothing was done to anybody, but one endpoint hung. Epoch ms. */
export interface Calm {
  readonly fromMs: number;
  readonly toMs: number;
  readonly hung: string;
}

/** An endpoint as it was declared, and what was changed during the run. */
export interface DeclaredEndpoint {
  readonly id: string;
  readonly project: string;
  readonly eventTypes: readonly string[];
  readonly delaysMs: readonly number[];
  readonly timeoutMs: number;
  /** It answers always and at once, whatever it answers: nothing of its own keeps a first attempt waiting. */
  readonly prompt: boolean;
  /** When its deletion, or that it is disabled, was published: for good. Events around it may or may not have met it. */
  readonly goneMs?: number | undefined;
  readonly gone?: 'delete' | 'disable' | undefined;
}

export interface Declared {
  readonly environment: string;
  readonly source: string;
  readonly endpoints: readonly DeclaredEndpoint[];
  /** Of the slots whose clock was wrong: ahead is positive. */
  readonly clockOffsetsMs: Readonly<Partial<Record<Slot, number>>>;
  readonly partitions: number;
  /** Full names. */
  readonly tiers: readonly string[];
}

/** A request, with the time its answer was given; undefined when it never was. */
export interface JournalRequest extends Omit<ArrivedLine, 'line'> {
  readonly answeredMs: number | undefined;
}

/** A record as it stands in Kafka. */
export interface LoggedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Broker's append time; of `events` the publisher's. */
  readonly timeMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer | null;
}

/** Records by short name of their topic, each in partition and offset order; tiers together. */
export interface Topics {
  readonly dispatches: readonly LoggedRecord[];
  readonly tiers: readonly LoggedRecord[];
  readonly dlq: readonly LoggedRecord[];
  readonly attempts: readonly LoggedRecord[];
  readonly audit: readonly LoggedRecord[];
  readonly rejected: readonly LoggedRecord[];
  /** End of each partition of the upstream topic. */
  readonly eventEnds: ReadonlyMap<number, number>;
}

export interface AuditRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: Buffer | null;
  readonly duplicate: boolean;
  readonly late: boolean;
  readonly unreadable: boolean;
}

export interface DeliveryRow {
  readonly dispatch: string;
  readonly round: number;
  readonly endpoint: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
}

export interface CountRow {
  readonly project: string;
  readonly endpoint: string;
  readonly day: string;
  readonly success: number;
  readonly fail: number;
  readonly error: number;
  readonly delivered: number;
  readonly dead: number;
}

export interface Tables {
  readonly audit: readonly AuditRow[];
  readonly deliveries: readonly DeliveryRow[];
  readonly counts: readonly CountRow[];
}

export interface Evidence {
  readonly declared: Declared;
  readonly published: readonly PublishedEvent[];
  readonly journal: readonly JournalRequest[];
  readonly topics: Topics;
  readonly tables: Tables;
  readonly interruptions: readonly Interruption[];
  /** Undefined: there was none. */
  readonly calm: Calm | undefined;
  /** Committed offsets that are not at the end of what is consumed, after everything had its time. */
  readonly leftBehind: readonly string[];
  /** Processes that ended by themselves, or not with 0 on SIGTERM. */
  readonly badEnds: readonly string[];
}
