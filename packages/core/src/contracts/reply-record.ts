// The answer to a call on `<env>.replies`: one identity per correlation id, byte for byte the same however often it is written.

import type { TopicNames } from './topics.ts';
import { partitionOf } from './partition.ts';

export type ReplyOutcome = 'replied' | 'unavailable' | 'invalid' | 'cancelled' | 'not-configured' | 'ambiguous';

export interface ReplyRecord {
  readonly correlationId: string;
  readonly transactionId?: string | undefined;
  readonly outcome: ReplyOutcome;
  /** Exact, for people and code; absent when replied. */
  readonly reason?: string | undefined;
  /** The receiver's reply, parsed by the reader. */
  readonly reply?: unknown;
}

/** JSON bytes of an answer. `replyJson` is the receiver's reply as JSON text; it is spliced in, every digit as it came. */
export function encodeReply(record: Omit<ReplyRecord, 'reply'>, replyJson?: string): Buffer {
  const head = JSON.stringify({ v: 1, ...record });
  return Buffer.from(replyJson === undefined ? head : `${head.slice(0, -1)},"reply":${replyJson}}`);
}

/** Reads an answer back; undefined when it is none. */
export function decodeReply(value: Uint8Array | null): ReplyRecord | undefined {
  if (value === null) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'correlationId' in parsed && 'outcome' in parsed
      ? (parsed as ReplyRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Where an answer stands. */
export function replyPlace(correlationId: string, { replies }: Pick<TopicNames, 'replies'>, partitions: number) {
  return { topic: replies, partition: partitionOf(correlationId, partitions), key: correlationId };
}
