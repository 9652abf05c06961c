// Whether `delivery_open`, through which the undelivered are found, has exactly those deliveries that are not delivered.

import type { Session } from './database.ts';
import type { DeliveryState } from './fold-delivery.ts';

export interface OpenDifference {
  readonly dispatch: string;
  readonly round: number;
  /** As `delivery` has it; null: it has none. */
  readonly state: DeliveryState | null;
  /** As `delivery_open` has it; null: it has none. */
  readonly open: DeliveryState | null;
}

/** At most `limit`. Reads both tables. @throws PostgresError */
export async function openDifferences(session: Session, environment: string, limit: number): Promise<OpenDifference[]> {
  return session.query<OpenDifference>(
    `WITH kept AS (SELECT dispatch, round, state, first_seen FROM delivery WHERE environment = $1 AND state <> 'delivered'),
          open AS (SELECT dispatch, round, state, first_seen FROM delivery_open WHERE environment = $1)
     SELECT coalesce(k.dispatch, o.dispatch) AS dispatch, coalesce(k.round, o.round) AS round, coalesce(k.state, d.state) AS state, o.state AS open
     FROM kept k FULL JOIN open o ON o.dispatch = k.dispatch AND o.round = k.round
     LEFT JOIN delivery d ON k.state IS NULL AND d.environment = $1 AND d.dispatch = o.dispatch AND d.round = o.round
     WHERE (k.state, k.first_seen) IS DISTINCT FROM (o.state, o.first_seen) ORDER BY 1, 2 LIMIT $2`,
    [environment, limit],
  );
}
