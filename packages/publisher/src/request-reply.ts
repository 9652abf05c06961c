// Calls over Kafka: an event whose receiver's reply comes back on `<env>.replies`. Upstream publishes and awaits the answer; the
// time it waits is its own, whatever becomes of the call.

import { decodeReply, topicNames, type ReplyRecord } from '@postrider/core/contracts';
import type { KafkaCluster, TableReader } from '@postrider/kafka';
import { randomUUID } from 'node:crypto';
import type { EventToPublish } from './event-to-publish.ts';
import { PublisherError } from './publisher-error.ts';
import type { Publisher } from './publisher.ts';

export interface RequestReplyOptions {
  readonly environment: string;
  readonly publisher: Pick<Publisher, 'publish'>;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface CallOptions {
  /** How long to wait for the answer; it is also the deadline that the receiver's call is cut at. */
  readonly timeoutMs: number;
  /** Default: a fresh one. */
  readonly correlationId?: string | undefined;
}

export interface RequestReply {
  /**
   * Publishes the event and resolves with its first answer, whatever it says: `replied`, or why not.
   * @throws PublisherError `reply-timeout` when no answer came in time, and what `publish` throws
   */
  call(event: EventToPublish, options: CallOptions): Promise<ReplyRecord>;
  /** Stops listening; calls that wait reject with `reply-timeout`. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (record: ReplyRecord) => void;
  readonly reject: (error: PublisherError) => void;
}

/** Listens on `<env>.replies` from now on. One per process is enough: answers are told apart by correlation id. */
export async function openRequestReply(
  cluster: Pick<KafkaCluster, 'admin' | 'readTable'>,
  { environment, publisher, now }: RequestReplyOptions,
): Promise<RequestReply> {
  const { replies } = topicNames(environment);
  /** Several calls may share an id, as those of an upstream that asks again do: the answer is all of theirs. */
  const waiting = new Map<string, Set<Waiting>>();
  const admin = cluster.admin();
  const from = await admin.endOffsets(replies);
  await admin.close();
  const reader: TableReader = cluster.readTable({
    topic: replies,
    from,
    onRecord: ({ value }) => {
      const record = decodeReply(value);
      // An answer may stand twice, and the first counts: after it nobody waits any more.
      if (record) for (const { resolve } of waiting.get(record.correlationId) ?? []) resolve(record);
    },
  });
  await reader.ready;
  return {
    async call(event, { timeoutMs, correlationId = randomUUID() }) {
      const answer = Promise.withResolvers<ReplyRecord>();
      const calls = waiting.get(correlationId) ?? new Set();
      waiting.set(correlationId, calls.add(answer));
      const late = (): void =>
        answer.reject(new PublisherError('reply-timeout', `no answer to ${correlationId} within ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      try {
        const deadline = new Date(now() + timeoutMs).toISOString();
        const extensions = { ...event.extensions, correlationid: correlationId, deadline };
        await Promise.race([publisher.publish({ ...event, extensions }), answer.promise]);
        return await answer.promise;
      } finally {
        clearTimeout(timer);
        calls.delete(answer);
        if (calls.size === 0 && waiting.get(correlationId) === calls) waiting.delete(correlationId);
        answer.promise.catch(() => undefined);
      }
    },
    async close() {
      for (const { reject } of [...waiting.values()].flatMap((calls) => [...calls]))
        reject(new PublisherError('reply-timeout', 'the listener was closed'));
      await reader.stop();
    },
  };
}
