// Where closing records go in a test of the tables alone: the log in between is the projector's test, so what is written to it comes
// straight to the tables.

import type { AppendRecord, KafkaCluster } from '@postrider/kafka';
import type { RetentionPorts } from '@postrider/postrider';

/** @param append takes values for the topic `audit`, at a broker's time (epoch ms) */
export function closingPorts(
  environment: string,
  append: (name: 'audit', records: readonly Buffer[], timestamp: number) => Promise<unknown>,
  now: () => number,
): Omit<RetentionPorts, 'retention'> {
  const cluster = {
    openAppender: () => ({
      appendAll: (records: readonly AppendRecord[]) =>
        append(
          'audit',
          records.map(({ value }) => value as Buffer),
          now(),
        ),
      close: async () => undefined,
    }),
  } as unknown as KafkaCluster;
  return {
    environment,
    cluster,
    admin: { describeTopics: async () => new Map() },
    now,
    pause: async () => {
      throw new Error('nothing to wait for');
    },
    monotonic: () => 0,
    waitMsMax: 0,
  };
}
