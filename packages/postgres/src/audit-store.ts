// The write side of the projection: a batch of one Kafka partition in one transaction with the offset behind it. The offset
// row is both the lock and the proof: who cannot move it from where it expects it to be writes nothing.
//
//   fence + identities ─▶ progress of the moved deliveries ─▶ fold ─▶ records, deliveries, counts ─▶ commit

import { bareRow, type AuditRow } from './audit-row.ts';
import type { Database, Session } from './database.ts';
import { DayPartitions } from './day-partitions.ts';
import { deliveryKey, foldBatch, identitiesOf, movedKeys, type DeliveryKey, type FoldedBatch } from './fold-batch.ts';
import type { Progress } from './fold-delivery.ts';
import { PostgresError } from './postgres-error.ts';
import { insertCounts, insertRecords, upsertExisting, upsertMoved } from './write-statements.ts';

export interface AppendBatch {
  readonly environment: string;
  /** Full name, e.g. `live.attempts`. */
  readonly topic: string;
  readonly partition: number;
  /** Where the offset row must stand. */
  readonly expectedNext: number;
  /** Where it stands afterwards: above the last row's offset. */
  readonly next: number;
  /** In partition order. May be empty: then only the offset moves. */
  readonly rows: readonly AuditRow[];
}

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
          `INSERT INTO projection_offset (environment, topic, partition, next)
           SELECT $1, t.topic, t.partition, t.start FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t (topic, partition, start)
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

/** Undefined: fenced, and nothing was written. */
async function writeBatch(session: Session, batch: AppendBatch): Promise<FoldedBatch | undefined> {
  const isNew = await fence(session, batch);
  if (isNew === undefined) return undefined;
  const known = await readProgress(session, batch.environment, movedKeys(batch.rows));
  const folded = foldBatch(batch.rows, isNew, known);
  await insertRecords(session, batch, folded.rows);
  await upsertExisting(session, batch.environment, folded.deliveries);
  await upsertMoved(session, batch.environment, folded.deliveries);
  await insertCounts(session, batch.environment, folded.counts);
  return folded;
}

/** Moves the offset row and enters the identities; gives those that were not known. Undefined: the row stands elsewhere. */
async function fence(session: Session, batch: AppendBatch): Promise<Set<string> | undefined> {
  const identities = identitiesOf(batch.rows);
  const rows = await session.query<{ moved: boolean; identities: string[] | null }>(
    `WITH moved AS (
       UPDATE projection_offset SET next = $5, updated_at = now()
       WHERE environment = $1 AND topic = $2 AND partition = $3 AND next = $4 RETURNING 1
     ), entered AS (
       INSERT INTO audit_identity (environment, identity, recorded_at)
       SELECT $1, t.identity, t.recorded_at FROM unnest($6::text[], $7::timestamptz[]) AS t (identity, recorded_at)
       WHERE EXISTS (SELECT FROM moved) ON CONFLICT DO NOTHING RETURNING identity
     )
     SELECT EXISTS (SELECT FROM moved) AS moved, (SELECT array_agg(identity) FROM entered) AS identities`,
    [
      batch.environment,
      batch.topic,
      batch.partition,
      batch.expectedNext,
      batch.next,
      identities.map(({ identity }) => identity),
      identities.map(({ recordedMs }) => new Date(recordedMs).toISOString()),
    ],
  );
  return rows[0]?.moved === true ? new Set(rows[0].identities) : undefined;
}

/**
 * Read after the fence, in a snapshot of its own; nobody else moves these deliveries while the offset row is held. One by
 * one through the primary key (the LIMIT sees to that): a join would read the whole table whenever statistics are young.
 */
async function readProgress(
  session: Session,
  environment: string,
  keys: readonly DeliveryKey[],
): Promise<Map<string, Progress>> {
  if (keys.length === 0) return new Map();
  const rows = await session.query<
    Omit<Progress, 'lastAttemptMs' | 'nextDueMs' | 'settledMs'> & DeliveryKey & ProgressTimes
  >(
    `SELECT d.dispatch, d.round, d.state, d.reason, d.attempts, d.last_http_status AS "lastHttpStatus",
            d.last_outcome AS "lastOutcome", d.last_attempt_at AS "lastAttemptAt", d.next_due AS "nextDue", d.settled_at AS "settledAt"
     FROM unnest($2::text[], $3::int[]) AS t (dispatch, round)
     CROSS JOIN LATERAL (
       SELECT * FROM delivery WHERE environment = $1 AND dispatch = t.dispatch AND round = t.round LIMIT 1
     ) AS d`,
    [environment, keys.map(({ dispatch }) => dispatch), keys.map(({ round }) => round)],
  );
  return new Map(
    rows.map(({ dispatch, round, lastAttemptAt, nextDue, settledAt, ...rest }) => [
      deliveryKey({ dispatch, round }),
      { ...rest, lastAttemptMs: epochMs(lastAttemptAt), nextDueMs: epochMs(nextDue), settledMs: epochMs(settledAt) },
    ]),
  );
}

interface ProgressTimes {
  readonly lastAttemptAt: Date | null;
  readonly nextDue: Date | null;
  readonly settledAt: Date | null;
}

const epochMs = (date: Date | null): number | null => (date === null ? null : date.getTime());

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
