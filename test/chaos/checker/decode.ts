// The checker's own reading of records, written from the contract and not with the services' code: a mistake in their decoders
// must not hide behind itself.

import { createHash } from 'node:crypto';
import type { LoggedRecord } from './evidence.ts';

export type Disposition =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly dueMs: number; readonly attempt: number }
  | { readonly kind: 'dead' | 'suppressed'; readonly reason: string };

interface AboutDispatch {
  readonly dispatch: string;
  readonly round: number;
  readonly attempt: number;
  readonly endpoint: string;
}

interface AboutAudited extends AboutDispatch {
  readonly project: string;
}

export interface Settled extends AboutAudited {
  readonly type: 'AttemptSettled';
  readonly startedAt: string;
  readonly durationMs: number;
  readonly outcome: string;
  readonly httpStatus?: number;
  readonly status: 'SUCCESS' | 'FAIL' | 'ERROR';
  readonly bodyDigest: string;
  readonly disposition: Disposition;
  readonly owner: { readonly generation: number; readonly member: string };
}

export interface Ended extends AboutAudited {
  readonly type: 'DispatchEnded';
  readonly disposition: Extract<Disposition, { reason: string }>;
}

export interface Deferred extends AboutAudited {
  readonly type: 'DispatchDeferred';
  readonly park: number;
  readonly reason: string;
}

interface Disabled {
  readonly type: 'EndpointDisabled';
  readonly endpoint: string;
  readonly endpointVersion: number;
}

/** Says nothing of how a dispatch stands. */
interface Mark {
  readonly type: 'mark';
}

export type AttemptsEntry = Settled | Ended | Deferred | Disabled | Mark;

export interface Trace {
  readonly type: 'EventAccepted' | 'EventUnmatched' | 'EventRejected';
  readonly origin: string;
  readonly event?: string;
  readonly dispatches?: readonly {
    readonly endpoint: string;
    readonly dispatch: string;
    readonly bodyDigest: string;
  }[];
}

/** A dispatch on its way: in `dispatches`, in a tier, or dead. */
export interface WorkRecord extends AboutDispatch {
  readonly hop: number;
  readonly park: number;
  readonly dueMs: number;
  readonly bodySha256: string;
  /** On tiers: what remained until due when it was written. */
  readonly delayMs: number | undefined;
  /** In the dead letter queue. */
  readonly reason: string | undefined;
}

/** @throws when the record is none: every one on `attempts` must be readable */
export function decodeAttempts(record: LoggedRecord): AttemptsEntry {
  const parsed = JSON.parse(textOf(record)) as { readonly type: string };
  return marks.includes(parsed.type) ? { type: 'mark' } : (parsed as AttemptsEntry);
}

const marks: readonly string[] = ['AttemptStarted', 'PartitionReleased'];

/** Undefined: another kind of audit record. */
export function decodeTrace(record: LoggedRecord): Trace | undefined {
  const parsed = JSON.parse(textOf(record)) as Trace;
  return parsed.type.startsWith('Event') && parsed.origin !== undefined ? parsed : undefined;
}

export function decodeWork(record: LoggedRecord): WorkRecord {
  const header = (name: string): string => {
    const value = record.headers[`pr-${name}`];
    if (value === undefined) throw new Error(`${placeOf(record)} has no header pr-${name}`);
    return value;
  };
  const delay = record.headers['pr-delay'];
  return {
    dispatch: header('dispatch'),
    round: Number(header('round')),
    attempt: Number(header('attempt')),
    endpoint: header('endpoint'),
    hop: Number(header('hop')),
    park: Number(header('park')),
    dueMs: Number(header('due')),
    bodySha256: createHash('sha256')
      .update(record.value ?? '')
      .digest('hex'),
    delayMs: delay === undefined ? undefined : Number(delay),
    reason: record.headers['pr-reason'],
  };
}

export function placeOf({ topic, partition, offset }: Pick<LoggedRecord, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}/${partition}/${offset}`;
}

/** Ids are deterministic: first 16 bytes of SHA-256 over the four parts, base32 without padding. */
export function dispatchIdOf(parts: {
  readonly environment: string;
  readonly source: string;
  readonly event: string;
  readonly endpoint: string;
}): string {
  const text = [parts.environment, parts.source, parts.event, parts.endpoint].join('\0');
  const digest = createHash('sha256').update(text).digest().subarray(0, 16);
  let bits = '';
  for (const byte of digest) bits += byte.toString(2).padStart(8, '0');
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  let id = 'dsp_';
  for (let at = 0; at < bits.length; at += 5) id += alphabet[Number.parseInt(bits.slice(at, at + 5).padEnd(5, '0'), 2)];
  return id;
}

function textOf(record: LoggedRecord): string {
  if (record.value === null) throw new Error(`${placeOf(record)} has no value`);
  return record.value.toString('utf8');
}
