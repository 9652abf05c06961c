// The one check that writes, and only when asked to (`--probe`): a topic of its own is made, one record appended and read back,
// and the topic deleted. It shows that this user may do all of that, and what time it is on the broker.

import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import { judgeClock, type ClockReading } from './clock-rules.ts';
import { findingsOf } from './finding.ts';
import type { Check } from './run-checks.ts';

export interface ProbePorts {
  readonly cluster: KafkaCluster;
  readonly admin: KafkaAdmin;
  readonly environment: string;
  readonly now: () => number;
  /** Makes the topic's name new, so that two doctors do not meet. */
  readonly word: string;
  readonly timeoutMs: number;
}

const retentionMs = 60 * 60_000;

export function probeCheck({ cluster, admin, environment, now, word, timeoutMs }: ProbePorts): Check {
  const topic = `${environment}.doctor.${word}`;
  return {
    area: 'rights',
    subject: topic,
    async run() {
      const config = { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': String(retentionMs) };
      await admin.applyTopics([{ name: topic, partitions: 1, replicationFactor: 1, config }]);
      const appender = cluster.openAppender();
      try {
        // The first append finds the leader, the second one is the measurement.
        await appender.append({ topic, partition: 0, key: null, value: 'doctor' });
        const askedMs = now();
        await appender.append({ topic, partition: 0, key: null, value: 'doctor' });
        const answeredMs = now();
        let theirsMs: number | undefined;
        await cluster.scan({
          topic,
          from: new Map([[0, 1]]),
          timeoutMs,
          onRecord: (record) => void (theirsMs = record.timestamp),
        });
        const { ok } = findingsOf('rights');
        const may = ok({ subject: topic, what: 'a topic was made, written, read and deleted' });
        const reading: ClockReading | undefined =
          theirsMs === undefined ? undefined : { askedMs, answeredMs, theirsMs };
        return reading ? [may, judgeClock('Kafka', reading)] : [may];
      } finally {
        await appender.close({ drainMs: 0 });
        await admin.deleteTopics([topic]);
      }
    },
  };
}
