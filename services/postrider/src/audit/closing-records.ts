// Closing records on their way into the chain: written to `<env>.audit` like every other record, and in force once the projector has
// put them into the tables.

import {
  encodeAudit,
  partitionOf,
  topicNames,
  type ClassClosed,
  type PartitionClosed,
} from '@postrider/core/contracts';
import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';

export interface ClosingPorts {
  readonly environment: string;
  readonly cluster: Pick<KafkaCluster, 'openAppender'>;
  readonly admin: Pick<KafkaAdmin, 'describeTopics'>;
  /** Resolves after a moment in which the projector may have written. @throws when it was waited long enough */
  readonly pause: () => Promise<void>;
}

/** @throws KafkaError */
export async function writeClosings(
  { environment, cluster, admin }: ClosingPorts,
  closings: readonly (PartitionClosed | ClassClosed)[],
): Promise<void> {
  const topic = topicNames(environment).audit;
  const partitions = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 1;
  const appender = cluster.openAppender();
  try {
    await appender.appendAll(
      closings.map((closing) => ({
        topic,
        partition: partitionOf(closing.actor, partitions),
        key: closing.actor,
        value: encodeAudit(closing),
      })),
    );
  } finally {
    await appender.close();
  }
}
