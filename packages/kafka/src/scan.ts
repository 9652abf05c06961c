/** A bounded read: everything from given offsets to the ends seen at the start, once. For commands and for restoring. */
import { KafkaError } from './kafka-error.ts';
import { openLogReader } from './log-reader.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';
import type { KafkaSettings } from './settings.ts';

export interface ScanOptions {
  topic: string;
  partitions?: readonly number[];
  /** Offsets before the log's start are moved to it; `onRangeLost` tells of those that are not 0. */
  from: 'earliest' | ReadonlyMap<number, number>;
  /** Exclusive ends by partition; default: the ends when the scan starts. */
  to?: ReadonlyMap<number, number>;
  /** `'stop'` ends the scan after this record. */
  onRecord(record: KafkaRecord): void | 'stop';
  signal?: AbortSignal;
  /** Rejects with KafkaError `timeout` when nothing came for this long; without it the scan waits for absent brokers for ever. */
  timeoutMs?: number;
  onError?(error: KafkaError, attempt: number): void;
  onRangeLost?(lost: TopicPartition & { from: number; to: number }): void;
}

export interface ScanResult {
  records: number;
  /** The exclusive end of what was read, by partition. */
  ends: Map<number, number>;
}

/** Rejects with KafkaError `timeout`, `closed` (aborted), `unknown-topic` and `not-authorized`. An exception of `onRecord` rejects too. */
export async function runScan(settings: KafkaSettings, options: ScanOptions): Promise<ScanResult> {
  const done = Promise.withResolvers<void>();
  const { timeoutMs } = options;
  const silent = (): void =>
    done.reject(new KafkaError('timeout', `reading ${options.topic}: nothing came for ${timeoutMs} ms`));
  const silence = timeoutMs === undefined ? undefined : setTimeout(silent, timeoutMs);
  let records = 0;
  let ended = false;
  const reader = openLogReader(settings, {
    topic: options.topic,
    partitions: options.partitions,
    from: options.from,
    to: options.to,
    bounded: true,
    onRecord(record) {
      if (ended) return;
      records += 1;
      // What is long may take long; what is silent may not.
      silence?.refresh();
      try {
        if (options.onRecord(record) !== 'stop') return;
        done.resolve();
      } catch (error) {
        done.reject(error);
      }
      ended = true;
    },
    onCaughtUp: () => done.resolve(),
    onRangeLost: options.onRangeLost,
    onError(error, attempt) {
      options.onError?.(error, attempt);
      if (error.code === 'unknown-topic' || error.code === 'unknown-partition' || error.code === 'not-authorized')
        done.reject(error);
    },
  });
  const abort = (): void => done.reject(new KafkaError('closed', `the scan of ${options.topic} was aborted`));
  if (options.signal?.aborted === true) abort();
  options.signal?.addEventListener('abort', abort);
  try {
    await done.promise;
    return { records, ends: reader.ends() };
  } finally {
    clearTimeout(silence);
    options.signal?.removeEventListener('abort', abort);
    await reader.stop();
  }
}
