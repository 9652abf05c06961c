/**
 * Reads one topic's partitions directly, without a consumer group: nothing to join, nothing to leave behind on the broker when
 * the process is killed, and exact ends. The base of the table reader and of the bounded scan.
 */
import { backoffMs, pause } from './backoff.ts';
import { openConnections } from './connections.ts';
import { toKafkaError } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import { startFetchLoop } from './fetch-loop.ts';
import type { FetchLoop } from './fetch-loop.ts';
import type { FetchedSlice, FetchLimits } from './fetch.ts';
import { KafkaError } from './kafka-error.ts';
import { knowTopics } from './leaders.ts';
import { FETCH_BYTES, FETCH_PARTITION_BYTES, FETCH_WAIT_MS } from './limits.ts';
import { logRanges } from './offsets.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';
import type { KafkaSettings } from './settings.ts';

export interface LogReaderOptions {
  topic: string;
  /** Default: all partitions that exist at the start. */
  partitions?: readonly number[] | undefined;
  /** Where to start; partitions that are not named start at the log's start. */
  from: 'earliest' | ReadonlyMap<number, number>;
  /** Where to call a partition caught up; default: its end when reading starts. */
  to?: ReadonlyMap<number, number> | undefined;
  /** Nothing at or after a partition's end is delivered, and it is not read further. */
  bounded: boolean;
  onRecord(record: KafkaRecord): void;
  /** Once, when every partition has been read to its end. */
  onCaughtUp(): void;
  onError(error: KafkaError, attempt: number): void;
  /** Reading was to start before what is left of the log. 0 is always the start. */
  onRangeLost?: ((lost: TopicPartition & { from: number; to: number }) => void) | undefined;
}

export interface LogReader {
  positions(): Map<number, number>;
  ends(): Map<number, number>;
  /** Records between the positions and the ends known so far. */
  lag(): number;
  stop(): Promise<void>;
}

interface Cursor {
  position: number;
  end: number;
  logEnd: number;
}

export function openLogReader(settings: KafkaSettings, options: LogReaderOptions): LogReader {
  const connections = openConnections(settings);
  const stopped = new AbortController();
  const { topic } = options;
  const limits: FetchLimits = {
    maxWaitMs: FETCH_WAIT_MS,
    bytesMax: FETCH_BYTES,
    partitionBytesMax: FETCH_PARTITION_BYTES,
  };
  const cursors = new Map<number, Cursor>();
  let loop: FetchLoop | null = null;
  let caughtUp = false;

  async function start(): Promise<void> {
    for (let attempt = 1; !stopped.signal.aborted; attempt += 1) {
      try {
        await locate(await connections.get());
        break;
      } catch (error) {
        if (stopped.signal.aborted) return;
        options.onError(toKafkaError(error, `reading ${topic}`), attempt);
        await connections.heal(error);
        await pause(backoffMs(attempt), stopped.signal);
      }
    }
    if (stopped.signal.aborted) return;
    loop = startFetchLoop(connections, limits, owner);
    checkCaughtUp();
  }

  async function locate(cluster: DriverCluster): Promise<void> {
    await knowTopics(cluster, [topic]);
    const known = cluster.findTopicPartitionMetadata(topic).map((p) => p.partitionId);
    const partitions = options.partitions ?? known;
    const missing = partitions.filter((p) => !known.includes(p));
    if (missing.length > 0)
      throw new KafkaError('unknown-partition', `${topic} has no partition ${missing.join(', ')}`);
    const ranges = await logRanges(
      cluster,
      partitions.map((partition) => ({ topic, partition })),
    );
    for (const partition of partitions) {
      const range = ranges.get(`${partition}/${topic}`);
      if (range === undefined) throw new KafkaError('unavailable', `no offsets for ${topic}/${partition}`);
      const wished = options.from === 'earliest' ? 0 : (options.from.get(partition) ?? 0);
      if (wished > 0 && wished < range.start)
        options.onRangeLost?.({ topic, partition, from: wished, to: range.start });
      cursors.set(partition, {
        position: Math.min(Math.max(wished, range.start), range.end),
        end: options.to?.get(partition) ?? range.end,
        logEnd: range.end,
      });
    }
  }

  const owner = {
    wanted: () => {
      const wanted = [];
      for (const [partition, cursor] of cursors) {
        if (!options.bounded || cursor.position < cursor.end)
          wanted.push({ topic, partition, offset: cursor.position });
      }
      return wanted;
    },
    onSlice(slice: FetchedSlice) {
      const cursor = cursors.get(slice.partition);
      if (cursor === undefined || cursor.position !== slice.offset) return;
      for (const record of slice.records) {
        if (stopped.signal.aborted) return;
        if (options.bounded && record.offset >= cursor.end) break;
        options.onRecord(record);
      }
      cursor.position = slice.nextOffset;
      cursor.logEnd = slice.readableEnd;
      checkCaughtUp();
    },
    async onOutOfRange({ partition }: TopicPartition, cluster: DriverCluster) {
      const range = (await logRanges(cluster, [{ topic, partition }])).get(`${partition}/${topic}`);
      const cursor = cursors.get(partition);
      if (range === undefined || cursor === undefined) return;
      options.onError(
        new KafkaError('protocol', `${topic}/${partition}: ${cursor.position} is outside ${range.start}..${range.end}`),
        1,
      );
      // A log that was cut, or made anew, has other records up to its end. Those of a bounded read would be delivered twice.
      const isCut = cursor.position > range.end && !options.bounded;
      cursor.position = isCut ? range.start : Math.min(Math.max(cursor.position, range.start), range.end);
      cursor.end = Math.min(cursor.end, range.end); // a log that was cut cannot be read to where it once ended
      checkCaughtUp();
    },
    onFault(at: { partition: number; offset: number }, error: KafkaError) {
      options.onError(
        new KafkaError('undecodable', `${topic}/${at.partition} at ${at.offset}: ${error.message}`, { cause: error }),
        1,
      );
    },
    onError: options.onError,
  };

  function checkCaughtUp(): void {
    if (caughtUp || stopped.signal.aborted) return;
    for (const cursor of cursors.values()) if (cursor.position < cursor.end) return;
    caughtUp = true;
    options.onCaughtUp();
  }

  void start();
  return {
    positions: () => new Map([...cursors].map(([partition, cursor]) => [partition, cursor.position])),
    ends: () => new Map([...cursors].map(([partition, cursor]) => [partition, cursor.end])),
    lag: () => [...cursors.values()].reduce((sum, cursor) => sum + Math.max(0, cursor.logEnd - cursor.position), 0),
    async stop() {
      stopped.abort();
      connections.close();
      await loop?.stop();
    },
  };
}
