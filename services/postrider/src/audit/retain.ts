// Letting go of old days of the audit: each is closed in the chain first, by a record that the projector writes like every
// other, and only then dropped.
//
//   days ─▶ chains of the oldest ─▶ PartitionClosed on `<env>.audit` ─▶ seen in the tables ─▶ dropped ─▶ the next day

import { timestamp } from '@postrider/core/contracts';
import type { DayChain, Retention } from '@postrider/postgres';
import { untilClosed, writeClosings, type ClosingPorts } from './closing-records.ts';

export interface RetentionPorts extends ClosingPorts {
  readonly retention: Retention;
  readonly now: () => number;
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
  const { retention, now } = ports;
  const missing: DayPlan['chains'][number][] = [];
  for (const chain of chains) if (!(await retention.isClosed(day, chain))) missing.push(chain);
  if (missing.length > 0) {
    await writeClosings(
      ports,
      missing.map(({ topic, partition, first, next, rows, total, head }) => ({
        type: 'PartitionClosed',
        at: timestamp(now()),
        actor,
        reason,
        day,
        topic,
        partition,
        from: first,
        next,
        rows,
        total,
        head,
      })),
    );
    await untilClosed(ports, missing, (chain) => retention.isClosed(day, chain));
  }
  return retention.dropDay(day);
}
