// Reads this environment's `attempts` back: at assignment (R2), after somebody else wrote (R5), and further back when a
// record could have been settled before the window begins (R6). Work that is under way waits for what is read here, so an
// outage is waited through: a rejection would end the process.

import { decodeAudit, replyHeader, type AttemptsRecord } from '@postrider/core/contracts';
import { KafkaError, type KafkaCluster, type TopicPartition } from '@postrider/kafka';
import { readAgainMs } from './limits.ts';

export interface AttemptsEntry {
  readonly record: AttemptsRecord;
  readonly offset: number;
  /** Broker time, epoch ms. */
  readonly timestampMs: number;
  /** Of a call: the bytes of its answer. */
  readonly reply: Buffer | undefined;
}

export interface AttemptsReader {
  /** Every readable record in [from, to), once and in offset order. Returns the exclusive end. */
  read(
    partition: number,
    range: { readonly from: number; readonly to?: number | undefined },
    onRecord: (entry: AttemptsEntry) => void,
    signal?: AbortSignal,
  ): Promise<number>;
  /** The first offset at or after a time (epoch ms). */
  offsetAt(partition: number, timestampMs: number): Promise<number>;
}

export interface ReaderPatience {
  /** Resolves after `delayMs`, or as soon as the signal is raised. */
  readonly sleep: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** Raised when the process stops: what cannot be read then is given up. */
  readonly stopping: AbortSignal;
  /** Settlements that are gone: what they settled may be sent again. */
  readonly onRangeLost: (lost: TopicPartition & { readonly from: number; readonly to: number }) => void;
  /** Told of each failure that is waited out. */
  readonly onWaiting: (error: KafkaError) => void;
}

export function createAttemptsReader(
  cluster: Pick<KafkaCluster, 'scan' | 'admin'>,
  topic: string,
  { sleep, stopping, onRangeLost, onWaiting }: ReaderPatience,
): AttemptsReader {
  const admin = cluster.admin();

  async function untilAnswered<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof KafkaError) || !outages.has(error.code)) throw error;
        if (stopping.aborted || signal?.aborted === true) throw error;
        onWaiting(error);
      }
      await sleep(readAgainMs, stopping);
    }
  }

  return {
    async read(partition, { from, to }, onRecord, signal) {
      let next = from;
      const { ends } = await untilAnswered(
        () =>
          cluster.scan({
            topic,
            partitions: [partition],
            from: new Map([[partition, next]]),
            ...(to === undefined ? {} : { to: new Map([[partition, to]]) }),
            ...(signal ? { signal } : {}),
            onRangeLost,
            onRecord: ({ value, timestamp: timestampMs, offset, headers }) => {
              next = offset + 1;
              const record = decodeAudit(value);
              // Only this service writes here; what cannot be read states nothing that could be restored.
              if (!record.ok) return;
              const reply = headers.get(replyHeader)?.[0] ?? undefined;
              // The header is a view into the fetch, which must not be kept alive by it.
              onRecord({
                record: record.value as AttemptsRecord,
                offset,
                timestampMs,
                reply: reply && Buffer.from(reply),
              });
            },
          }),
        signal,
      );
      return ends.get(partition) ?? next;
    },
    async offsetAt(partition, timestampMs) {
      const offsets = await untilAnswered(() => admin.offsetsAt(topic, Math.max(0, timestampMs)));
      return offsets.get(partition) ?? 0;
    },
  };
}

/** A broker that has just started may not know its topics yet. */
const outages: ReadonlySet<string> = new Set([
  'unavailable',
  'timeout',
  'protocol',
  'unknown-topic',
  'unknown-partition',
]);
