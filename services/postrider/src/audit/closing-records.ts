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
import { formatDuration } from '@postrider/runtime';
import { CliError } from '../failure.ts';

export interface ClosingPorts {
  readonly environment: string;
  readonly cluster: Pick<KafkaCluster, 'openAppender'>;
  readonly admin: Pick<KafkaAdmin, 'describeTopics'>;
  /** Resolves after a moment in which the projector may have written. */
  readonly pause: () => Promise<void>;
  /** Milliseconds since some moment. */
  readonly monotonic: () => number;
  /** How long the projector may take for the closing records of one day. */
  readonly waitMsMax: number;
}

/** Resolves when every one of these is in the tables. @throws CliError `timeout` */
export async function untilClosed<Chain>(
  { pause, monotonic, waitMsMax }: Pick<ClosingPorts, 'pause' | 'monotonic' | 'waitMsMax'>,
  chains: readonly Chain[],
  isClosed: (chain: Chain) => Promise<boolean>,
): Promise<void> {
  const until = monotonic() + waitMsMax;
  for (const chain of chains) {
    while (!(await isClosed(chain))) {
      if (monotonic() > until) {
        throw new CliError(
          'timeout',
          `the closing records are in Kafka and not in the tables after ${formatDuration(waitMsMax)}: is audit-projector running? The same command goes on from here`,
        );
      }
      await pause();
    }
  }
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
