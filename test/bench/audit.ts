// `npm run bench -- --audit-rows N`: how long questions of an audit of N rows take, and how fast one is verified. On a
// PostgreSQL of its own, with fsync, or on the one that is named.

import { join } from 'node:path';
import { startStack } from '@postrider/dev-stack';
import { createDatabase, migrate, openAuditReads, openDatabase, type Database } from '@postrider/postgres';
import { generateAudit, generated, type GeneratedAudit } from '../support/audit-generator.ts';
import { auditQuestions } from '../support/audit-questions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { auditAsks, auditDays, auditVerifiedRowsMax } from './limits.ts';
import { bareRowsPerS, verifiedRowsPerS, writeVerified } from './verified.ts';

export interface AuditBench {
  readonly rows: number;
  readonly json: boolean;
  readonly say: (line: string) => void;
}

interface Measured {
  readonly name: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

const dayMs = 24 * 60 * 60_000;
const databaseTimeoutMs = 60 * 60_000;

/** The text for stdout. */
export async function benchAudit({ rows, json, say }: AuditBench): Promise<string> {
  const stack = await startStack({
    dataDir: join(import.meta.dirname, '..', '..', '.postrider', `bench-audit-${process.pid}`),
    fresh: true,
    progress: say,
  });
  try {
    const verified = await inDatabase(stack.postgres.url, 'audit_verified', async ({ database }) => {
      const { written, rowsPerS } = await writeVerified(database, Math.min(rows, auditVerifiedRowsMax), say);
      const verifiedPerS = await verifiedRowsPerS(database, written);
      say(`verified ${written} rows, ${verifiedPerS}/s`);
      const barePerS = await bareRowsPerS(database, written);
      say(`read and hashed them, ${barePerS}/s`);
      return {
        writtenRowsPerS: rowsPerS,
        verifiedRowsPerS: verifiedPerS,
        bareRowsPerS: barePerS,
        verifiedRows: written,
      };
    });
    const questions = await inDatabase(stack.postgres.url, 'audit_asked', (asked) => answers(asked, rows, say));
    if (json) return `${JSON.stringify({ auditRows: rows, ...verified, questions })}\n`;
    return [
      `${rows} rows; written ${verified.writtenRowsPerS}/s, verified ${verified.verifiedRowsPerS}/s (${verified.verifiedRows} rows); reading and hashing them alone ${verified.bareRowsPerS}/s`,
      ...questions.map(
        ({ name, p50Ms, p95Ms, maxMs }) => `${name.padEnd(46)} p50 ${p50Ms} ms  p95 ${p95Ms} ms  max ${maxMs} ms`,
      ),
      '',
    ].join('\n');
  } finally {
    await stack.stop();
  }
}

interface Benched {
  readonly url: string;
  readonly database: Database;
}

async function inDatabase<T>(server: string, name: string, work: (benched: Benched) => Promise<T>): Promise<T> {
  const url = await createDatabase(server, name);
  await migrate(url);
  const database = openDatabase({ url, statementTimeoutMs: databaseTimeoutMs });
  try {
    return await work({ url, database });
  } finally {
    await database.close();
  }
}

async function answers({ url, database }: Benched, rows: number, say: (line: string) => void): Promise<Measured[]> {
  const audit: GeneratedAudit = {
    environment: 'live',
    rows,
    days: auditDays,
    endMs: Math.floor(Date.now() / dayMs) * dayMs,
    projects: 20,
    endpoints: 100,
  };
  const startMs = performance.now();
  await generateAudit(database, audit, (done) => say(`generated day ${done} of ${audit.days}`));
  say(`generated ${rows} rows in ${Math.round((performance.now() - startMs) / 1000)} s`);
  const reads = openAuditReads(database, audit.environment);
  const random = seededRandom(1);
  const measured: Measured[] = [];
  const measure = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
    const times: number[] = [];
    for (let time = 0; time < auditAsks; time += 1) {
      const askedMs = performance.now();
      await ask();
      times.push(performance.now() - askedMs);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(times[Math.floor((times.length - 1) * share)]! * 10) / 10;
    measured.push({ name, p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) });
    say(`${name}: p95 ${at(0.95)} ms`);
  };
  for (const { name, ask } of auditQuestions(audit)) await measure(name, () => ask(reads, random));
  // A command asks once: it connects, and the server knows nothing of this database yet.
  const fresh = async (dispatch: string): Promise<void> => {
    const asking = openDatabase({ url, connectionsMax: 1 });
    await openAuditReads(asking, audit.environment).deliveryStory(dispatch);
    await asking.close();
  };
  const events = generated.events(audit);
  const among = { 'of the last day': events / audit.days, 'of any day': events };
  for (const [name, last] of Object.entries(among)) {
    const dispatches: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      const event = generated.event(events - 1 - Math.floor(random() * last));
      dispatches.push((await reads.findDeliveries({ id: event })).deliveries[0]!.dispatch);
    }
    await measure(`a story ${name}, on a new connection`, () => fresh(dispatches[Math.floor(random() * 20)]!));
  }
  return measured;
}
