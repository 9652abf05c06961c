// Letting go of the records of a class of projects before their days go: each day is closed for the class in the chain first, as whole days
// are (retain.ts), and then made anew without it.

import { timestamp } from '@postrider/core/contracts';
import type { ClassChain, ClassRetention, ProjectClass, Retention } from '@postrider/postgres';
import { untilClosed, writeClosings, type ClosingPorts } from './closing-records.ts';

export interface ClassRetentionPorts extends ClosingPorts {
  readonly days: Pick<Retention, 'daysBefore' | 'makeDays'>;
  readonly classes: ClassRetention;
  readonly now: () => number;
}

export interface ClassDayPlan {
  /** `YYYY-MM-DD` */
  readonly day: string;
  readonly rows: number;
  readonly chains: readonly ClassChain[];
}

/**
 * What would be dropped of a class, oldest first; days that hold nothing of it are left out. Each day that is looked at is read as a whole.
 * @param again also days of which the class was dropped before: projects may have come to it since
 */
export async function planClassDays(
  { days, classes }: { readonly days: Pick<Retention, 'daysBefore'>; readonly classes: ClassRetention },
  of: ProjectClass,
  { before, again }: { readonly before: Date; readonly again: boolean },
): Promise<ClassDayPlan[]> {
  const done = again ? new Set() : await classes.droppedDays(of);
  const plans: ClassDayPlan[] = [];
  for (const day of await days.daysBefore(before)) {
    if (done.has(day)) continue;
    const chains = await classes.chainsOf(of, day);
    if (chains.length > 0) plans.push({ day, rows: chains.reduce((sum, { rows }) => sum + rows, 0), chains });
  }
  return plans;
}

/**
 * Closes a day for a class and drops the class from it. May be given again after a failure at any point.
 * @returns records dropped
 */
export async function dropClassDay(
  ports: ClassRetentionPorts,
  of: ProjectClass,
  { day, chains }: ClassDayPlan,
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<number> {
  const { classes, now } = ports;
  await ports.days.makeDays([day]);
  const missing: ClassChain[] = [];
  for (const chain of chains) if (!(await classes.isClosed(of, day, chain))) missing.push(chain);
  if (missing.length > 0) {
    await writeClosings(
      ports,
      missing.map(({ topic, partition, first, next, rows, digest }) => ({
        type: 'ClassClosed',
        at: timestamp(now()),
        actor,
        reason,
        day,
        class: of.name,
        topic,
        partition,
        from: first,
        next,
        rows,
        digest,
      })),
    );
    await untilClosed(ports, missing, (chain) => classes.isClosed(of, day, chain));
  }
  return classes.dropClass(of, day);
}
