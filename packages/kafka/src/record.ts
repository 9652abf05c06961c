/** Records as the rest of Postrider sees them: safe integers, bytes that outlive the fetch, and every occurrence of a header. */
import { KafkaError } from './kafka-error.ts';

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** A header that is absent has no entry; one without value stands as null; a repeated one has several values, in order. */
export type RecordHeaders = ReadonlyMap<string, readonly (Buffer | null)[]>;

/** `timestamp` is epoch ms: the broker's append time on LogAppendTime topics, else the producer's, which may be no date at all. */
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

/** Offsets and timestamps come as decimal strings. Throws KafkaError `protocol` beyond 2^53 - 1: arithmetic would lie. */
export function safeInteger(text: string | number, what: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new KafkaError('protocol', `${what} ${text} is not a safe integer`);
  return value;
}
