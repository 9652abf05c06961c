// Letting go of old days of the audit: each is closed in the chain first, by a record that the projector writes like every
// other, and only then dropped.
//
//   days ─▶ chains of the oldest ─▶ PartitionClosed on `<env>.audit` ─▶ seen in the tables ─▶ dropped ─▶ the next day

import { encodeAudit, partitionOf, timestamp, topicNames } from '@postrider/core/contracts';
import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import type { DayChain, Retention } from '@postrider/postgres';

export interface RetentionPorts {
  readonly environment: string;
  readonly retention: Retention;
  readonly cluster: KafkaCluster;
  readonly admin: KafkaAdmin;
  readonly now: () => number;
  /** Resolves after a moment in which the projector may have written. @throws when it was waited long enough */
  readonly pause: () => Promise<void>;
}

export interface DayPlan {
  /** `YYYY-MM-DD` */
  readonly day: string;
  readonly rows: number;
  readonly chains: readonly (DayChain & { readonly total: number })[];
  /** Why it cannot be dropped; undefined when it can. */
  readonly obstacle: string | undefined;
}

/** What would be dropped, oldest first. */
export async function planDays(
  { environment, retention }: Pick<RetentionPorts, 'environment' | 'retention'>,
  before: Date,
): Promise<DayPlan[]> {
  const plans: DayPlan[] = [];
  const days = await retention.daysBefore(before);
  if (days.length === 0) return [];
  const totals = await retention.droppedRows(environment);
  for (const day of days) {
    const chains = (await retention.chainsOf(day)).map((chain) => {
      const place = `${chain.topic}/${chain.partition}`;
      const total = (totals.get(place) ?? 0) + chain.rows;
      totals.set(place, total);
      return { ...chain, total };
    });
    const others = [...new Set(chains.map((chain) => chain.environment))].filter((name) => name !== environment);
    const obstacle =
      others.length === 0
        ? undefined
        : `it holds records of ${others.join(', ')} too: environments with a retention of their own need a database of their own`;
    plans.push({ day, rows: chains.reduce((sum, { rows }) => sum + rows, 0), chains, obstacle });
  }
  return plans;
}

/**
 * Closes a day and drops it. May be given again after a failure at any point.
 * @returns records dropped
 */
export async function dropDay(
  ports: RetentionPorts,
  { day, chains }: DayPlan,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<number> {
  const { environment, retention, cluster, admin, now } = ports;
  const missing: DayPlan['chains'][number][] = [];
  for (const chain of chains) if (!(await retention.isClosed(day, chain))) missing.push(chain);
  if (missing.length > 0) {
    const topic = topicNames(environment).audit;
    const partitions = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 1;
    const appender = cluster.openAppender();
    try {
      await appender.appendAll(
        missing.map(({ topic: of, partition, first, next, rows, total, head }) => ({
          topic,
          partition: partitionOf(actor, partitions),
          key: actor,
          value: encodeAudit({
            type: 'PartitionClosed',
            at: timestamp(now()),
            actor,
            reason,
            day,
            topic: of,
            partition,
            from: first,
            next,
            rows,
            total,
            head,
          }),
        })),
      );
    } finally {
      await appender.close();
    }
    for (const chain of missing) while (!(await retention.isClosed(day, chain))) await ports.pause();
  }
  return retention.dropDay(day);
}
