/** Records as the rest of Postrider sees them: safe integers, bytes that outlive the fetch, and every occurrence of a header. */
import { KafkaError } from './kafka-error.ts';
import { RECORD_OVERHEAD_BYTES } from './limits.ts';

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** A header that is absent has no entry; one without value stands as null; a repeated one has several values, in order. */
export type RecordHeaders = ReadonlyMap<string, readonly (Buffer | null)[]>;

/** `timestamp` is epoch ms: the broker's append time on LogAppendTime topics, else the producer's. */
export interface KafkaRecord extends TopicPartition {
  offset: number;
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: RecordHeaders;
}

export type AppendHeaderValue = Buffer | string | null;

export interface AppendRecord extends TopicPartition {
  key: Buffer | string | null;
  value: Buffer | string | null;
  headers?: RecordHeaders | Readonly<Record<string, AppendHeaderValue | readonly AppendHeaderValue[]>>;
}

/** A header's last value as UTF-8 text; undefined when it is absent or has no value. */
export function headerText(headers: RecordHeaders, name: string): string | undefined {
  return headers.get(name)?.at(-1)?.toString('utf8');
}

/** A decoded record of the driver, as far as it is used here. */
export interface DriverRecord {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | null | undefined | (Buffer | null)[]>;
  isControlRecord: boolean;
  batchContext: { firstOffset: string; lastOffsetDelta: number; producerId: string; inTransaction: boolean };
}

/** Offsets and timestamps come as decimal strings. Throws KafkaError `protocol` beyond 2^53 - 1: arithmetic would lie. */
export function safeInteger(text: string | number, what: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new KafkaError('protocol', `${what} ${text} is not a safe integer`);
  return value;
}

/**
 * Key and value are copied: the driver hands out views into the whole fetch response, and one record held back by a slow
 * endpoint would keep megabytes alive. Header values stay views: they are decoded at once by every consumer.
 */
export function fromDriver(topic: string, partition: number, record: DriverRecord): KafkaRecord {
  const headers = new Map<string, readonly (Buffer | null)[]>();
  for (const name of Object.keys(record.headers)) {
    const value = record.headers[name];
    headers.set(name, Array.isArray(value) ? value : [value ?? null]);
  }
  return {
    topic,
    partition,
    offset: safeInteger(record.offset, 'offset'),
    timestamp: safeInteger(record.timestamp, 'timestamp'),
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers,
  };
}

/** A record as the driver encodes it. */
export interface DriverMessage {
  key: Buffer | string | null;
  value: Buffer | string | null;
  headers: Record<string, AppendHeaderValue | AppendHeaderValue[]>;
}

export interface EncodableRecord {
  message: DriverMessage;
  bytes: number;
}

/** Translates for the driver and weighs in one pass. */
export function toDriver(record: AppendRecord): EncodableRecord {
  const headers = Object.create(null) as DriverMessage['headers'];
  let bytes = RECORD_OVERHEAD_BYTES + byteLength(record.key) + byteLength(record.value);
  const entries =
    record.headers === undefined ? [] : record.headers instanceof Map ? record.headers : Object.entries(record.headers);
  for (const [name, value] of entries as Iterable<[string, AppendHeaderValue | readonly AppendHeaderValue[]]>) {
    const nameBytes = Buffer.byteLength(name) + 4;
    if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) {
      headers[name] = value;
      bytes += nameBytes + byteLength(value);
    } else {
      headers[name] = [...value];
      for (const one of value) bytes += nameBytes + byteLength(one);
    }
  }
  return { message: { key: record.key, value: record.value, headers }, bytes };
}

function byteLength(value: Buffer | string | null): number {
  return value === null ? 0 : typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}
