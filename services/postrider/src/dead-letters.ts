// Reads `<env>.dlq`: letters with their headers decoded, newest first, for looking at and for replaying.

import { decodeDispatch, topicNames } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import { headerText, type KafkaCluster, type KafkaRecord } from '@postrider/kafka';
import { recordsTold } from './limits.ts';

/** What KIP-1191's headers say of where and why a record ended. */
export interface LetterOrigin {
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  readonly group: string | undefined;
  readonly attempts: number | undefined;
  readonly message: string | undefined;
}

export interface Letter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The broker's time, epoch ms. */
  readonly deadAtMs: number;
  readonly reason: string;
  /** As far as they can be read: of an undecodable record they may be missing. */
  readonly dispatchId: string | undefined;
  readonly endpointId: string | undefined;
  readonly round: number;
  readonly from: LetterOrigin;
  /** The dispatch, or why it cannot be read. */
  readonly dispatch: { readonly ok: true; readonly value: Dispatch } | { readonly ok: false; readonly problem: string };
  readonly bodyBytes: number;
}

export interface LetterFilter {
  readonly dispatch?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** When a letter was written, by the broker. */
export interface LetterTime {
  /** At or after. */
  readonly from?: Date | undefined;
  /** Before. */
  readonly to?: Date | undefined;
}

export function isWithin({ from, to }: LetterTime, { deadAtMs }: Pick<Letter, 'deadAtMs'>): boolean {
  return (from === undefined || deadAtMs >= from.getTime()) && (to === undefined || deadAtMs < to.getTime());
}

export function letterOf(record: KafkaRecord): Letter {
  const text = (name: string): string | undefined => headerText(record.headers, name);
  const count = (name: string): number | undefined => {
    const value = text(name);
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  const { topic, partition, offset, timestamp } = record;
  const reason = text('pr-reason') ?? 'unknown';
  return {
    topic,
    partition,
    offset,
    deadAtMs: timestamp,
    reason,
    dispatchId: text('pr-dispatch'),
    endpointId: text('pr-endpoint') ?? record.key?.toString('utf8'),
    round: count('pr-round') ?? 0,
    from: {
      topic: text('__dlq.errors.topic'),
      partition: count('__dlq.errors.partition'),
      offset: count('__dlq.errors.offset'),
      group: text('__dlq.errors.group'),
      attempts: count('__dlq.errors.delivery.count'),
      message: text('__dlq.errors.message'),
    },
    dispatch:
      reason === 'undecodable'
        ? { ok: false, problem: text('__dlq.errors.message') ?? 'undecodable' }
        : withItsOwnBody(decodeDispatch(text, record.value)),
    bodyBytes: record.value?.length ?? 0,
  };
}

/** An id stands for one body. Where convergence could not build that one again, the letter holds the event's data instead. */
function withItsOwnBody(decoded: Letter['dispatch']): Letter['dispatch'] {
  if (!decoded.ok || decoded.value.mustEnd === undefined) return decoded;
  return {
    ok: false,
    problem: 'its body could not be built again as it was, and may not be another: publish the event under a new id',
  };
}

export interface ScanLetters {
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  readonly environment: string;
  /** For the next record, not for all. */
  readonly timeoutMs: number;
  /** Told now and then how many records were read. */
  readonly onProgress?: ((records: number) => void) | undefined;
}

/** Calls `onLetter` for every letter that the filter takes, in offset order within a partition. */
export async function scanLetters(
  { cluster, environment, timeoutMs, onProgress }: ScanLetters,
  filter: LetterFilter,
  onLetter: (letter: Letter) => void,
): Promise<void> {
  let records = 0;
  await cluster.scan({
    topic: topicNames(environment).dlq,
    from: 'earliest',
    timeoutMs,
    onRecord(record) {
      if (++records % recordsTold === 0) onProgress?.(records);
      const text = (name: string): string | undefined => headerText(record.headers, name);
      if (filter.dispatch !== undefined && text('pr-dispatch') !== filter.dispatch) return;
      if (filter.endpoint !== undefined && (text('pr-endpoint') ?? record.key?.toString('utf8')) !== filter.endpoint)
        return;
      onLetter(letterOf(record));
    },
  });
}

/** Newest first; of one moment the later offset. */
export function newestFirst(a: Letter, b: Letter): number {
  return b.deadAtMs - a.deadAtMs || b.partition - a.partition || b.offset - a.offset;
}

export interface NewestLetters {
  readonly letters: readonly Letter[];
  /** Letters that the filter takes, shown or not; copies of one (dispatch, round) counted once each time they stand. */
  readonly total: number;
  /** Highest round among the letters of a dispatch: a lower one was replayed since. */
  readonly lastRounds: ReadonlyMap<string, number>;
  /** Letters of the endpoint or dispatch by reason, whatever reason was asked for. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** The newest `limit` letters; memory does not grow with the bodies of the others. */
export async function newestLetters(
  scan: ScanLetters,
  filter: LetterFilter & LetterTime & { readonly reason?: string | undefined },
  limit: number,
): Promise<NewestLetters> {
  let letters: Letter[] = [];
  let total = 0;
  const lastRounds = new Map<string, number>();
  const reasons = new Map<string, number>();
  const seen = new Set<string>();
  const keepNewest = (): void => {
    letters = letters.toSorted(newestFirst).slice(0, limit);
  };
  // A reason may differ from round to round, so the rounds are counted over all letters of the endpoint or dispatch.
  await scanLetters(scan, filter, (letter) => {
    const identity = `${letter.dispatchId ?? `${letter.partition}/${letter.offset}`}.${letter.round}`;
    if (letter.dispatchId !== undefined)
      lastRounds.set(letter.dispatchId, Math.max(letter.round, lastRounds.get(letter.dispatchId) ?? 0));
    // The lowest offset is the letter; later copies of one round are the same fact.
    if (seen.has(identity)) return;
    seen.add(identity);
    if (!isWithin(filter, letter)) return;
    reasons.set(letter.reason, (reasons.get(letter.reason) ?? 0) + 1);
    if (filter.reason !== undefined && letter.reason !== filter.reason) return;
    total += 1;
    letters.push(letter);
    if (letters.length >= limit * 2) keepNewest();
  });
  keepNewest();
  return { letters, total, lastRounds, reasons };
}
