// Letting go of old days of the audit: each is closed in the chain first, by a record that the projector writes like every
// other, and only then dropped. Days that lie among each other in the log go together (day-groups.ts).
//
//   days ─▶ chains of the oldest ─▶ PartitionClosed on `<env>.audit` ─▶ seen in the tables ─▶ dropped ─▶ the next day

import { timestamp } from '@postrider/core/contracts';
import type { DayChain, LaterRecord, Retention } from '@postrider/postgres';
import { untilClosed, writeClosings, type ClosingPorts } from './closing-records.ts';
import { groupDays, type DayGroup } from './day-groups.ts';

const dayMs = 24 * 60 * 60_000;

export interface RetentionPorts extends ClosingPorts {
  readonly retention: Retention;
  readonly now: () => number;
}

export interface DayPlan {
  /** `YYYY-MM-DD`; the last one, where several go together. */
  readonly day: string;
  /** All that go, oldest first. */
  readonly days: readonly string[];
  readonly rows: number;
  /** Of all of them. */
  readonly chains: readonly (DayChain & { readonly total: number })[];
  /** Why it cannot be dropped; undefined when it can. */
  readonly obstacle: string | undefined;
}

/** What would be dropped, oldest first. */
export async function planDays(
  { environment, retention }: Pick<RetentionPorts, 'environment' | 'retention'>,
  before: Date,
): Promise<DayPlan[]> {
  const days: { readonly day: string; readonly chains: readonly DayChain[] }[] = [];
  for (const day of await retention.daysBefore(before)) days.push({ day, chains: await retention.chainsOf(day) });
  if (days.length === 0) return [];
  const groups = groupDays(days);
  const places = new Map(
    days.flatMap(({ chains }) => chains.map((chain) => [`${chain.topic}/${chain.partition}`, chain])),
  );
  const ends = new Date(Date.parse(days.at(-1)!.day) + dayMs);
  const staying = await retention.firstsSince(ends, [...places.values()]);
  const totals = await retention.droppedRows(environment);
  const plans: DayPlan[] = [];
  for (const group of groups) {
    const chains = group.chains.map((chain) => {
      const place = `${chain.topic}/${chain.partition}`;
      const total = (totals.get(place) ?? 0) + chain.rows;
      totals.set(place, total);
      return { ...chain, total };
    });
    plans.push({
      day: group.days.at(-1)!,
      days: group.days,
      rows: chains.reduce((sum, { rows }) => sum + rows, 0),
      chains,
      obstacle: othersIn(group, environment) ?? stayingIn(group, staying),
    });
  }
  return plans;
}

function othersIn({ chains }: DayGroup, environment: string): string | undefined {
  const others = [...new Set(chains.map((chain) => chain.environment))].filter((name) => name !== environment);
  if (others.length === 0) return undefined;
  return `it holds records of ${others.join(', ')} too: environments with a retention of their own need a database of their own`;
}

/** Of days that stay none may lie in front of what is closed: nothing would say what the chain was between them. @param staying the first record of each place */
function stayingIn({ chains }: DayGroup, staying: readonly LaterRecord[]): string | undefined {
  for (const { topic, partition, offset, recordedAt } of staying) {
    const chain = chains.find((each) => each.topic === topic && each.partition === partition);
    if (chain === undefined || offset >= chain.next) continue;
    return `${topic}/${partition}/${offset} lies before its last record and is of ${timestamp(recordedAt.getTime())}: it goes together with that day`;
  }
  return undefined;
}

/**
 * Closes a day and drops it, with those that go with it. May be given again after a failure at any point.
 * @returns records dropped
 */
export async function dropDay(
  ports: RetentionPorts,
  { day, days, chains }: DayPlan,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<number> {
  const { retention, now } = ports;
  await retention.makeDays(days);
  const missing: DayPlan['chains'][number][] = [];
  for (const chain of [...chains, ...(await closedBefore(ports, { day, chains }))])
    if (!(await retention.isClosed(day, chain))) missing.push(chain);
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
  return retention.dropDay(day, days[0]);
}

/**
 * What else is gone, and is told by a closing record that goes with these days: of partitions that nothing came to for as long. It is
 * closed once more, with the last of these days, or nothing would say where they begin.
 */
async function closedBefore(
  { environment, retention }: RetentionPorts,
  { day, chains }: Pick<DayPlan, 'day' | 'chains'>,
): Promise<DayPlan['chains']> {
  const ends = Date.parse(day) + dayMs;
  const bases = await retention.closedBases(environment);
  return bases
    .filter(({ closedAt }) => closedAt.getTime() < ends)
    .map(({ closing: { topic, partition, from, next, rows, total, head } }) => {
      return { environment, topic, partition, first: from, next, rows, total, head };
    })
    .filter(({ topic, partition }) => !chains.some((each) => each.topic === topic && each.partition === partition));
}
