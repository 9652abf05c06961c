/**
 * Partitions that are refused for long, or have no leader: each goes on in a lane of its own, in its order, while the batches of the others
 * pass. A lane ends when nothing waits on it. What it may hold is not bounded here, as the queue is not: an appender holds what its
 * callers await, and these hold themselves back by their windows and by `depth`.
 */
import { batchLength, partitionKey } from './append-batch.ts';
import type { BatchEntry, BatchLimits } from './append-batch.ts';
import type { KafkaLog } from './settings.ts';

export interface Lanes<E> {
  /** Opens one for entries of one partition, which were refused at the last of `attempt - 1` tries. */
  open(entries: readonly E[], attempt: number, reason: string): void;
  /** Puts it behind those of its partition; false when they do not wait. */
  join(entry: E): boolean;
  has(key: string): boolean;
  /** Takes out all that is not being sent. */
  clear(): E[];
}

export interface LaneOptions<E> {
  limits: BatchLimits;
  signal: AbortSignal;
  log: KafkaLog | undefined;
  /** Resolves when each of them is acknowledged, rejected, or waits elsewhere. */
  settle(entries: E[], attempt: number): Promise<void>;
}

export function createLanes<E extends BatchEntry>({ limits, signal, log, settle }: LaneOptions<E>): Lanes<E> {
  const lanes = new Map<string, E[]>();

  async function run(key: string, waiting: E[], attempt: number): Promise<void> {
    for (let next = attempt; waiting.length > 0 && !signal.aborted; next = 1)
      await settle(waiting.splice(0, batchLength(waiting, 0, limits)), next);
    lanes.delete(key);
  }

  return {
    open(entries, attempt, reason) {
      const [first] = entries;
      if (first === undefined) return;
      const { topic, partition } = first;
      const key = partitionKey(first);
      const waiting = [...entries];
      lanes.set(key, waiting);
      log?.({
        level: 'warn',
        message: 'a partition is refused: its records wait, those of the others go on',
        fields: { topic, partition, reason },
      });
      void run(key, waiting, attempt).then(() => {
        // At the end of the appender they were given up.
        if (!signal.aborted)
          log?.({
            level: 'info',
            message: 'nothing waits for a refused partition any more',
            fields: { topic, partition },
          });
      });
    },
    join(entry) {
      const waiting = lanes.size === 0 ? undefined : lanes.get(partitionKey(entry));
      waiting?.push(entry);
      return waiting !== undefined;
    },
    has: (key) => lanes.has(key),
    clear: () => [...lanes.values()].flatMap((waiting) => waiting.splice(0)),
  };
}
