// What cannot be made anew from the rows where a class of projects was dropped: the days of a project of which records are gone, and
// the rounds that may have begun in them. Pieces of the queries that hold the folded tables against the rows.

/**
 * Common table expressions: `hole` (hole_project, hole_day) of environment $1, and `holed` (holed_project, whole_from), the moment from
 * which on no round of the project has anything in its holes. Both are empty where no class was ever dropped.
 * @param roundMsMax parameter with the time after which a round is over, in ms
 */
export function holesSql(roundMsMax: string): string {
  return `hole AS (
       SELECT DISTINCT project AS hole_project, (recorded_at AT TIME ZONE 'UTC')::date AS hole_day FROM audit_stub WHERE environment = $1
     ), holed AS (
       SELECT hole_project AS holed_project, (max(hole_day) + 1)::timestamp AT TIME ZONE 'UTC' + ${roundMsMax} * interval '1 ms' AS whole_from
       FROM hole GROUP BY 1
     )`;
}

/** Says nothing of a row whose project has no holes: then `isWhole` is true. */
export function joinHoled(project: string): string {
  return `LEFT JOIN holed ON holed_project = ${project}`;
}

/** True where a round that moved at this moment has all of its records. */
export function isWhole(moment: string): string {
  return `(whole_from IS NULL OR ${moment} >= whole_from)`;
}
