// Restoring: what an earlier owner settled is read from `attempts` before the first dispatch is taken.

import type { AttemptsRecord, AttemptStarted } from '@postrider/core/contracts';
import type { AttemptId, SettledConsequence } from '@postrider/core/domain';
import type { AssignedPartition } from '@postrider/kafka';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { breakerLookBackRecords } from './limits.ts';
import type { PartitionState } from './partition-state.ts';

/** Told of each record that was read back: endpoints that answered 410 and breakers that opened are learnt from them. */
export type RecordSink = (record: AttemptsRecord, state: PartitionState) => void;

const marker = /^attempts=(\d{1,16})(?: |$)/;

/** The text that a commit carries beside its offset: where in `attempts` restoring must start. */
export function restoreMark(attemptsOffset: number): string {
  return `attempts=${attemptsOffset}`;
}

/** The offset that a commit's text tells of; 0, the earliest, when it is missing or cannot be read. */
export function readRestoreMark(metadata: string | undefined): number {
  const match = marker.exec(metadata ?? '');
  const offset = match ? Number(match[1]) : 0;
  return Number.isSafeInteger(offset) ? offset : 0;
}

/**
 * Where an owner must begin to restore: where the commit says. When every dispatch was read, what retention has taken of `attempts`
 * since is missed by nobody: the partition was idle for as long, and begins with what is left.
 */
export async function restorePlace(
  { partition, committed, logEnd }: Pick<AssignedPartition, 'partition' | 'committed' | 'logEnd'>,
  reader: Pick<AttemptsReader, 'offsetAt'>,
): Promise<number> {
  const from = readRestoreMark(committed?.metadata);
  if (from === 0 || (committed?.offset ?? 0) < logEnd) return from;
  return Math.max(from, await reader.offsetAt(partition, 0));
}

/** Reads `attempts` from `from` to its end into the partition's window. */
export async function restore(
  state: PartitionState,
  from: number,
  reader: AttemptsReader,
  learn: RecordSink,
  signal?: AbortSignal,
): Promise<number> {
  let records = 0;
  let firstMs: number | undefined;
  // Breakers remember longer than copies can be apart; what is read for them alone says nothing of what is settled.
  // That retention has taken some of it is no loss to be told of.
  const logStart = from > 0 ? await reader.offsetAt(state.partition, 0) : 0;
  const end = await reader.read(
    state.partition,
    { from: Math.min(from, Math.max(logStart, from - breakerLookBackRecords)) },
    (entry) => {
      if (entry.offset < from) return learn(entry.record, state);
      records++;
      firstMs ??= entry.timestampMs;
      remember(state, entry, learn);
    },
    signal,
  );
  // A log that was cut may end before; what is written from there on is the next owner's to restore.
  state.restoredFrom = Math.min(from, end);
  state.attemptsNext = end;
  // Where nothing was read no broker's time is known, and ours may be behind it: then the window covers no time at all.
  const fromMs = from === 0 ? 0 : (firstMs ?? Number.POSITIVE_INFINITY);
  state.window.restored({ fromMs, offset: state.restoredFrom });
  return records;
}

/** Takes one record of the log into the window. */
export function remember(state: PartitionState, entry: AttemptsEntry, learn: RecordSink): void {
  const { record } = entry;
  learn(record, state);
  state.othersWrote(entry.timestampMs);
  if (record.type === 'AttemptStarted' && !isOwn(state, record)) state.window.restoreStarted(record.attemptId);
  const settlement = settlementOf(entry);
  if (settlement) state.window.restore(settlement.attemptId, settlement.consequence, entry.timestampMs);
}

/** An append of ours that was repeated stands twice; its first copy is no stranger. */
export function isOwn({ owner }: PartitionState, record: AttemptStarted): boolean {
  return record.owner.member === owner.member && record.owner.generation === owner.generation;
}

/** What a record of `attempts` settles, if it is one that ends or moves a dispatch. A deferral settles nothing. */
export function settlementOf({ record, reply }: AttemptsEntry): Settlement | undefined {
  if (record.type !== 'AttemptSettled' && record.type !== 'DispatchEnded') return undefined;
  return { attemptId: record.attemptId, consequence: { disposition: record.disposition, reply } };
}

interface Settlement {
  readonly attemptId: AttemptId;
  readonly consequence: SettledConsequence;
}
