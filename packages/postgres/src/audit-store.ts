// The write side of the projection: batches of one Kafka partition, each in a transaction of its own (write-batch.ts), with
// the days they need made before and values that PostgreSQL refuses kept as bytes.

import { bareRow } from './audit-row.ts';
import type { Database } from './database.ts';
import { DayPartitions } from './day-partitions.ts';
import type { FoldedBatch } from './fold-batch.ts';
import { PostgresError } from './postgres-error.ts';
import { writeBatch, type AppendBatch } from './write-batch.ts';

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
  | { readonly kind: 'fenced' };

export interface PartitionStart {
  readonly topic: string;
  readonly partition: number;
  /** Where to begin if the partition was never projected. */
  readonly start: number;
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
   * Writes a batch and the offset behind it, both or neither. A row that PostgreSQL cannot take is written with its bytes
   * alone and flagged. After `unreachable` it is unknown whether the batch stands: append it again, `fenced` says that it does.
   * @throws PostgresError
   */
  append(batch: AppendBatch): Promise<AppendResult>;
}

/** @param clock `now` in epoch ms, for judging which days are plausible */
export function openAuditStore(database: Database, clock: { readonly now: () => number }): AuditStore {
  const days = new DayPartitions(database, clock.now);

  const append = async (batch: AppendBatch): Promise<AppendResult> => {
    try {
      const defaulted = await days.ensure(batch.rows.map(({ recordedMs }) => recordedMs));
      const folded = await database.transaction((session) => writeBatch(session, batch));
      return folded === undefined ? { kind: 'fenced' } : { kind: 'appended', ...tally(folded), defaulted };
    } catch (error) {
      if (!(error instanceof PostgresError) || error.code !== 'data') throw error;
      return appendAround(batch, error);
    }
  };

  /** One value in the batch is refused: halves until it is alone, and then keeps its bytes. */
  const appendAround = async (batch: AppendBatch, refusal: PostgresError): Promise<AppendResult> => {
    const [only, ...others] = batch.rows;
    if (only === undefined) throw refusal;
    if (others.length === 0) {
      if (only.columns.type === null) throw refusal;
      return append({ ...batch, rows: [bareRow(only, `refused by PostgreSQL: ${refusal.message}`)] });
    }
    const middle = Math.ceil(batch.rows.length / 2);
    const second = batch.rows.slice(middle);
    const between = second[0]!.offset;
    const before = await append({ ...batch, rows: batch.rows.slice(0, middle), next: between });
    if (before.kind === 'fenced') return before;
    const after = await append({ ...batch, rows: second, expectedNext: between });
    return after.kind === 'fenced' ? after : sum(before, after);
  };

  return {
    append,
    claimOffsets: async (environment, partitions) => {
      if (partitions.length === 0) return [];
      const values = [
        environment,
        partitions.map(({ topic }) => topic),
        partitions.map(({ partition }) => partition),
        partitions.map(({ start }) => start),
      ];
      return database.transaction(async (session) => {
        await session.query(
          `INSERT INTO projection_offset (environment, topic, partition, next, head, rows)
           SELECT $1, t.topic, t.partition, t.start, audit_chain_start($1, t.topic, t.partition), 0 FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t (topic, partition, start)
           ORDER BY 2, 3 ON CONFLICT DO NOTHING`,
          values,
        );
        return session.query<{ topic: string; partition: number; next: number }>(
          `SELECT o.topic, o.partition, o.next FROM projection_offset o
           JOIN unnest($2::text[], $3::int[]) AS t (topic, partition) USING (topic, partition) WHERE o.environment = $1`,
          values.slice(0, 3),
        );
      });
    },
  };
}

type Tally = Omit<Extract<AppendResult, { kind: 'appended' }>, 'kind'>;

function tally(folded: FoldedBatch): Omit<Tally, 'defaulted'> {
  let duplicates = 0;
  let late = 0;
  let unreadable = 0;
  for (const { row, ...flags } of folded.rows) {
    duplicates += Number(flags.duplicate);
    late += Number(flags.late);
    unreadable += Number(row.unreadable);
  }
  return { rows: folded.rows.length, duplicates, late, unreadable };
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
