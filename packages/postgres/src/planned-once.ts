// Questions that may find their rows in any day: made into a plan once for a connection, of which each question then leaves out the
// days that it does not want. The server would plan them anew each time, because it thinks a plan over all days dear; with a month of
// days the planning is what is dear.

import { hash } from 'node:crypto';
import type { ConnectionSession, Database } from './database.ts';

/** The statements of `work` are given names. @throws PostgresError */
export async function plannedOnce<T>(database: Database, work: (session: ConnectionSession) => Promise<T>): Promise<T> {
  return database.transaction(async (session) => {
    await session.query('SET LOCAL plan_cache_mode = force_generic_plan');
    return work(session);
  });
}

/** A name for a statement that is put together of parts: the same for the same text. */
export const keptAs = (sql: string): string => `s_${hash('sha256', sql, 'hex').slice(0, 32)}`;
