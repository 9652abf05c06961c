/** What a group member remembers of each partition it owns, and what of it survives a rebalance. Pure state, no I/O. */
import type { FetchPosition } from './fetch.ts';
import type { TopicPartition } from './record.ts';

export interface Cursor extends TopicPartition {
  /** The next offset to be delivered; meaningless until `ready`. */
  position: number;
  /** Prepared: records may be delivered. */
  ready: boolean;
  /** The owner's wish, kept as long as the partition is. */
  paused: boolean;
}

export const keyOf = (at: TopicPartition): string => `${at.partition}/${at.topic}`;

export class PartitionCursors {
  private cursors = new Map<string, Cursor>();

  get(at: TopicPartition): Cursor | undefined {
    return this.cursors.get(keyOf(at));
  }

  owned(): TopicPartition[] {
    return [...this.cursors.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Positions of the partitions that are prepared and not paused. */
  readable(): FetchPosition[] {
    const positions: FetchPosition[] = [];
    for (const { topic, partition, position, ready, paused } of this.cursors.values()) {
      if (ready && !paused) positions.push({ topic, partition, offset: position });
    }
    return positions;
  }

  /**
   * What an assignment means. `unbroken`: it is the very next generation of the same member, which alone proves that nobody else
   * owned a partition in between. A partition that was never prepared is not kept: its preparation starts again.
   */
  compare(assignment: readonly TopicPartition[], unbroken: boolean) {
    const kept = assignment.filter((at) => unbroken && this.get(at)?.ready === true);
    const keptKeys = new Set(kept.map(keyOf));
    const added = assignment.filter((at) => !keptKeys.has(keyOf(at)));
    const lost = this.owned().filter((at) => !keptKeys.has(keyOf(at)));
    return { kept, added, lost };
  }

  /** Carries the kept cursors over; the added ones start unprepared and unpaused; all others are forgotten. */
  replace(kept: readonly TopicPartition[], added: readonly TopicPartition[]): void {
    const next = new Map<string, Cursor>();
    for (const at of kept) {
      const cursor = this.get(at);
      if (cursor !== undefined) next.set(keyOf(at), cursor);
    }
    for (const { topic, partition } of added) {
      next.set(keyOf({ topic, partition }), { topic, partition, position: 0, ready: false, paused: false });
    }
    this.cursors = next;
  }
}
