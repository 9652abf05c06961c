/** One fetch request to one broker, and what its failures mean for the partitions in it. */
import { decompress } from './codecs.ts';
import { visibleRecords } from './committed-records.ts';
import { readFailure } from './driver-error.ts';
import { READ_COMMITTED } from './driver.ts';
import type { DriverBroker, FetchedPartition } from './driver.ts';
import { KafkaError } from './kafka-error.ts';
import { readBatches } from './read-batches.ts';
import { safeInteger } from './record.ts';
import type { KafkaRecord, TopicPartition } from './record.ts';

export interface FetchPosition extends TopicPartition {
  offset: number;
}

export interface FetchLimits {
  maxWaitMs: number;
  /** Rest after a fetch that brought something, for those who would rather have fewer and larger ones. */
  restMs?: number;
  bytesMax: number;
  partitionBytesMax: number;
}

export interface FetchedSlice extends FetchPosition {
  records: KafkaRecord[];
  /** Bytes came, but not one whole batch: normal when other partitions filled the answer, never for a partition asked alone. */
  incomplete: boolean;
  nextOffset: number;
  /** The log's readable end: nothing at or after it can be seen yet (open transactions included). */
  readableEnd: number;
  highWatermark: number;
}

export type FetchResult =
  | { kind: 'fetched'; slices: FetchedSlice[] }
  /** The position is before the log's start or after its end. */
  | { kind: 'out-of-range'; topic: string; partition: number }
  /** Some bytes of some partition cannot be decoded; the driver does not say which. */
  | { kind: 'undecodable'; error: KafkaError };

/** Rejects with the driver's error when the broker cannot be used; the caller heals its connections. */
export async function fetchOnce(
  broker: DriverBroker,
  positions: readonly FetchPosition[],
  limits: FetchLimits,
): Promise<FetchResult> {
  let responses: { topicName: string; partitions: FetchedPartition[] }[];
  try {
    ({ responses } = await broker.fetch({
      maxWaitTime: limits.maxWaitMs,
      minBytes: 1,
      maxBytes: limits.bytesMax,
      isolationLevel: READ_COMMITTED,
      topics: byTopic(positions, limits.partitionBytesMax),
    }));
  } catch (error) {
    const failure = error as { name?: string; topic?: string; partition?: number };
    if (failure.name === 'KafkaJSOffsetOutOfRange' && failure.topic !== undefined && failure.partition !== undefined) {
      return { kind: 'out-of-range', topic: failure.topic, partition: failure.partition };
    }
    if (isUndecodable(error)) return undecodable(error);
    throw error;
  }
  const offsets = new Map(positions.map((p) => [`${p.partition}/${p.topic}`, p.offset]));
  const slices: FetchedSlice[] = [];
  for (const { topicName: topic, partitions } of responses) {
    for (const part of partitions) {
      const offset = offsets.get(`${part.partition}/${topic}`);
      if (offset === undefined) continue;
      try {
        slices.push(await slice(topic, offset, part));
      } catch (error) {
        if (isUndecodable(error)) return undecodable(error);
        throw error;
      }
    }
  }
  return { kind: 'fetched', slices };
}

async function slice(topic: string, offset: number, part: FetchedPartition): Promise<FetchedSlice> {
  const { batches, incomplete, fault } = await readBatches(
    bytesOf(part),
    { topic, partition: part.partition },
    decompress,
  );
  const { records, nextOffset } = visibleRecords(offset, batches, part.abortedTransactions);
  // Otherwise the next fetch begins with it, and the fault has its offset.
  if (fault !== undefined && nextOffset === offset) throw fault;
  const highWatermark = safeInteger(part.highWatermark, 'high watermark');
  const stable =
    part.lastStableOffset === undefined ? highWatermark : safeInteger(part.lastStableOffset, 'last stable offset');
  return {
    topic,
    partition: part.partition,
    offset,
    records,
    incomplete,
    nextOffset,
    readableEnd: stable < 0 ? highWatermark : Math.min(stable, highWatermark),
    highWatermark,
  };
}

function bytesOf({ messages }: FetchedPartition): Buffer {
  if (!Array.isArray(messages)) return messages.batches;
  if (messages.length > 0) throw new KafkaError('undecodable', 'records in a message format before v2');
  return Buffer.alloc(0);
}

function undecodable(error: unknown): FetchResult {
  const known = error instanceof KafkaError ? error : new KafkaError('undecodable', String(error), { cause: error });
  return { kind: 'undecodable', error: known };
}

/** Errors of decoding: ours from a codec, and those of buffers and varints read past their end. */
function isUndecodable(error: unknown): boolean {
  if (error instanceof KafkaError) return error.code === 'undecodable' || error.code === 'protocol';
  if (error instanceof RangeError || error instanceof TypeError) return true;
  const { brokerError } = readFailure(error);
  if (brokerError === 'CORRUPT_MESSAGE') return true;
  const name = (error as { name?: unknown } | null)?.name;
  return name === 'KafkaJSNotImplemented' || name === 'KafkaJSUnsupportedMagicByteInMessageSet';
}

function byTopic(positions: readonly FetchPosition[], maxBytes: number) {
  const topics = new Map<string, { partition: number; fetchOffset: string; maxBytes: number }[]>();
  for (const { topic, partition, offset } of positions) {
    const part = { partition, fetchOffset: String(offset), maxBytes };
    const parts = topics.get(topic);
    if (parts === undefined) topics.set(topic, [part]);
    else parts.push(part);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
