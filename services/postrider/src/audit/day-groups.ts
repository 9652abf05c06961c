// Which days can only go together. The brokers' clocks decide the day of a record and the log decides its place, so around midnight a
// record of the day before may lie behind one of the day after: then neither of the two is a piece of the chain, and both are.

import type { DayChain } from '@postrider/postgres';

export interface DayGroup {
  /** `YYYY-MM-DD`, rising. */
  readonly days: readonly string[];
  /** What they hold together of each Kafka partition. */
  readonly chains: readonly DayChain[];
}

export interface ChainedDay {
  readonly day: string;
  readonly chains: readonly DayChain[];
}

/** @param days rising. @returns all of them, so that of no partition a record of a later group lies before one of an earlier group */
export function groupDays(days: readonly ChainedDay[]): DayGroup[] {
  const groups: DayGroup[] = [];
  const begins = new Map<string, number[]>();
  for (const { chains } of days) for (const chain of chains) begins.set(placeOf(chain), []);
  // Where each place begins in the days behind each day.
  for (const { chains } of days.toReversed()) {
    const here = new Map(chains.map((chain) => [placeOf(chain), chain.first]));
    for (const [place, behind] of begins) {
      const last = behind.at(-1) ?? Number.POSITIVE_INFINITY;
      behind.push(Math.min(last, here.get(place) ?? Number.POSITIVE_INFINITY));
    }
  }
  let group: ChainedDay[] = [];
  for (const [index, day] of days.entries()) {
    group.push(day);
    const chains = togetherOf(group);
    const behind = days.length - index - 2;
    const overlaps = chains.some((chain) => {
      const first = begins.get(placeOf(chain))?.[behind];
      return first !== undefined && first < chain.next;
    });
    if (overlaps) continue;
    groups.push({ days: group.map((each) => each.day), chains });
    group = [];
  }
  return groups;
}

function togetherOf(days: readonly ChainedDay[]): DayChain[] {
  const together = new Map<string, DayChain>();
  for (const { chains } of days) {
    for (const chain of chains) {
      const before = together.get(placeOf(chain));
      const last = before === undefined || before.next < chain.next ? chain : before;
      together.set(placeOf(chain), {
        ...last,
        first: Math.min(chain.first, before?.first ?? chain.first),
        rows: chain.rows + (before?.rows ?? 0),
      });
    }
  }
  return [...together.values()];
}

const placeOf = ({ topic, partition }: DayChain): string => `${topic}/${partition}`;
