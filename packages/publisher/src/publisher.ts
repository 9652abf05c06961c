// What an upstream team imports: publish an event and know that Kafka has it.

import { partitionOf } from '@postrider/core/contracts';
import type { KafkaCluster } from '@postrider/kafka';
import { cloudEventRecord, type EventToPublish } from './event-to-publish.ts';
import { PublisherError } from './publisher-error.ts';

export interface PublisherOptions {
  /** e.g. `live.events`. */
  readonly topic: string;
  /** CloudEvents source of every event that names none, e.g. `urn:example:verification`. */
  readonly source: string;
}

/** Where the event stands now. */
export interface Published {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Publisher {
  /**
   * Resolves when all in-sync replicas have the event. A lost acknowledgement is sent again, so an event may stand twice:
   * its id makes the copies one. While brokers are away this waits.
   *
   * @throws PublisherError `invalid-event`, `unknown-topic`; KafkaError `record-too-large`, `not-authorized`, `closed`;
   *   `unavailable` when brokers are away at the first event
   */
  publish(event: EventToPublish): Promise<Published>;
  /** Waits for what is under way (a few seconds at most), then lets go. The cluster stays open. */
  close(): Promise<void>;
}

/** A publisher to one topic. Nothing is dialled before the first event. */
export function createPublisher(
  cluster: Pick<KafkaCluster, 'admin' | 'openAppender'>,
  { topic, source }: PublisherOptions,
): Publisher {
  const appender = cluster.openAppender();
  let partitions: Promise<number> | undefined;

  /** Asked once: an upstream topic that grows moves keys, which is upstream's to decide, at a restart. */
  async function countPartitions(): Promise<number> {
    const admin = cluster.admin();
    try {
      const found = (await admin.describeTopics([topic])).get(topic);
      if (!found) throw new PublisherError('unknown-topic', `topic ${topic} does not exist`);
      return found.partitions;
    } finally {
      await admin.close();
    }
  }

  return {
    async publish(event) {
      const checked = cloudEventRecord(event, source);
      if (!checked.ok) throw new PublisherError('invalid-event', checked.problems.join('; '));
      const { id, key, headers, value } = checked.record;
      partitions ??= countPartitions();
      partitions.catch(() => (partitions = undefined));
      const partition = partitionOf(key, await partitions);
      const { offset } = await appender.append({ topic, partition, key, value, headers });
      return { id, topic, partition, offset };
    },
    close: () => appender.close(),
  };
}
