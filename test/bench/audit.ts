// `npm run bench -- --audit-rows N`: how long questions of an audit of N rows take, and how fast one is verified. On a
// PostgreSQL of its own, with fsync, or on the one that is named.

import { hash } from 'node:crypto';
import { join } from 'node:path';
import { auditRowOf } from '@postrider/audit-projector';
import { startStack } from '@postrider/dev-stack';
import {
  createDatabase,
  migrate,
  openAuditReads,
  openAuditStore,
  openDatabase,
  streamRecords,
  type Database,
} from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { generateAudit, generated, type GeneratedAudit } from '../support/audit-generator.ts';
import { acceptedRecord, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { auditQuestions } from '../support/audit-questions.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { auditAsks, auditDays, auditVerifiedRowsMax } from './limits.ts';

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
    const verified = await inDatabase(stack.postgres.url, 'audit_verified', ({ database }) =>
      verification(database, Math.min(rows, auditVerifiedRowsMax), say),
    );
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

/** Rows as the projector writes them, chained, over eight partitions; then all of it verified. */
async function verification(
  database: Database,
  rows: number,
  say: (line: string) => void,
): Promise<{ writtenRowsPerS: number; verifiedRowsPerS: number; bareRowsPerS: number; verifiedRows: number }> {
  const environment = 'live';
  const now = Date.now();
  const store = openAuditStore(database, { now: () => now });
  const batchRows = 1_000;
  const startMs = performance.now();
  const batches = Math.ceil(rows / batchRows / 8);
  await Promise.all(
    [0, 1, 2, 3].map(async (partition) => {
      for (const topic of ['audit', 'attempts']) {
        await store.claimOffsets(environment, [{ topic: `${environment}.${topic}`, partition, start: 0 }]);
      }
      for (let batch = 0; batch < batches; batch += 1) {
        const samples = Array.from({ length: batchRows }, (_, index): Sample => {
          const number = (batch * batchRows + index) * 4 + partition;
          return { environment, number, endpoint: `ep_${number % 500}`, atMs: now - 60_000 };
        });
        const at = (index: number) => ({ offset: batch * batchRows + index, timestamp: now - 50_000 + batch });
        const range = { expectedNext: batch * batchRows, next: (batch + 1) * batchRows, partition, environment };
        const accepted = samples.map((sample, index) => auditRowOf(logRecord(acceptedRecord(sample), at(index))));
        await store.append({ ...range, topic: `${environment}.audit`, rows: accepted });
        const settled = samples.map((sample, index) =>
          auditRowOf(logRecord(settledRecord(sample, { attempt: 1, next: 'delivered' }), at(index))),
        );
        await store.append({ ...range, topic: `${environment}.attempts`, rows: settled });
      }
    }),
  );
  const written = batches * batchRows * 8;
  const writtenRowsPerS = Math.round((written / (performance.now() - startMs)) * 1_000);
  say(`wrote ${written} rows, ${writtenRowsPerS}/s`);
  await database.query('VACUUM ANALYZE');
  const verifiedMs = performance.now();
  const verdict = await verifyAudit({ database, environment, checkpoints: undefined });
  const verifiedRowsPerS = Math.round((verdict.rows / (performance.now() - verifiedMs)) * 1_000);
  if (!verdict.ok || verdict.rows !== written) throw new Error(`not clean: ${JSON.stringify(verdict)}`);
  say(`verified ${verdict.rows} rows, ${verifiedRowsPerS}/s`);
  const bareRowsPerS = Math.round((verdict.rows / (await bareMs(database, environment))) * 1_000);
  say(`read and hashed them, ${bareRowsPerS}/s`);
  return { writtenRowsPerS, verifiedRowsPerS, bareRowsPerS, verifiedRows: verdict.rows };
}

/** The yardstick: the same rows and columns out of the same COPY, SHA-256 over each value, and nothing else; two at once, in this thread. */
async function bareMs(database: Database, environment: string): Promise<number> {
  const startMs = performance.now();
  await Promise.all(
    ['audit', 'attempts'].map((word) =>
      database.snapshot(async (snapshot) => {
        for (const partition of [0, 1, 2, 3]) {
          const place = { environment, topic: `${environment}.${word}`, partition };
          for await (const next of streamRecords(snapshot, place)) {
            for (let record = next(); record !== undefined; record = next()) hash('sha256', record.value!, 'hex');
          }
        }
      }),
    ),
  );
  return performance.now() - startMs;
}
