/**
 * Appends records at least once, in order within a partition, with the offset of each.
 *
 *   append ─▶ queue ─▶ batch (what arrived while the last one was out, or rested) ─▶ one request a leader ─▶ offsets
 *                 ▲                        │ any doubt: resend, for ever, until closed
 *                 └── topic not known: waits aside, asked again, rejected after about 30 s
 *
 * Not idempotent on purpose: an idempotent producer whose send was rejected can have another record acknowledged and never
 * written. A resend may write a record twice; every consumer is idempotent by identity.
 */
import { batchLength, partitionKey, takeApart } from './append-batch.ts';
import type { BatchEntry } from './append-batch.ts';
import { judgeAppendError } from './append-verdict.ts';
import { backoffMs, pause } from './backoff.ts';
import type { Compression } from './codecs.ts';
import { openConnections } from './connections.ts';
import { readFailure } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaErrorCode } from './kafka-error.ts';
import * as limits from './limits.ts';
import { produceOnce } from './produce.ts';
import type { ProduceResult } from './produce.ts';
import type { AppendRecord, TopicPartition } from './record.ts';
import { encodable } from './record-size.ts';
import type { KafkaSettings } from './settings.ts';

export interface AppenderHooks {
  /** After each batch that was acknowledged in whole. `sendMs` spans all its tries. */
  onBatch?(batch: { records: number; bytes: number; sendMs: number }): void;
  /** Before each resend; `attempt` is 2 for the first one. */
  onResend?(resend: { records: number; attempt: number; reason: string }): void;
  /** A broker answered without naming these partitions: their records are resent. */
  onCoverageFailure?(partitions: TopicPartition[]): void;
}

export interface AppenderOptions {
  compression?: Compression;
  /** Records in one batch at most; default and upper bound BATCH_RECORDS_MAX. */
  recordsMax?: number;
  /**
   * The longest rest between two batches, for those who append a steady stream and would rather have fewer requests: after a batch
   * it rests in proportion to its records, so that a lone record never waits. Default: no rest.
   */
  restMsMax?: number;
  /** Of it, for each record of the batch; default REST_MS_PER_RECORD. More is for those whom nobody waits for. */
  restMsPerRecord?: number;
  hooks?: AppenderHooks;
}

export interface AppenderStats {
  records: number;
  batches: number;
  resends: number;
  coverageFailures: number;
}

export interface Appender {
  /**
   * Resolves once the record is acknowledged by all in-sync replicas. Waits through outages of any length. Rejects with KafkaError
   * `record-too-large`, `unknown-topic`, `unknown-partition`, `not-authorized`, `record-rejected` (never, for this record) or `closed`.
   */
  append(record: AppendRecord): Promise<{ offset: number }>;
  /** Like `append` for each; rejects with the first rejection, while the others go their way. */
  appendAll(records: readonly AppendRecord[]): Promise<{ offset: number }[]>;
  /** Records accepted and neither acknowledged nor rejected yet: what a caller holds itself back by. */
  depth(): number;
  stats(): AppenderStats;
  /** Resolves when everything accepted so far and since is settled. */
  flush(): Promise<void>;
  /** Accepts nothing more, waits up to `drainMs` (default CLOSE_DRAIN_MS), then rejects what is left with `closed`. */
  close(options?: { drainMs?: number }): Promise<void>;
}

interface Entry extends BatchEntry {
  resolve(value: { offset: number }): void;
  reject(error: KafkaError): void;
}

/** Entries of one topic (or partition) that metadata does not know yet. */
interface Aside {
  entries: Entry[];
  code: KafkaErrorCode;
}

/** Answers about a topic that may change (it is created, or allowed): its records wait for a while before they are rejected. */
const TOPIC_REFUSALS: Readonly<Record<string, KafkaErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'unknown-topic',
  INVALID_TOPIC_EXCEPTION: 'unknown-topic',
  TOPIC_AUTHORIZATION_FAILED: 'not-authorized',
};

export function openAppender(settings: KafkaSettings, options: AppenderOptions = {}): Appender {
  const connections = openConnections(settings);
  const hooks = options.hooks ?? {};
  const compression = options.compression ?? 'none';
  const batchLimits = {
    recordsMax: Math.min(options.recordsMax ?? limits.BATCH_RECORDS_MAX, limits.BATCH_RECORDS_MAX),
    partitionBytesMax: limits.PARTITION_BATCH_BYTES_MAX,
    bytesMax: limits.BATCH_BYTES_MAX,
  };
  const stats: AppenderStats = { records: 0, batches: 0, resends: 0, coverageFailures: 0 };
  const aborted = new AbortController();
  const knownTopics = new Map<string, DriverCluster>();
  const aside = new Map<string, Aside>();
  const asideTries = new Map<string, number>();
  /** Partitions whose last request a broker refused: in requests of their own, or every try would write those beside them again. */
  const refusedLast = new Set<string>();
  let queue: Entry[] = [];
  let taken = 0;
  let unsettled = 0;
  let closing = false;
  let running = false;
  let asideTimer: NodeJS.Timeout | null = null;
  let asideIsDue = false;
  let idle: (() => void)[] = [];
  let endRest: (() => void) | null = null;

  function settled(count: number): void {
    unsettled -= count;
    if (unsettled > 0) return;
    const waiters = idle;
    idle = [];
    for (const wake of waiters) wake();
  }

  function rejectAll(entries: readonly Entry[], error: KafkaError): void {
    for (const entry of entries) entry.reject(error);
    settled(entries.length);
  }

  function wake(): void {
    if (running || (queue.length === taken && !asideIsDue)) return;
    running = true;
    // An immediate, not a microtask: what the same turn of the event loop produces goes out together, at no cost in latency.
    setImmediate(() => void run());
  }

  async function run(): Promise<void> {
    while (!aborted.signal.aborted) {
      if (asideIsDue) takeBackAside();
      if (queue.length === taken) break;
      const length = batchLength(queue, taken, batchLimits);
      const batch = queue.slice(taken, taken + length);
      taken += length;
      if (taken === queue.length || taken > 10_000) {
        queue = queue.slice(taken);
        taken = 0;
      }
      const startedMs = performance.now();
      await settleBatch(batch);
      await rest(batch.length, startedMs);
    }
    running = false;
  }

  /** What comes meanwhile goes into one request; a full batch, or somebody who waits for the last of it, is not kept waiting. */
  async function rest(records: number, startedMs: number): Promise<void> {
    const { restMsMax, restMsPerRecord = limits.REST_MS_PER_RECORD } = options;
    if (restMsMax === undefined) return;
    const restMs = Math.min(records * restMsPerRecord, restMsMax) - (performance.now() - startedMs);
    if (restMs < 1 || isUrgent()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, restMs);
      endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    endRest = null;
  }

  const isUrgent = (): boolean => closing || idle.length > 0 || queue.length - taken >= batchLimits.recordsMax;

  async function settleBatch(batch: Entry[]): Promise<void> {
    const started = performance.now();
    const before = stats.records;
    let bytes = 0;
    for (const entry of batch) bytes += entry.bytes;
    await settleEntries(batch);
    const records = stats.records - before;
    if (records === 0) return;
    stats.batches += 1;
    hooks.onBatch?.({ records, bytes, sendMs: performance.now() - started });
  }

  /** Sends until every entry is acknowledged, rejected, or put aside. */
  async function settleEntries(entries: Entry[]): Promise<void> {
    let pending = entries;
    for (let attempt = 1; pending.length > 0; attempt += 1) {
      if (aborted.signal.aborted) return rejectAll(pending, closedError());
      const { doubtful, refused, reason, error } = await sendOnce(pending, attempt);
      for (const part of refused) await settleRefused(part.entries, part.code, part.reason);
      pending = doubtful;
      if (pending.length === 0) return;
      stats.resends += 1;
      hooks.onResend?.({ records: pending.length, attempt: attempt + 1, reason });
      settings.log?.({
        level: 'warn',
        message: 'append in doubt, sending again',
        fields: { records: pending.length, attempt, reason },
      });
      await connections.heal(error);
      await pause(backoffMs(attempt), aborted.signal);
    }
  }

  async function sendOnce(pending: Entry[], attempt: number) {
    const refused: { entries: Entry[]; code: KafkaErrorCode; reason: string }[] = [];
    let result: ProduceResult<Entry>;
    const away = new Set<Entry>();
    try {
      const cluster = await connections.get();
      const ready = await withKnownTopics(cluster, pending, away);
      result = await produceOnce(cluster, ready, compression, refusedLast);
    } catch (error) {
      // Nothing was sent, or nothing is known: entries that were put aside before the failure are not pending any more.
      const doubtful = pending.filter((entry) => !away.has(entry));
      return { doubtful, refused, reason: readFailure(error).message, error };
    }
    for (const { entry, offset } of result.appended) {
      if (refusedLast.size > 0) refusedLast.delete(partitionKey(entry));
      entry.resolve({ offset });
    }
    stats.records += result.appended.length;
    if (result.appended.length > 0) connections.succeeded();
    settled(result.appended.length);
    for (const entry of result.unknownPartition) putAside(partitionKey(entry), entry, 'unknown-partition');
    let reason = '';
    let error: unknown;
    const doubtful: Entry[] = [];
    if (result.uncovered.length > 0) {
      stats.coverageFailures += 1;
      hooks.onCoverageFailure?.([
        ...new Map(result.uncovered.map((e) => [partitionKey(e), { topic: e.topic, partition: e.partition }])).values(),
      ]);
      doubtful.push(...result.uncovered);
      reason = 'an answer without every partition';
    }
    for (const part of result.failed) {
      const verdict = judgeAppendError(part.error, attempt);
      if (verdict.kind === 'never') refused.push({ entries: part.entries, code: verdict.code, reason: verdict.reason });
      else {
        doubtful.push(...part.entries);
        if (readFailure(part.error).brokerError !== null)
          for (const entry of part.entries) refusedLast.add(partitionKey(entry));
        reason = verdict.reason;
        error = part.error;
      }
    }
    return { doubtful, refused, reason, error };
  }

  /** Takes a refused batch apart until the record at fault stands alone; it is rejected, the others are appended. */
  async function settleRefused(entries: Entry[], code: KafkaErrorCode, reason: string): Promise<void> {
    const parts = takeApart(entries);
    if (parts.length === 0) {
      const [entry] = entries;
      const where = entry === undefined ? '' : ` ${entry.topic}/${entry.partition}`;
      return rejectAll(entries, new KafkaError(code, `record for${where} refused: ${reason}`, { brokerError: reason }));
    }
    for (const part of parts) await settleEntries(part);
  }

  /** The entries whose topics exist. One unknown topic must not poison the metadata of the others, so each is asked for alone. */
  async function withKnownTopics(cluster: DriverCluster, entries: Entry[], away: Set<Entry>): Promise<Entry[]> {
    const ready: Entry[] = [];
    for (const entry of entries) {
      const waits = aside.size === 0 ? undefined : (aside.get(entry.topic) ?? aside.get(partitionKey(entry)));
      if (waits !== undefined) {
        waits.entries.push(entry); // keeps the order behind those that wait already
        away.add(entry);
        continue;
      }
      const refusal = knownTopics.get(entry.topic) === cluster ? null : await askFor(cluster, entry.topic);
      if (refusal === null) ready.push(entry);
      else {
        putAside(entry.topic, entry, refusal);
        away.add(entry);
      }
    }
    return ready;
  }

  /** Null when the brokers know the topic; else why it cannot be used yet. */
  async function askFor(cluster: DriverCluster, topic: string): Promise<KafkaErrorCode | null> {
    try {
      await cluster.addTargetTopic(topic);
      knownTopics.set(topic, cluster);
      asideTries.delete(topic);
      return null;
    } catch (error) {
      const refusal = TOPIC_REFUSALS[readFailure(error).brokerError ?? ''];
      if (refusal === undefined) throw error;
      return refusal;
    }
  }

  function putAside(key: string, entry: Entry, code: KafkaErrorCode): void {
    if (aborted.signal.aborted) return rejectAll([entry], closedError()); // nobody would take it back
    const waits = aside.get(key);
    if (waits === undefined) {
      aside.set(key, { entries: [entry], code });
      settings.log?.({
        level: 'warn',
        message: `${code}, waiting for it`,
        fields: { topic: entry.topic, partition: entry.partition },
      });
    } else waits.entries.push(entry);
    asideTimer ??= setTimeout(() => {
      asideTimer = null;
      asideIsDue = true; // between two batches: what is under way must neither be overtaken nor be sent twice
      wake();
    }, limits.UNKNOWN_TOPIC_RETRY_MS);
  }

  /** Puts everything that waits back in front of the queue, or rejects what has waited long enough. */
  function takeBackAside(): void {
    asideIsDue = false;
    const again: Entry[] = [];
    for (const [key, waits] of aside) {
      const tries = (asideTries.get(key) ?? 0) + 1;
      asideTries.set(key, tries);
      if (tries < limits.UNKNOWN_TOPIC_TRIES) {
        again.push(...waits.entries);
      } else {
        asideTries.delete(key);
        rejectAll(waits.entries, new KafkaError(waits.code, `${key}: not known to the brokers after ${tries} tries`));
      }
    }
    aside.clear();
    queue = [...again, ...queue.slice(taken)];
    taken = 0;
  }

  function closedError(): KafkaError {
    return new KafkaError(
      'closed',
      'the appender was closed before this record was acknowledged; whether it was written is not known',
    );
  }

  const appender: Appender = {
    append(record) {
      if (closing) return Promise.reject(new KafkaError('closed', 'the appender is closed'));
      return new Promise((resolve, reject) => {
        const { topic, partition } = record;
        const encoded = encodable(record);
        const bytes = encoded.bodyBytes + limits.RECORD_OVERHEAD_BYTES;
        queue.push({ topic, partition, record: encoded, bytes, resolve, reject });
        unsettled += 1;
        if (endRest !== null && isUrgent()) endRest();
        wake();
      });
    },
    appendAll: (records) => Promise.all(records.map((record) => appender.append(record))),
    depth: () => unsettled,
    stats: () => ({ ...stats }),
    flush() {
      if (unsettled === 0) return Promise.resolve();
      endRest?.();
      return new Promise((resolve) => idle.push(resolve));
    },
    async close({ drainMs = limits.CLOSE_DRAIN_MS } = {}) {
      closing = true;
      if (unsettled > 0 && drainMs > 0) {
        const drained = new AbortController();
        await Promise.race([appender.flush().then(() => drained.abort()), pause(drainMs, drained.signal)]);
        drained.abort();
      }
      aborted.abort();
      if (asideTimer !== null) clearTimeout(asideTimer);
      connections.close();
      const left = [...queue.slice(taken), ...[...aside.values()].flatMap((waits) => waits.entries)];
      queue = [];
      taken = 0;
      aside.clear();
      rejectAll(left, closedError());
      if (unsettled > 0) await appender.flush(); // the batch under way ends as soon as its sockets are gone
    },
  };
  return appender;
}
