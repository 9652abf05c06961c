// Reads this environment's `attempts` back: at assignment (R2), after somebody else wrote (R5), and further back when a
// record could have been settled before the window begins (R6).

import { decodeAudit, type AttemptsRecord } from '@postrider/core/contracts';
import type { KafkaCluster } from '@postrider/kafka';

export interface AttemptsReader {
  /** Every readable record in [from, to), in offset order, with its broker time in epoch ms. Returns the exclusive end. */
  read(
    partition: number,
    range: { readonly from: number; readonly to?: number | undefined },
    onRecord: (record: AttemptsRecord, timestampMs: number) => void,
    signal?: AbortSignal,
  ): Promise<number>;
  /** The first offset at or after a time (epoch ms). */
  offsetAt(partition: number, timestampMs: number): Promise<number>;
}

export function createAttemptsReader(cluster: KafkaCluster, topic: string): AttemptsReader {
  const admin = cluster.admin();
  return {
    async read(partition, { from, to }, onRecord, signal) {
      const { ends } = await cluster.scan({
        topic,
        partitions: [partition],
        from: new Map([[partition, from]]),
        ...(to === undefined ? {} : { to: new Map([[partition, to]]) }),
        ...(signal ? { signal } : {}),
        onRecord: ({ value, timestamp }) => {
          const record = decodeAudit(value);
          // Only this service writes here; what cannot be read states nothing that could be restored.
          if (record.ok) onRecord(record.value as AttemptsRecord, timestamp);
        },
      });
      return ends.get(partition) ?? from;
    },
    async offsetAt(partition, timestampMs) {
      return (await admin.offsetsAt(topic, Math.max(0, timestampMs))).get(partition) ?? 0;
    },
  };
}
