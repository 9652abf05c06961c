// Whether the chain in the tables is whole, as PostgreSQL itself computes it: every row follows the one before it, and the
// offset rows hold what the last ones come to.

import type { Database } from '@postrider/postgres';

/** Places where it is not, in words; none when it is. */
export async function brokenLinks(database: Database, environment: string): Promise<string[]> {
  const rows = await database.query<{ broken: string }>(
    `WITH linked AS (
       SELECT topic, partition, record_offset, chain,
              audit_chain_next(lag(chain, 1, audit_chain_start(environment, topic, partition)) OVER place,
                               topic, partition, record_offset, recorded_at, key, value) AS expected
       FROM audit_record WHERE environment = $1 WINDOW place AS (PARTITION BY topic, partition ORDER BY record_offset)
     ), last AS (
       SELECT DISTINCT ON (topic, partition) topic, partition, chain, record_offset + 1 AS next,
              count(*) OVER (PARTITION BY topic, partition) AS rows
       FROM linked ORDER BY topic, partition, record_offset DESC
     )
     SELECT format('%s/%s at %s does not follow', topic, partition, record_offset) AS broken FROM linked WHERE chain <> expected
     UNION ALL
     SELECT format('%s/%s: the offset row says %s rows up to %s, the rows are %s up to %s', topic, partition, o.rows, o.next, l.rows, l.next)
     FROM projection_offset o JOIN last l USING (topic, partition)
     WHERE o.environment = $1 AND (o.head <> l.chain OR o.rows <> l.rows OR o.next < l.next)`,
    [environment],
  );
  return rows.map(({ broken }) => broken);
}
