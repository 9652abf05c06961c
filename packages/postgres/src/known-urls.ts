// The URLs that attempts went to, noted once each beside the records that repeat them, so that a part of one is found without
// an index over millions of rows. Noted before the append: one that is named and never followed by a record does no harm.

import type { AuditRow } from './audit-row.ts';
import type { Session } from './database.ts';
import { knownUrlsMax } from './limits.ts';

export class KnownUrls {
  readonly #database: Session;
  readonly #noted = new Set<string>();

  constructor(database: Session) {
    this.#database = database;
  }

  /** @throws PostgresError */
  async note(environment: string, rows: Iterable<AuditRow>): Promise<void> {
    const fresh = new Map<string, readonly [project: string, endpoint: string, url: string]>();
    for (const { columns } of rows) {
      const { type, project, endpoint, url } = columns;
      if (type !== 'AttemptSettled' || project === null || endpoint === null || url === null) continue;
      const key = `${environment}\0${project}\0${endpoint}\0${url}`;
      if (!this.#noted.has(key)) fresh.set(key, [project, endpoint, url]);
    }
    if (fresh.size === 0) return;
    const found = [...fresh.values()];
    await this.#database.query('SELECT audit_note_urls($1, $2, $3, $4)', [
      environment,
      found.map(([project]) => project),
      found.map(([, endpoint]) => endpoint),
      found.map(([, , url]) => url),
    ]);
    if (this.#noted.size + fresh.size > knownUrlsMax) this.#noted.clear();
    for (const key of fresh.keys()) this.#noted.add(key);
  }

  /** The server may not be the one that was told of them. */
  forget(): void {
    this.#noted.clear();
  }
}
