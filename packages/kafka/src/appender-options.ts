/** What an appender is told, and what it offers. */
import type { Compression } from './codecs.ts';
import type { AppendRecord, TopicPartition } from './record.ts';

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
