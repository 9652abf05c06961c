// A batch of one Kafka partition, in one transaction with the offset behind it. The offset row is both the lock and the
// proof: who cannot move it from where it expects it to be writes nothing.
//
//   fence + identities ─▶ progress of the moved deliveries ─▶ fold ─▶ records, deliveries, counts, head ─▶ commit

import { chainStep } from '@postrider/core/contracts';
import type { AuditRow } from './audit-row.ts';
import type { Session } from './database.ts';
import { deliveryKey, foldBatch, identitiesOf, movedKeys, type DeliveryKey, type FoldedBatch } from './fold-batch.ts';
import type { Progress } from './fold-delivery.ts';
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

/** Undefined: fenced, and nothing was written. */
export async function writeBatch(session: Session, batch: AppendBatch): Promise<FoldedBatch | undefined> {
  const fenced = await fence(session, batch);
  if (fenced === undefined) return undefined;
  const known = await readProgress(session, batch.environment, movedKeys(batch.rows));
  const folded = foldBatch(batch.rows, fenced.isNew, known);
  const links = linksOf(batch, fenced.head);
  await insertRecords(session, batch, folded.rows, links);
  await moveHead(session, batch, links.at(-1));
  await upsertExisting(session, batch.environment, folded.deliveries);
  await upsertMoved(session, batch.environment, folded.deliveries);
  await insertCounts(session, batch.environment, folded.counts);
  return folded;
}

/** The hash after each row. */
function linksOf(batch: AppendBatch, head: string): string[] {
  const next = chainStep(batch);
  let previous = head;
  return batch.rows.map((row) => (previous = next(previous, row)));
}

interface Fenced {
  /** Identities that were not known. */
  readonly isNew: ReadonlySet<string>;
  /** Hash before the first row. */
  readonly head: string;
}

/** Moves the offset row and enters the identities. Undefined: the row stands elsewhere. */
async function fence(session: Session, batch: AppendBatch): Promise<Fenced | undefined> {
  const identities = identitiesOf(batch.rows);
  const rows = await session.query<{ head: string | null; identities: string[] | null }>(
    `WITH moved AS (
       UPDATE projection_offset SET next = $5, rows = rows + $6, updated_at = now()
       WHERE environment = $1 AND topic = $2 AND partition = $3 AND next = $4 RETURNING encode(head, 'hex') AS head
     ), entered AS (
       INSERT INTO audit_identity (environment, identity, recorded_at)
       SELECT $1, t.identity, t.recorded_at FROM unnest($7::text[], $8::timestamptz[]) AS t (identity, recorded_at)
       WHERE EXISTS (SELECT FROM moved) ON CONFLICT DO NOTHING RETURNING identity
     )
     SELECT (SELECT head FROM moved) AS head, (SELECT array_agg(identity) FROM entered) AS identities`,
    [
      batch.environment,
      batch.topic,
      batch.partition,
      batch.expectedNext,
      batch.next,
      batch.rows.length,
      identities.map(({ identity }) => identity),
      identities.map(({ recordedMs }) => new Date(recordedMs).toISOString()),
    ],
  );
  const head = rows[0]?.head ?? undefined;
  return head === undefined ? undefined : { isNew: new Set(rows[0]!.identities), head };
}

async function moveHead(session: Session, batch: AppendBatch, head: string | undefined): Promise<void> {
  if (head === undefined) return;
  await session.query(
    `UPDATE projection_offset SET head = decode($4, 'hex') WHERE environment = $1 AND topic = $2 AND partition = $3`,
    [batch.environment, batch.topic, batch.partition, head],
  );
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
