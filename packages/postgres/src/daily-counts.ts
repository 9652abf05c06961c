// The day's counts, as they are kept and as they come out when everything is counted anew. The two must be equal; the second
// does not look at the flags that the projector set, so it judges them too.

import type { Session } from './database.ts';
import { holesSql, isWhole, joinHoled } from './stub-holes.ts';

export interface CountFilter {
  readonly project?: string | undefined;
  readonly endpoint?: string | undefined;
  /** `YYYY-MM-DD`, inclusive. */
  readonly from?: string | undefined;
  /** `YYYY-MM-DD`, inclusive. */
  readonly to?: string | undefined;
}

export interface DailyCount {
  readonly project: string;
  readonly endpoint: string;
  /** `YYYY-MM-DD`: UTC day of the broker's time. */
  readonly day: string;
  /** Attempts by status. */
  readonly success: number;
  readonly fail: number;
  readonly error: number;
  /** Rounds by how they ended. */
  readonly delivered: number;
  readonly dead: number;
}

const filter = `($2::text IS NULL OR project = $2) AND ($3::text IS NULL OR endpoint = $3)
  AND ($4::date IS NULL OR day >= $4) AND ($5::date IS NULL OR day <= $5)`;
const valuesOf = (environment: string, { project, endpoint, from, to }: CountFilter): unknown[] => [
  environment,
  project ?? null,
  endpoint ?? null,
  from ?? null,
  to ?? null,
];

/** By project, endpoint and day. @throws PostgresError */
export async function readDailyCounts(
  session: Session,
  environment: string,
  given: CountFilter,
): Promise<DailyCount[]> {
  return session.query<DailyCount>(
    `SELECT project, endpoint, day, success, fail, error, delivered, dead FROM daily_count
     WHERE environment = $1 AND ${filter} ORDER BY project, endpoint, day`,
    valuesOf(environment, given),
  );
}

/**
 * Of environment $1, from audit_record alone, by rule R4: the first settlement or end of each attempt, up to the first that closes its
 * round.
 * @param trusting flags that say that a row does not count, where what stood before it may not be there any more
 */
const recountedSql = (trusting: boolean): string => `copies AS (
       SELECT topic, partition, record_offset, recorded_at, type, dispatch, round, project, endpoint, status, disposition, duplicate, late,
              row_number() OVER (PARTITION BY dispatch, round, attempt
                                 ORDER BY topic, partition, record_offset) AS copy
       FROM audit_record WHERE environment = $1 AND type IN ('AttemptSettled', 'DispatchEnded')
     ), facts AS (
       SELECT *, count(*) FILTER (WHERE disposition <> 'retry')
                 OVER (PARTITION BY dispatch, round ORDER BY topic, partition, record_offset
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS closed
       FROM copies WHERE copy = 1
     ), days AS (
       SELECT project, endpoint, (recorded_at AT TIME ZONE 'UTC')::date AS day,
              count(*) FILTER (WHERE status = 'SUCCESS') AS success, count(*) FILTER (WHERE status = 'FAIL') AS fail,
              count(*) FILTER (WHERE status = 'ERROR') AS error, count(*) FILTER (WHERE disposition = 'delivered') AS delivered,
              count(*) FILTER (WHERE disposition = 'dead') AS dead
       FROM facts ${trusting ? joinHoled('project') : ''}
       WHERE closed = 0 AND (type = 'AttemptSettled' OR disposition = 'dead')
         ${trusting ? `AND (${isWhole('recorded_at')} OR NOT duplicate AND NOT late)` : ''} GROUP BY 1, 2, 3
     )`;

/**
 * The same by rule R4, without looking at the flags that the projector set. Reads everything: for proofs and tests.
 * @throws PostgresError
 */
export async function recountDays(session: Session, environment: string, given: CountFilter): Promise<DailyCount[]> {
  return session.query<DailyCount>(
    `WITH ${recountedSql(false)} SELECT * FROM days WHERE $1::text IS NOT NULL AND ${filter} ORDER BY project, endpoint, day`,
    valuesOf(environment, given),
  );
}

type Counts = Pick<DailyCount, 'success' | 'fail' | 'error' | 'delivered' | 'dead'>;

export interface CountDifference extends Pick<DailyCount, 'project' | 'endpoint' | 'day'> {
  /** Null: there is no such row. */
  readonly kept: Counts | null;
  /** Null: nothing of that day is counted. */
  readonly recounted: Counts | null;
}

const counts = ['success', 'fail', 'error', 'delivered', 'dead'];
const object = (alias: string): string =>
  `CASE WHEN ${alias}.day IS NOT NULL THEN json_build_object(${counts.map((name) => `'${name}', ${alias}.${name}`).join(', ')}) END`;

/**
 * Daily counts that are not what counting anew gives, at most `limit`, in order of day, project and endpoint. Days of a project of which
 * records were dropped are left out; in what may belong to rounds of such days, flags are believed that say that a row does not count.
 * @param fromDay `YYYY-MM-DD`: earlier days are left out, because their records are not there any more
 * @param roundMsMax a round is over after this
 * @throws PostgresError
 */
export async function countDifferences(
  session: Session,
  environment: string,
  {
    fromDay,
    roundMsMax,
    limit,
  }: { readonly fromDay?: string | undefined; readonly roundMsMax: number; readonly limit: number },
): Promise<CountDifference[]> {
  return session.query<CountDifference>(
    `WITH ${holesSql('$4')}, ${recountedSql(true)}, kept AS (SELECT * FROM daily_count WHERE environment = $1)
     SELECT project, endpoint, day, ${object('k')} AS kept, ${object('d')} AS recounted
     FROM kept k FULL JOIN days d USING (project, endpoint, day)
     WHERE (${counts.map((name) => `k.${name}`).join(', ')}) IS DISTINCT FROM (${counts.map((name) => `d.${name}`).join(', ')})
       AND ($2::date IS NULL OR day >= $2) AND (project, day) NOT IN (SELECT hole_project, hole_day FROM hole)
     ORDER BY day, project, endpoint LIMIT $3`,
    [environment, fromDay ?? null, limit, roundMsMax],
  );
}
