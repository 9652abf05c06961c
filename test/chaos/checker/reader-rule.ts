// The one reader rule (R4): per attempt id the first record that says what became of it, AttemptSettled or DispatchEnded, in
// partition order is the truth; per (dispatch, round) the first terminal one of these closes the round. Whatever comes later is
// flagged, and changes no state and no count.

import {
  decodeAttempts,
  placeOf,
  type AttemptsEntry,
  type Deferred,
  type Disposition,
  type Ended,
  type Settled,
} from './decode.ts';
import type { LoggedRecord } from './evidence.ts';

export interface SettledFact {
  readonly record: LoggedRecord;
  readonly settled: Settled;
  /** The round was closed before it. */
  readonly late: boolean;
  /** Later settlements of the same attempt by other bytes. A record that was appended again is none. */
  readonly others: { readonly record: LoggedRecord; readonly settled: Settled }[];
}

export interface Closing {
  readonly record: LoggedRecord;
  readonly entry: Settled | Ended;
  readonly disposition: Exclude<Disposition, { kind: 'retry' }>;
}

export interface Round {
  readonly dispatch: string;
  readonly round: number;
  readonly endpoint: string;
  readonly project: string;
  /** By attempt number, first settlement each. */
  readonly attempts: Map<number, SettledFact>;
  closing: Closing | undefined;
  deferred: boolean;
}

export interface Flagged {
  readonly record: LoggedRecord;
  readonly why: 'duplicate' | 'late';
  readonly about: string;
  /** The same bytes as the first copy: an append that was repeated, not a second decision. */
  readonly sameBytes: boolean;
}

export interface AttemptsLog {
  /** By `<dispatch>.<round>`. */
  readonly rounds: ReadonlyMap<string, Round>;
  readonly flagged: readonly Flagged[];
}

export function roundKey({ dispatch, round }: { readonly dispatch: string; readonly round: number }): string {
  return `${dispatch}.${round}`;
}

/** @param records of `attempts`, in partition and offset order */
export function readAttempts(records: readonly LoggedRecord[]): AttemptsLog {
  const rounds = new Map<string, Round>();
  const flagged: Flagged[] = [];
  const firstCopies = new Map<string, LoggedRecord>();

  for (const record of records) {
    const entry = decodeAttempts(record);
    if (entry.type === 'mark') continue;
    const identity = identityOf(entry);
    const first = firstCopies.get(identity);
    if (!first) firstCopies.set(identity, record);
    if (entry.type === 'EndpointDisabled') {
      if (first) flagged.push(flag(record, first, 'duplicate', identity));
      continue;
    }
    const round = roundOf(rounds, entry);
    if (entry.type === 'DispatchDeferred') {
      if (first) flagged.push(flag(record, first, 'duplicate', identity));
      else if (round.closing) flagged.push(flag(record, undefined, 'late', identity));
      else round.deferred = true;
      continue;
    }
    if (first) {
      flagged.push(flag(record, first, 'duplicate', identity));
      const fact = entry.type === 'AttemptSettled' ? round.attempts.get(entry.attempt) : undefined;
      if (entry.type === 'AttemptSettled' && fact && isNew(record, first, fact))
        fact.others.push({ record, settled: entry });
      continue;
    }
    if (entry.type === 'AttemptSettled')
      round.attempts.set(entry.attempt, { record, settled: entry, late: round.closing !== undefined, others: [] });
    if (round.closing) flagged.push(flag(record, undefined, 'late', identity));
    else if (entry.disposition.kind !== 'retry') round.closing = { record, entry, disposition: entry.disposition };
  }
  return { rounds, flagged };
}

function identityOf(entry: Exclude<AttemptsEntry, { type: 'mark' }>): string {
  switch (entry.type) {
    case 'AttemptSettled':
    case 'DispatchEnded':
      return `settled ${entry.dispatch}.${entry.round}.${entry.attempt}`;
    case 'DispatchDeferred':
      return `deferred ${entry.dispatch}.${entry.round}.${entry.attempt}/${entry.park}`;
    case 'EndpointDisabled':
      return `disabled ${entry.endpoint}/${entry.endpointVersion}`;
  }
}

function roundOf(rounds: Map<string, Round>, entry: Settled | Ended | Deferred): Round {
  const key = roundKey(entry);
  const known = rounds.get(key);
  if (known) return known;
  const round: Round = {
    dispatch: entry.dispatch,
    round: entry.round,
    endpoint: entry.endpoint,
    project: entry.project,
    attempts: new Map(),
    closing: undefined,
    deferred: false,
  };
  rounds.set(key, round);
  return round;
}

const sameBytes = (a: LoggedRecord, b: LoggedRecord): boolean => Buffer.compare(a.value ?? none, b.value ?? none) === 0;
const none = Buffer.alloc(0);

/** Not the bytes of the first settlement, nor of another one: its writer may have appended that again. */
const isNew = (record: LoggedRecord, first: LoggedRecord, { others }: SettledFact): boolean =>
  [first, ...others.map((other) => other.record)].every((known) => !sameBytes(record, known));

function flag(record: LoggedRecord, first: LoggedRecord | undefined, why: Flagged['why'], identity: string): Flagged {
  const same = first !== undefined && sameBytes(record, first);
  return { record, why, about: `${identity} at ${placeOf(record)}`, sameBytes: same };
}
