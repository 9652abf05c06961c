/** A compacted topic as a stream: everything that stands in it now, then every change, for ever. */
import { KafkaError } from './kafka-error.ts';
import { openLogReader } from './log-reader.ts';
import type { KafkaRecord } from './record.ts';
import type { KafkaSettings } from './settings.ts';

export interface TableOptions {
  topic: string;
  /** Where to begin, by partition; default: all that stands there. */
  from?: ReadonlyMap<number, number>;
  /** In offset order within a partition; a null value deletes. Synchronous. */
  onRecord(record: KafkaRecord): void;
  /** Just before `ready` resolves. */
  onReady?(): void;
  /** Anything that is being retried: absent brokers, an absent topic, bytes that cannot be decoded. */
  onError?(error: KafkaError, attempt: number): void;
}

export interface TableReader {
  /** Resolves when everything up to the ends seen at the start has been delivered, at once for an empty topic. Rejects with `closed` when stopped before. */
  ready: Promise<void>;
  /** Next offset by partition. */
  positions(): Map<number, number>;
  /** Records known to be in the log and not delivered yet. */
  lag(): number;
  stop(): Promise<void>;
}

export function openTableReader(settings: KafkaSettings, options: TableOptions): TableReader {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => undefined); // a caller that stops early need not look at it
  const reader = openLogReader(settings, {
    topic: options.topic,
    from: options.from ?? 'earliest',
    bounded: false,
    onRecord: (record) => options.onRecord(record),
    onCaughtUp() {
      options.onReady?.();
      ready.resolve();
    },
    onError(error, attempt) {
      settings.log?.({
        level: 'warn',
        message: 'table is waiting',
        fields: { topic: options.topic, attempt, error: error.message },
      });
      options.onError?.(error, attempt);
    },
  });
  return {
    ready: ready.promise,
    positions: () => reader.positions(),
    lag: () => reader.lag(),
    async stop() {
      await reader.stop();
      ready.reject(new KafkaError('closed', `the reader of ${options.topic} was stopped`));
    },
  };
}
