// The write side of the projection: batches of Kafka partitions in one transaction (write-batch.ts), with the days they need
// made before and values that PostgreSQL refuses kept as bytes.

import { bareRow, refusedPrefix } from './audit-row.ts';
import type { Database } from './database.ts';
import { DayPartitions } from './day-partitions.ts';
import type { FoldedRow } from './fold-batch.ts';
import { dayMs, defaultRowsCounted, partitionDaysAhead, waryAppends } from './limits.ts';
import { KnownUrls } from './known-urls.ts';
import { PostgresError } from './postgres-error.ts';
import { countDefaultRows } from './server-facts.ts';
import { PreparedBatch, type AppendBatch, type HeadedBatch, type Prepared } from './prepared-batch.ts';
import { placeOf, UnderWay, type Standing } from './under-way.ts';
import { writeBatch } from './write-batch.ts';

export type AppendResult =
  | {
      readonly kind: 'appended';
      readonly rows: number;
      readonly duplicates: number;
      readonly late: number;
      readonly unreadable: number;
      /** Rows that no day partition took. */
      readonly defaulted: number;
    }
  /** The offset row is not where it was expected: another writer has the partition, or a commit came through unseen. */
  | { readonly kind: 'fenced' }
  /** Of several, this one alone is not taken, and nothing is known that would help. */
  | { readonly kind: 'refused'; readonly error: PostgresError };

export interface PartitionStart {
  readonly topic: string;
  readonly partition: number;
  /** Where to begin if the partition was never projected. */
  readonly start: number;
}

export interface PartitionHead {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record that is not in the tables. */
  readonly next: number;
  /** Records in the tables since the log began, and the hash after the last. */
  readonly rows: number;
  readonly head: string;
}

export interface AuditStore {
  /**
   * Where each partition is to be read from; a partition that was never projected gets its row at `start`.
   * @throws PostgresError
   */
  claimOffsets(
    environment: string,
    partitions: readonly PartitionStart[],
  ): Promise<{ topic: string; partition: number; next: number }[]>;
  /**
   * Makes the partitions of today and of the days ahead, before a record needs them.
   * @returns rows of DEFAULT, counted up to 1,000: there should be none
   * @throws PostgresError
   */
  prepareDays(): Promise<number>;
  /**
   * What these partitions come to, each as one append left it; those that were never projected are not among them.
   * @throws PostgresError
   */
  heads(environment: string, partitions: readonly { topic: string; partition: number }[]): Promise<PartitionHead[]>;
  /**
   * Writes a batch and the offset behind it, both or neither. A row that PostgreSQL cannot take is written with its bytes
   * alone and flagged. After `unreachable` it is unknown whether the batch stands: append it again, `fenced` says that it does.
   * @throws PostgresError
   */
  append(batch: AppendBatch): Promise<AppendResult>;
  /**
   * As `append`, of several partitions of one environment in one transaction; those that are fenced are left out. What makes
   * deliveries goes before what moves them: it is then written as one.
   * @returns a result for each batch
   * @throws PostgresError
   */
  appendTogether(batches: readonly AppendBatch[]): Promise<AppendResult[]>;
  /**
   * Makes what is written next, while an append is under way that it follows, a fraction of a ms at a time until all is made or `enough`
   * says so, and sends it behind that append when it can. What was made and not sent is not made again when it comes to these batches.
   * @returns undefined when it was not sent
   */
  prepare(batches: readonly AppendBatch[], enough: () => boolean): Promise<SentBehind | undefined>;
}

/** On its way to the server while the append before has no answer yet; it stands only when that one does. */
export interface SentBehind {
  /** Results as of `appendTogether`; undefined when it is not known to stand: append it then as any other. Never rejects. */
  readonly ended: Promise<AppendResult[] | undefined>;
}

/** @param clock `now` in epoch ms, for judging which days are plausible */
export function openAuditStore(database: Database, clock: { readonly now: () => number }): AuditStore {
  const days = new DayPartitions(database, clock.now);
  const urls = new KnownUrls(database);
  /** Of the partitions that this store wrote or claimed: saves a question an append; wrong ones are fenced. */
  const standings = new Map<string, Standing>();
  /** The append that was begun last and has not ended. */
  let latest: UnderWay | undefined;
  let ahead: PreparedBatch | undefined;
  /** Appends that still look for everything first, since one was tried twice. */
  let wary = 0;
  const isBold = (): boolean => wary === 0;

  const append = async (batch: AppendBatch): Promise<AppendResult> => {
    const [result] = await appendTogether([batch]);
    return result!;
  };

  const appendTogether = async (batches: readonly AppendBatch[]): Promise<AppendResult[]> => {
    const results = new Map<AppendBatch, AppendResult>();
    // What was sent behind an append that came to nothing is answered before there is another.
    await latest?.ended;
    let open = await headed(batches);
    // A round that writes nothing finds at least one fenced that was thought to stand.
    while (open.length > 0) {
      try {
        const prepared = takePrepared(open).finish();
        const written = await write(open, prepared, new UnderWay(prepared));
        if (written !== undefined) {
          for (const [index, { of }] of open.entries()) results.set(of, written[index]!);
          break;
        }
        const before = open;
        await latest?.ended;
        open = await headed(batches);
        // The rows have moved back to where they were expected, or their heads were changed: whoever did that is not fought.
        if (open.length === before.length) break;
      } catch (error) {
        if (!(error instanceof PostgresError) || (error.code !== 'data' && error.code !== 'bug')) throw error;
        if (open.length > 1) for (const { of } of open) results.set(of, await appendAlone(of));
        else if (error.code === 'data') results.set(open[0]!.of, await appendAround(open[0]!.of, error));
        else throw error;
        break;
      }
    }
    return batches.map((batch) => results.get(batch) ?? { kind: 'fenced' });
  };

  /** @returns undefined when one of them is fenced: nothing was written */
  const write = async (
    batches: readonly HeadedBatch[],
    prepared: Prepared,
    underWay: UnderWay,
  ): Promise<AppendResult[] | undefined> => {
    latest = underWay;
    let stands = false;
    try {
      const defaulted: number[] = [];
      for (const { rows } of batches) defaulted.push(await days.ensure(rows.map(({ recordedMs }) => recordedMs)));
      for (const { environment, rows } of batches) await urls.note(environment, rows);
      const written = await writeBatch(database, prepared, underWay);
      wary = underWay.tries > 1 ? waryAppends : Math.max(0, wary - 1);
      if (written === undefined) {
        for (const batch of batches) standings.delete(placeOf(batch));
        return undefined;
      }
      stands = true;
      await underWay.inOrder();
      let from = 0;
      return batches.map((batch, index): AppendResult => {
        standings.set(placeOf(batch), { next: batch.next, head: prepared.lanes[index]!.head });
        const rows = written.rows.slice(from, (from += batch.rows.length));
        return { kind: 'appended', ...tally(rows), defaulted: defaulted[index]! };
      });
    } finally {
      // A replica that took over may have lost what was written last, the days and the URLs beside the records as well.
      if (!stands) {
        days.forget();
        urls.forget();
      }
      underWay.end();
      if (latest === underWay) latest = undefined;
    }
  };

  /** What was prepared of something else stays: an append is tried again, and what follows it then is the same. */
  const takePrepared = (batches: readonly HeadedBatch[]): PreparedBatch => {
    if (ahead?.isOf(batches) !== true) return new PreparedBatch(batches, isBold());
    const taken = ahead;
    ahead = undefined;
    return taken;
  };

  const prepare: AuditStore['prepare'] = async (batches, enough) => {
    const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    // The append that is under way may not have said yet where it leads.
    await turn();
    const before = latest;
    const following = batches.flatMap((batch) => {
      const standing = before?.reaches.get(placeOf(batch)) ?? standings.get(placeOf(batch));
      return standing?.next === batch.expectedNext ? [{ ...batch, expectedHead: standing.head }] : [];
    });
    if (batches.length === 0 || following.length < batches.length) return undefined;
    const preparing = new PreparedBatch(following, isBold());
    ahead = preparing;
    try {
      while (!enough()) {
        if (preparing.step()) return before && (await sendBehind(before, following, preparing));
        await turn();
      }
    } catch (error) {
      // Whoever writes it meets the same, and knows what to do about it.
      if (ahead === preparing) ahead = undefined;
      if (!(error instanceof PostgresError)) throw error;
    }
    return undefined;
  };

  const sendBehind = async (
    before: UnderWay,
    batches: readonly HeadedBatch[],
    made: PreparedBatch,
  ): Promise<SentBehind | undefined> => {
    const prepared = made.finish();
    await before.sending;
    if (latest !== before || before.comesTo === undefined || before.environment !== prepared.environment)
      return undefined;
    // Whatever is wrong with it: who appends it as any other meets the same.
    const ended = write(batches, prepared, new UnderWay(prepared, before)).catch(() => undefined);
    void ended.then((results) => {
      if (results !== undefined && ahead === made) ahead = undefined;
    });
    return { ended };
  };

  /** What one partition holds must not keep the others waiting. */
  const appendAlone = async (batch: AppendBatch): Promise<AppendResult> => {
    try {
      return await append(batch);
    } catch (error) {
      if (!(error instanceof PostgresError) || error.code !== 'bug') throw error;
      return { kind: 'refused', error };
    }
  };

  /** The batches whose offset rows stand where they are expected, as far as is known. */
  const headed = async (batches: readonly AppendBatch[]): Promise<(HeadedBatch & { readonly of: AppendBatch })[]> => {
    const unknown = batches.filter((batch) => standings.get(placeOf(batch))?.next !== batch.expectedNext);
    if (unknown.length > 0) await readStandings(unknown[0]!.environment, unknown);
    return batches.flatMap((of) => {
      const standing = standings.get(placeOf(of));
      return standing?.next === of.expectedNext ? [{ ...of, expectedHead: standing.head, of }] : [];
    });
  };

  const heads: AuditStore['heads'] = (environment, partitions) =>
    database.query<PartitionHead>(
      `SELECT o.topic, o.partition, o.next, o.rows, encode(o.head, 'hex') AS head FROM projection_offset o
       JOIN unnest($2::text[], $3::int[]) AS t (topic, partition) USING (topic, partition) WHERE o.environment = $1`,
      [environment, partitions.map(({ topic }) => topic), partitions.map(({ partition }) => partition)],
    );

  const readStandings = async (
    environment: string,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<{ topic: string; partition: number; next: number }[]> => {
    const found = await heads(environment, partitions);
    for (const { topic, partition, next, head } of found) {
      standings.set(placeOf({ environment, topic, partition }), { next, head });
    }
    return found.map(({ topic, partition, next }) => ({ topic, partition, next }));
  };

  /** One value in the batch is refused: halves until it is alone, and then keeps its bytes. */
  const appendAround = async (batch: AppendBatch, refusal: PostgresError): Promise<AppendResult> => {
    const [only, ...others] = batch.rows;
    if (only === undefined) throw refusal;
    if (others.length === 0) {
      if (only.columns.type === null) throw refusal;
      return append({ ...batch, rows: [bareRow(only, `${refusedPrefix}${refusal.message}`)] });
    }
    const middle = Math.ceil(batch.rows.length / 2);
    const second = batch.rows.slice(middle);
    const between = second[0]!.offset;
    const before = await append({ ...batch, rows: batch.rows.slice(0, middle), next: between });
    if (before.kind !== 'appended') return before;
    const after = await append({ ...batch, rows: second, expectedNext: between });
    return after.kind === 'appended' ? sum(before, after) : after;
  };

  return {
    append,
    appendTogether,
    prepare,
    heads,
    prepareDays: async () => {
      const now = clock.now();
      await days.ensure(Array.from({ length: partitionDaysAhead }, (_, ahead) => now + ahead * dayMs));
      return countDefaultRows(database, defaultRowsCounted);
    },
    claimOffsets: async (environment, partitions) => {
      if (partitions.length === 0) return [];
      await database.query('SELECT audit_claim($1, $2, $3, $4)', [
        environment,
        partitions.map(({ topic }) => topic),
        partitions.map(({ partition }) => partition),
        partitions.map(({ start }) => start),
      ]);
      return readStandings(environment, partitions);
    },
  };
}

type Tally = Omit<Extract<AppendResult, { kind: 'appended' }>, 'kind'>;

function tally(rows: readonly FoldedRow[]): Omit<Tally, 'defaulted'> {
  let duplicates = 0;
  let late = 0;
  let unreadable = 0;
  for (const { row, ...flags } of rows) {
    duplicates += Number(flags.duplicate);
    late += Number(flags.late);
    unreadable += Number(row.unreadable);
  }
  return { rows: rows.length, duplicates, late, unreadable };
}

function sum(a: Tally, b: Tally): AppendResult {
  return {
    kind: 'appended',
    rows: a.rows + b.rows,
    duplicates: a.duplicates + b.duplicates,
    late: a.late + b.late,
    unreadable: a.unreadable + b.unreadable,
    defaulted: a.defaulted + b.defaulted,
  };
}
