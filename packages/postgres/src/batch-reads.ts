// What a batch needs to know of the tables before it is written: which of its records are copies, and how far the deliveries are
// that it moves.

import { binaryArray } from './binary-arrays.ts';
import type { Session } from './database.ts';
import { deliveryKey, type DeliveryKey } from './fold-batch.ts';
import type { Progress } from './fold-delivery.ts';

/** Which of these identities stand in the tables. */
export async function readKnown(session: Session, keys: readonly string[]): Promise<Set<string>> {
  const rows = await session.query<{ key: string }>(
    `SELECT replace(i.identity::text, '-', '') AS key FROM unnest($1::uuid[]) AS t (key)
     CROSS JOIN LATERAL (SELECT identity FROM audit_identity WHERE identity = t.key LIMIT 1) AS i`,
    [binaryArray('uuid', keys)],
  );
  return new Set(rows.map(({ key }) => key));
}

/**
 * Of deliveries that were moved before. One by one through the primary key (the LIMIT sees to that): a join would read the
 * whole table whenever statistics are young.
 */
export async function readProgress(
  session: Session,
  environment: string,
  keys: readonly DeliveryKey[],
): Promise<Map<string, Progress>> {
  if (keys.length === 0) return new Map();
  const ms = (column: string): string => `(extract(epoch FROM d.${column}) * 1000)::float8`;
  const rows = await session.query<Progress & DeliveryKey>(
    `SELECT d.dispatch, d.round, d.state, d.reason, d.attempts, d.settled_attempts AS "settledAttempts",
            d.last_http_status AS "lastHttpStatus", d.last_outcome AS "lastOutcome", ${ms('last_attempt_at')} AS "lastAttemptMs",
            ${ms('next_due')} AS "nextDueMs", ${ms('settled_at')} AS "settledMs"
     FROM unnest($2::text[], $3::int[]) AS t (dispatch, round)
     CROSS JOIN LATERAL (
       SELECT * FROM delivery WHERE environment = $1 AND dispatch = t.dispatch AND round = t.round LIMIT 1
     ) AS d WHERE d.settled_attempts IS NOT NULL`,
    [
      environment,
      binaryArray(
        'text',
        keys.map(({ dispatch }) => dispatch),
      ),
      binaryArray(
        'int4',
        keys.map(({ round }) => round),
      ),
    ],
  );
  return new Map(rows.map(({ dispatch, round, ...rest }) => [deliveryKey({ dispatch, round }), rest]));
}
