// Whether the tables that are folded from audit_record still say what its rows come to: where rounds ended, and which rows
// are copies. Reads everything; differences come back, not rows.

import type { Session } from './database.ts';
import type { DeliveryState } from './fold-delivery.ts';
import { holesSql, isWhole, joinHoled } from './stub-holes.ts';

interface RoundEnd {
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly attempts: number;
  readonly settledAt: string | null;
}

export interface DeliveryDifference {
  readonly dispatch: string;
  readonly round: number;
  /** Place of the record that closed the round; null when no record closes it. */
  readonly topic: string | null;
  readonly partition: number | null;
  readonly offset: number | null;
  /** As the table has it; null: no such row. */
  readonly kept: RoundEnd | null;
  /** As the records have it; null: the round is open, or there are none. */
  readonly folded: RoundEnd | null;
}

/**
 * Rounds whose end in `delivery` is not that of their first closing record, at most `limit`. A copy closes nothing, whatever it says (rule R4);
 * which rows are copies is told by the flags, and those by `flagDifferences`.
 * Rounds that ended where records of their project may be gone are left out, and not such as ended at no time at all.
 * @param from records before it are not there any more: rounds that ended earlier are left out
 * @param roundMsMax a round is over after this
 * @throws PostgresError
 */
export async function deliveryDifferences(
  session: Session,
  environment: string,
  {
    from,
    roundMsMax,
    limit,
  }: { readonly from?: Date | undefined; readonly roundMsMax: number; readonly limit: number },
): Promise<DeliveryDifference[]> {
  return session.query<DeliveryDifference>(
    `WITH ${holesSql('$4')}, moves AS (
       SELECT topic, partition, record_offset, recorded_at, type, dispatch, round, project, disposition, reason, duplicate, duplicate OR late AS uncounted
       FROM audit_record WHERE environment = $1 AND type IN ('AttemptSettled', 'DispatchEnded') AND dispatch IS NOT NULL
     ), ends AS (
       SELECT DISTINCT ON (dispatch, round) * FROM moves WHERE disposition <> 'retry' AND NOT duplicate
       ORDER BY dispatch, round, topic, partition, record_offset
     ), made AS (
       SELECT dispatch, round, count(*)::int AS attempts FROM moves WHERE type = 'AttemptSettled' AND NOT uncounted GROUP BY dispatch, round
     ), folded AS (
       SELECT e.dispatch, e.round, e.project, e.topic, e.partition, e.record_offset, e.disposition AS state, e.reason, e.recorded_at AS settled_at,
              coalesce(m.attempts, 0) AS attempts
       FROM ends e LEFT JOIN made m USING (dispatch, round)
     ), kept AS (
       SELECT dispatch, round, project, state, reason, attempts, settled_at FROM delivery
       WHERE environment = $1 AND (settled_at IS NOT NULL OR state IN ('delivered', 'dead', 'suppressed'))
     )
     SELECT dispatch, round, f.topic, f.partition, f.record_offset AS "offset",
            CASE WHEN k.state IS NOT NULL THEN json_build_object('state', k.state, 'reason', k.reason, 'attempts', k.attempts, 'settledAt', k.settled_at) END AS kept,
            CASE WHEN f.state IS NOT NULL THEN json_build_object('state', f.state, 'reason', f.reason, 'attempts', f.attempts, 'settledAt', f.settled_at) END AS folded
     FROM kept k FULL JOIN folded f USING (dispatch, round) ${joinHoled('coalesce(k.project, f.project)')}
     WHERE (k.state, k.reason, k.attempts, k.settled_at) IS DISTINCT FROM (f.state, f.reason, f.attempts, f.settled_at)
       AND (coalesce(k.settled_at, f.settled_at) IS NULL
         OR ($2::timestamptz IS NULL OR coalesce(k.settled_at, f.settled_at) >= $2) AND ${isWhole('coalesce(k.settled_at, f.settled_at)')})
     ORDER BY f.topic, f.partition, f.record_offset, dispatch, round LIMIT $3`,
    [environment, from?.toISOString() ?? null, limit, roundMsMax],
  );
}

export interface FlagDifference {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly duplicate: boolean;
}

/** Whose copies only the identity tells: no delivery has a mark of theirs. */
const unmarkedTypes = ['AttemptStarted', 'DispatchDeferred'];
const flaggedTypes = [...unmarkedTypes, 'AttemptSettled', 'DispatchEnded'];

/** Traces of upstream records of which one is called a copy: the others need no look. */
const tracesSql = `
       UNION ALL
       SELECT topic, partition, record_offset, recorded_at, project, duplicate,
              row_number() OVER (PARTITION BY origin ORDER BY topic, partition, record_offset) > 1
       FROM audit_record
       WHERE environment = $1 AND dispatch IS NULL AND origin IS NOT NULL AND origin IN (
         SELECT origin FROM audit_record WHERE environment = $1 AND duplicate AND dispatch IS NULL AND origin IS NOT NULL
       )`;

/**
 * Rows that are called copies though they are the first of their identity, or the other way round, at most `limit`.
 * Where records of a project may be gone, a copy may be all that is left of its identity.
 * @param unmarked of attempts that began and dispatches that were put off alone
 * @param from records before it are not there any more: the same is so of every project
 * @param roundMsMax a round is over after this
 * @throws PostgresError
 */
export async function flagDifferences(
  session: Session,
  environment: string,
  {
    from,
    unmarked,
    roundMsMax,
    limit,
  }: {
    readonly from?: Date | undefined;
    readonly unmarked?: boolean;
    readonly roundMsMax: number;
    readonly limit: number;
  },
): Promise<FlagDifference[]> {
  return session.query<FlagDifference>(
    `WITH ${holesSql('$5')}
     SELECT topic, partition, record_offset AS "offset", duplicate FROM (
       SELECT topic, partition, record_offset, recorded_at, project, duplicate,
              row_number() OVER (PARTITION BY CASE WHEN type = 'DispatchEnded' THEN 'AttemptSettled' ELSE type END, dispatch, round, attempt,
                                              CASE type WHEN 'DispatchDeferred' THEN park END
                                 ORDER BY topic, partition, record_offset) > 1 AS copy
       FROM audit_record
       WHERE environment = $1 AND type = ANY ($4::text[])${unmarked === true ? '' : tracesSql}
     ) AS judged ${joinHoled('project')}
     WHERE duplicate <> copy AND ($2::timestamptz IS NULL AND ${isWhole('recorded_at')} OR NOT duplicate) LIMIT $3`,
    [environment, from?.toISOString() ?? null, limit, unmarked === true ? unmarkedTypes : flaggedTypes, roundMsMax],
  );
}

/**
 * Whether the flags of these dispatches' settlements are right: each is a copy that has one of its attempt before it, and late
 * that has an end of its round before it.
 * @throws PostgresError
 */
export async function settlementFlagsHold(
  session: Session,
  environment: string,
  dispatches: readonly string[],
): Promise<boolean> {
  const rows = await session.query<{ hold: boolean }>(
    `WITH copies AS (
       SELECT topic, partition, record_offset, dispatch, round, disposition, duplicate, late,
              row_number() OVER (PARTITION BY dispatch, round, attempt ORDER BY topic, partition, record_offset) AS copy
       FROM audit_record WHERE environment = $1 AND dispatch = ANY ($2::text[]) AND type IN ('AttemptSettled', 'DispatchEnded')
     ), firsts AS (
       SELECT late, count(*) FILTER (WHERE disposition <> 'retry')
                    OVER (PARTITION BY dispatch, round ORDER BY topic, partition, record_offset
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS closed
       FROM copies WHERE copy = 1
     )
     SELECT NOT EXISTS (SELECT FROM copies WHERE duplicate <> (copy > 1))
        AND NOT EXISTS (SELECT FROM firsts WHERE late <> (closed > 0)) AS hold`,
    [environment, dispatches],
  );
  return rows[0]!.hold;
}
