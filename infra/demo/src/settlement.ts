// When is the demonstration done? When PostgreSQL tells one terminal state for every dispatch that had to be made, one
// trace for every record that was published, and what it calls delivered was indeed received.

import type { AuditReads, Delivery, Totals } from '@postrider/postgres';

export interface Summary {
  readonly delivered: number;
  /** Dispatches that needed more than one attempt. */
  readonly retried: number;
  readonly deadLettered: number;
  readonly suppressed: number;
  readonly auditRows: number;
  /** Dispatches without a terminal state, plus those called delivered that the receiver never took. */
  readonly lost: number;
}

/** Counts the sample events' deliveries. `taken` holds the dispatch ids that the receiver answered with success. */
export function summarize(
  expected: number,
  deliveries: readonly Delivery[],
  totals: Totals,
  taken: ReadonlySet<string>,
): Summary {
  const count = (predicate: (delivery: Delivery) => boolean): number => deliveries.filter(predicate).length;
  const delivered = count(({ state }) => state === 'delivered');
  const deadLettered = count(({ state }) => state === 'dead');
  const suppressed = count(({ state }) => state === 'suppressed');
  const forged = count(({ state, dispatch }) => state === 'delivered' && !taken.has(dispatch));
  return {
    delivered,
    retried: count(({ attempts }) => attempts > 1),
    deadLettered,
    suppressed,
    auditRows: totals.records,
    lost: expected - delivered - deadLettered - suppressed + forged,
  };
}

/** All deliveries of the sample events, page by page. */
export async function sampleDeliveries(reads: AuditReads): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  let after: string | undefined;
  do {
    const page = await reads.findDeliveries({ limit: 500, ...(after === undefined ? {} : { after }) });
    deliveries.push(...page.deliveries);
    after = page.next;
  } while (after !== undefined);
  return deliveries;
}

export interface Awaited {
  readonly dispatches: number;
  /** Records about events: one for each that was published. */
  readonly traces: number;
}

/** True when every dispatch stands in the tables with a terminal state and every event has its trace. */
export function settled(expected: Awaited, deliveries: readonly Delivery[], traces: number): boolean {
  const terminal = deliveries.filter(
    ({ state }) => state === 'delivered' || state === 'dead' || state === 'suppressed',
  );
  return terminal.length >= expected.dispatches && traces >= expected.traces;
}
