// Day partitions of audit_record, made by the writer before it needs them. Two writers may want the same one at once, and
// neither may hold up the other: hence a lock of its own, outside of the append's transaction.

import type { Database } from './database.ts';
import { utcDay } from './fold-batch.ts';
import { dayMs, partitionDaysAhead, partitionDaysBack, refusedDayRetryMs } from './limits.ts';
import { PostgresError } from './postgres-error.ts';

/** DEFAULT got rows of the day meanwhile (check_violation) or has some while somebody reads (PR003), or a detached table bears the partition's name (duplicate_table). */
const standsInTheWay: ReadonlySet<string | undefined> = new Set(['23514', 'PR003', '42P07']);

export class DayPartitions {
  readonly #database: Database;
  readonly #now: () => number;
  /** Days whose partition is known to stand. */
  readonly #standing = new Set<string>();
  /** Days whose partition something stands in the way of, and when to try again (epoch ms). */
  readonly #refused = new Map<string, number>();
  /** When days ahead are asked for again (epoch ms): whoever reads everything keeps them from being made, and each question waits for a lock. */
  #aheadFromMs = 0;

  /** @param now epoch ms: decides which days are plausible, never where a row goes */
  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /**
   * Makes the partitions of these moments (epoch ms) and of the day after the last of them, as far as they are plausible.
   * @returns how many of the moments have no day partition: their rows go to DEFAULT
   * @throws PostgresError when a partition that is needed cannot be made now
   */
  async ensure(momentsMs: readonly number[]): Promise<number> {
    const now = this.#now();
    /** By number of the day since 1970. */
    const perDay = new Map<number, number>();
    let without = 0;
    for (const momentMs of momentsMs) {
      if (momentMs < now - partitionDaysBack * dayMs || momentMs > now + partitionDaysAhead * dayMs) {
        without += 1;
        continue;
      }
      const day = Math.floor(momentMs / dayMs);
      perDay.set(day, (perDay.get(day) ?? 0) + 1);
    }
    for (const [day, moments] of perDay) {
      if (!(await this.#stands(utcDay(day * dayMs), now))) without += moments;
    }
    if (perDay.size > 0) await this.#makeAhead(utcDay((Math.max(...perDay.keys()) + 1) * dayMs), now);
    return without;
  }

  /** The server may not be the one that made them. */
  forget(): void {
    this.#standing.clear();
    this.#aheadFromMs = 0;
  }

  /** Tomorrow's is a kindness to tomorrow's first batch: whatever is in its way now, that batch makes it. */
  async #makeAhead(day: string, now: number): Promise<void> {
    if (now < this.#aheadFromMs) return;
    try {
      await this.#stands(day, now);
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      this.#aheadFromMs = now + refusedDayRetryMs;
    }
  }

  async #stands(day: string, now: number): Promise<boolean> {
    if (this.#standing.has(day)) return true;
    if ((this.#refused.get(day) ?? 0) > now) return false;
    try {
      await this.#make(day);
      this.#standing.add(day);
      this.#refused.delete(day);
      return true;
    } catch (error) {
      if (!(error instanceof PostgresError) || !standsInTheWay.has(error.sqlState)) throw error;
      this.#refused.set(day, now + refusedDayRetryMs);
      return false;
    }
  }

  /** Beside the table and then attached, by a function of the owner: see migration 0005. */
  async #make(day: string): Promise<void> {
    await this.#database.query('SELECT audit_make_day($1)', [day]);
  }
}
