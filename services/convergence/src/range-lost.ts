// Upstream records that are gone before they were read leave a trace too: whoever looks for gaps is told of this one.

import { encodeAudit, timestamp } from '@postrider/core/contracts';
import type { Appender, TopicPartition } from '@postrider/kafka';

export interface RangeLostDeps {
  readonly appender: Pick<Appender, 'append'>;
  /** `<env>.audit`. */
  readonly topic: string;
  /** Audit partition of an upstream partition. */
  readonly partitionOf: (upstreamPartition: number) => number;
  /** Epoch ms. */
  readonly now: () => number;
}

/** Resolves when the record stands. The same range may be stated again after a crash: its identity is the range. */
export async function appendRangeLost(
  { topic, partition, from, to }: TopicPartition & { readonly from: number; readonly to: number },
  deps: RangeLostDeps,
): Promise<void> {
  await deps.appender.append({
    topic: deps.topic,
    partition: deps.partitionOf(partition),
    key: `${topic}/${partition}`,
    value: encodeAudit({ type: 'RangeLost', at: timestamp(deps.now()), topic, partition, from, to }),
  });
}
