/**
 * Appends records at least once, in order within a partition, with the offset of each.
 *
 *   append ─▶ queue ─▶ batch (what arrived while the last one was out, or rested) ─▶ one request a leader ─▶ offsets
 *                 ▲                        │ any doubt: resend, for ever, until closed
 *                 ├── topic not known: waits aside, asked again, rejected after about 30 s
 *                 └── partition refused, or without a leader: goes on in a lane of its own
 *
 * Not idempotent on purpose: an idempotent producer whose send was rejected can have another record acknowledged and never
 * written. A resend may write a record twice; every consumer is idempotent by identity.
 */
import { batchLength, partitionKey, takeApart } from './append-batch.ts';
import type { BatchEntry } from './append-batch.ts';
import { createLanes } from './append-lanes.ts';
import type { Lanes } from './append-lanes.ts';
import { judgeAppendError } from './append-verdict.ts';
import type { Appender, AppenderOptions, AppenderStats } from './appender-options.ts';
import { backoffMs, pause } from './backoff.ts';
import { openConnections } from './connections.ts';
import type { Connections } from './connections.ts';
import { isStaleMetadata, readFailure } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaErrorCode } from './kafka-error.ts';
import { knowTopics } from './leaders.ts';
import * as limits from './limits.ts';
import { produceOnce } from './produce.ts';
import type { ProduceResult } from './produce.ts';
import { encodable } from './record-size.ts';
import type { KafkaSettings } from './settings.ts';

interface Entry extends BatchEntry {
  resolve(value: { offset: number }): void;
  reject(error: KafkaError): void;
}

interface Refused {
  entries: Entry[];
  code: KafkaErrorCode;
  reason: string;
}

/** What a batch came to. */
interface Sum {
  records: number;
  bytes: number;
}

/** Entries of one topic (or partition) that metadata does not know yet. */
interface Aside {
  entries: Entry[];
  code: KafkaErrorCode;
}

/** How a batch goes out. What a refused partition waits for must hold up no request of the others, so its lane has connections of its own. */
interface Way {
  connections: Connections;
  knownTopics: Map<string, DriverCluster>;
  isLane: boolean;
}

/** Tries before a refused partition gets a lane: most leaders are elected by then. */
const TRIES_BEFORE_LANE = 2;

export function openAppender(settings: KafkaSettings, options: AppenderOptions = {}): Appender {
  const main: Way = { connections: openConnections(settings), knownTopics: new Map(), isLane: false };
  const apart: Way = { connections: openConnections(settings), knownTopics: new Map(), isLane: true };
  const hooks = options.hooks ?? {};
  const compression = options.compression ?? 'none';
  const batchLimits = {
    recordsMax: Math.min(options.recordsMax ?? limits.BATCH_RECORDS_MAX, limits.BATCH_RECORDS_MAX),
    partitionBytesMax: limits.PARTITION_BATCH_BYTES_MAX,
    bytesMax: limits.BATCH_BYTES_MAX,
  };
  const stats: AppenderStats = { records: 0, batches: 0, resends: 0, coverageFailures: 0 };
  const aborted = new AbortController();
  const aside = new Map<string, Aside>();
  const asideTries = new Map<string, number>();
  /** Partitions whose last request a broker refused: in requests of their own, or every try would write those beside them again. */
  const refusedLast = new Set<string>();
  const lanes: Lanes<Entry> = createLanes({
    limits: batchLimits,
    signal: aborted.signal,
    log: settings.log,
    settle: (entries, attempt) => settleBatch(entries, apart, attempt),
  });
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
      await settleBatch(batch, main, 1);
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

  async function settleBatch(batch: Entry[], way: Way, firstAttempt: number): Promise<void> {
    const started = performance.now();
    const sum = { records: 0, bytes: 0 };
    await settleEntries(batch, way, firstAttempt, sum);
    if (sum.records === 0) return;
    stats.batches += 1;
    hooks.onBatch?.({ ...sum, sendMs: performance.now() - started });
  }

  /** Sends until every entry is acknowledged, rejected, put aside, or on a lane. */
  async function settleEntries(entries: Entry[], way: Way, firstAttempt: number, sum: Sum): Promise<void> {
    let pending = entries;
    for (let attempt = firstAttempt; pending.length > 0; attempt += 1) {
      if (aborted.signal.aborted) return rejectAll(pending, closedError());
      const { doubtful, refused, reason, error } = await sendOnce(pending, way, attempt, sum);
      for (const part of refused) await settleRefused(part, way, sum);
      pending = doubtful;
      if (pending.length === 0) return;
      tellResend(pending.length, attempt, reason, way);
      const { brokerError } = readFailure(error);
      // On a lane, an answer that other metadata would not change says nothing against the connections.
      if (!way.isLane || brokerError === null || isStaleMetadata(brokerError)) await way.connections.heal(error);
      await pause(backoffMs(attempt), aborted.signal);
    }
  }

  function tellResend(records: number, attempt: number, reason: string, way: Way): void {
    stats.resends += 1;
    hooks.onResend?.({ records, attempt: attempt + 1, reason });
    if (way.isLane) return; // told once, when the lane was opened
    settings.log?.({
      level: 'warn',
      message: 'append in doubt, sending again',
      fields: { records, attempt, reason },
    });
  }

  async function sendOnce(pending: Entry[], way: Way, attempt: number, sum: Sum) {
    const refused: Refused[] = [];
    let result: ProduceResult<Entry>;
    const away = new Set<Entry>();
    try {
      const cluster = await way.connections.get();
      const ready = await withKnownTopics(cluster, pending, way, away);
      result = await produceOnce(cluster, ready, compression, refusedLast);
      if (result.unknownPartition.length > 0) await cluster.refreshMetadata().catch(() => undefined);
    } catch (error) {
      // Nothing was sent, or nothing is known: entries that were put aside before the failure are not pending any more.
      const doubtful = pending.filter((entry) => !away.has(entry));
      return { doubtful, refused, reason: readFailure(error).message, error };
    }
    for (const { entry, offset } of result.appended) {
      if (refusedLast.size > 0) refusedLast.delete(partitionKey(entry));
      if (asideTries.size > 0) asideTries.delete(partitionKey(entry));
      sum.bytes += entry.bytes;
      entry.resolve({ offset });
    }
    sum.records += result.appended.length;
    stats.records += result.appended.length;
    if (result.appended.length > 0) way.connections.succeeded();
    settled(result.appended.length);
    for (const entry of result.unknownPartition) {
      way.knownTopics.delete(entry.topic);
      putAside(partitionKey(entry), entry, 'unknown-partition');
    }
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
      const answered = readFailure(part.error).brokerError !== null;
      const isCertain = part.isUnled || (part.isAlone && attempt >= TRIES_BEFORE_LANE);
      if (verdict.kind === 'never') refused.push({ entries: part.entries, code: verdict.code, reason: verdict.reason });
      else if (!way.isLane && answered && isCertain && !aborted.signal.aborted) {
        tellResend(part.entries.length, attempt, verdict.reason, apart);
        lanes.open(part.entries, attempt + 1, verdict.reason);
      } else {
        doubtful.push(...part.entries);
        if (answered) for (const entry of part.entries) refusedLast.add(partitionKey(entry));
        reason = verdict.reason;
        error = part.error;
      }
    }
    return { doubtful, refused, reason, error };
  }

  /** Takes a refused batch apart until the record at fault stands alone; it is rejected, the others are appended. */
  async function settleRefused({ entries, code, reason }: Refused, way: Way, sum: Sum): Promise<void> {
    const parts = takeApart(entries);
    if (parts.length === 0) {
      const [entry] = entries;
      const where = entry === undefined ? '' : ` ${entry.topic}/${entry.partition}`;
      return rejectAll(entries, new KafkaError(code, `record for${where} refused: ${reason}`, { brokerError: reason }));
    }
    for (const part of parts) await settleEntries(part, way, 1, sum);
  }

  /** The entries whose topics exist. One unknown topic must not poison the metadata of the others, so each is asked for alone. */
  async function withKnownTopics(cluster: DriverCluster, entries: Entry[], way: Way, away: Set<Entry>) {
    const ready: Entry[] = [];
    for (const entry of entries) {
      if (!way.isLane && !aborted.signal.aborted && lanes.join(entry)) {
        away.add(entry);
        continue;
      }
      const waits = aside.size === 0 ? undefined : (aside.get(entry.topic) ?? aside.get(partitionKey(entry)));
      if (waits !== undefined) {
        waits.entries.push(entry); // keeps the order behind those that wait already
        away.add(entry);
        continue;
      }
      const refusal = way.knownTopics.get(entry.topic) === cluster ? null : await askFor(cluster, entry.topic, way);
      if (refusal === null) ready.push(entry);
      else {
        putAside(entry.topic, entry, refusal);
        away.add(entry);
      }
    }
    return ready;
  }

  /** Null when the brokers know the topic; else why it cannot be used yet. */
  async function askFor(cluster: DriverCluster, topic: string, way: Way): Promise<KafkaErrorCode | null> {
    try {
      await knowTopics(cluster, [topic]);
      way.knownTopics.set(topic, cluster);
      asideTries.delete(topic);
      return null;
    } catch (error) {
      // It may change (the topic is created, or allowed): its records wait for a while before they are rejected.
      if (error instanceof KafkaError && (error.code === 'unknown-topic' || error.code === 'not-authorized'))
        return error.code;
      throw error;
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
    setAsideTimer();
  }

  function setAsideTimer(): void {
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
    /** What stands on its partition's lane came later, and follows them here. */
    const stays = new Map<string, Aside>();
    for (const [key, { entries, code }] of aside) {
      const tries = (asideTries.get(key) ?? 0) + 1;
      asideTries.set(key, tries);
      if (tries >= limits.UNKNOWN_TOPIC_TRIES) {
        asideTries.delete(key);
        rejectAll(entries, new KafkaError(code, `${key}: not known to the brokers after ${tries} tries`));
        continue;
      }
      for (const entry of entries) {
        const place = partitionKey(entry);
        if (!lanes.has(place)) again.push(entry);
        else if (stays.has(place)) stays.get(place)?.entries.push(entry);
        else stays.set(place, { entries: [entry], code });
      }
    }
    aside.clear();
    for (const [key, waits] of stays) aside.set(key, waits);
    if (stays.size > 0) setAsideTimer();
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
      main.connections.close();
      apart.connections.close();
      const left = [...queue.slice(taken), ...lanes.clear(), ...[...aside.values()].flatMap((waits) => waits.entries)];
      queue = [];
      taken = 0;
      aside.clear();
      rejectAll(left, closedError());
      if (unsettled > 0) await appender.flush(); // the batch under way ends as soon as its sockets are gone
    },
  };
  return appender;
}
