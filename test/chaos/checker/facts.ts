// The evidence, decoded once for all rules.

import { decodeTrace, decodeWork, type Trace, type WorkRecord } from './decode.ts';
import type { Evidence, JournalRequest, LoggedRecord } from './evidence.ts';
import { readAttempts, type AttemptsLog } from './reader-rule.ts';

export interface Logged<T> {
  readonly record: LoggedRecord;
  readonly entry: T;
}

export interface Facts extends Evidence {
  /** By origin, the first one each: the truth. */
  readonly traces: ReadonlyMap<string, Logged<Trace>>;
  /** Of an origin that is traced already. */
  readonly laterTraces: readonly Logged<Trace>[];
  readonly log: AttemptsLog;
  readonly dispatches: readonly Logged<WorkRecord>[];
  readonly tiers: readonly Logged<WorkRecord>[];
  readonly deadLetters: readonly Logged<WorkRecord>[];
  /** By dispatch id, in order of arrival. */
  readonly requests: ReadonlyMap<string, readonly JournalRequest[]>;
}

export function readFacts(evidence: Evidence): Facts {
  const traces = new Map<string, Logged<Trace>>();
  const laterTraces: Logged<Trace>[] = [];
  for (const record of evidence.topics.audit) {
    const entry = decodeTrace(record);
    if (!entry) continue;
    if (traces.has(entry.origin)) laterTraces.push({ record, entry });
    else traces.set(entry.origin, { record, entry });
  }
  const work = (records: readonly LoggedRecord[]): Logged<WorkRecord>[] =>
    records.map((record) => ({ record, entry: decodeWork(record) }));
  return {
    ...evidence,
    traces,
    laterTraces,
    log: readAttempts(evidence.topics.attempts),
    dispatches: work(evidence.topics.dispatches),
    tiers: work(evidence.topics.tiers),
    deadLetters: work(evidence.topics.dlq),
    requests: Map.groupBy(
      evidence.journal.toSorted((a, b) => a.seq - b.seq),
      ({ id }) => id,
    ),
  };
}
