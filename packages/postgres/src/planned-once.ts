// Questions that may find their rows in any day: made into a plan once for a connection, of which each question then leaves out the
// days that it does not want. The server would plan them anew each time, because it thinks a plan over all days dear; with a month of
// days the planning is what is dear.

import type { Database, Session } from './database.ts';

/** The statements of `work` are given names. @throws PostgresError */
export async function plannedOnce<T>(database: Database, work: (session: Session) => Promise<T>): Promise<T> {
  return database.transaction(async (session) => {
    await session.query('SET LOCAL plan_cache_mode = force_generic_plan');
    return work(session);
  });
}
