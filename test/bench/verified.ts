// An audit as the projector writes it, chained, over eight partitions, and how fast it is verified. With `npm run bench -- --verifies N`
// the database stays for the next time, since a million rows take minutes to write: whoever changes the verification verifies them again.

import { hash } from 'node:crypto';
import { join } from 'node:path';
import { auditRowOf } from '@postrider/audit-projector';
import { startStack } from '@postrider/dev-stack';
import {
  createDatabase,
  migrate,
  openAuditStore,
  openDatabase,
  serverAnswers,
  streamRecords,
  type Database,
} from '@postrider/postgres';
import { verifyAudit } from '@postrider/postrider';
import { acceptedRecord, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { usageOf } from './process-usage.ts';

export interface VerifyBench {
  readonly rows: number;
  readonly repeat: number;
  readonly json: boolean;
  readonly say: (line: string) => void;
}

const environment = 'live';
const partitions = [0, 1, 2, 3];
const topics = ['audit', 'attempts'].map((word) => `${environment}.${word}`);
const batchRows = 1_000;
const databaseTimeoutMs = 60 * 60_000;
const answersMs = 5_000;

/** The text for stdout. */
export async function benchVerified({ rows, repeat, json, say }: VerifyBench): Promise<string> {
  const stack = await startStack({
    dataDir: join(import.meta.dirname, '..', '..', '.postrider', 'bench-verified'),
    kafka: false,
    progress: say,
  });
  try {
    const database = openDatabase({
      url: await written(stack.postgres.url, rows, say),
      statementTimeoutMs: databaseTimeoutMs,
    });
    try {
      const runs: { readonly rowsPerS: number; readonly nodeUs: number; readonly postgresUs: number }[] = [];
      for (let run = 0; run < repeat; run += 1) {
        const before = { node: process.cpuUsage(), postgres: await serverCpuMs(database) };
        const rowsPerS = await verifiedRowsPerS(database, rows);
        const node = process.cpuUsage(before.node);
        const postgresMs = (await serverCpuMs(database)) - before.postgres;
        runs.push({
          rowsPerS,
          nodeUs: tenths((node.user + node.system) / rows),
          postgresUs: tenths((1_000 * postgresMs) / rows),
        });
      }
      const barePerS = await bareRowsPerS(database, rows);
      if (json) return `${JSON.stringify({ verifies: rows, runs, bareRowsPerS: barePerS })}\n`;
      const lines = runs.map(
        ({ rowsPerS, nodeUs, postgresUs }) =>
          `verified ${rows} rows, ${rowsPerS}/s; CPU a row: Node ${nodeUs} µs, PostgreSQL ${postgresUs} µs\n`,
      );
      return `${lines.join('')}reading and hashing them alone ${barePerS}/s\n`;
    } finally {
      await database.close();
    }
  } finally {
    await stack.stop();
  }
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

/** The database with so many rows, as it was left or written now. */
async function written(server: string, rows: number, say: (line: string) => void): Promise<string> {
  const name = `verified_${rows}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  if (!(await serverAnswers(url.href, answersMs))) {
    await createDatabase(server, name);
    await migrate(url.href);
    const database = openDatabase({ url: url.href, statementTimeoutMs: databaseTimeoutMs });
    await writeVerified(database, rows, say);
    await database.close();
  }
  return url.href;
}

/** CPU time of the server with all of its processes, in ms. */
async function serverCpuMs(database: Database): Promise<number> {
  const [server] = await database.query<{ pid: string }>(
    String.raw`SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1) AS pid`,
  );
  return usageOf(Number(server!.pid), { children: true }).cpuMs;
}

/** @param rows are rounded up to whole batches */
export async function writeVerified(
  database: Database,
  rows: number,
  say: (line: string) => void,
): Promise<{ readonly written: number; readonly rowsPerS: number }> {
  const now = Date.now();
  const store = openAuditStore(database, { now: () => now });
  const startMs = performance.now();
  const batches = Math.ceil(rows / batchRows / (topics.length * partitions.length));
  await Promise.all(
    partitions.map(async (partition) => {
      for (const topic of topics) await store.claimOffsets(environment, [{ topic, partition, start: 0 }]);
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
  const all = batches * batchRows * topics.length * partitions.length;
  const rowsPerS = Math.round((all / (performance.now() - startMs)) * 1_000);
  say(`wrote ${all} rows, ${rowsPerS}/s`);
  await database.query('VACUUM ANALYZE');
  return { written: all, rowsPerS };
}

/** Chain, columns, counts, deliveries. */
export async function verifiedRowsPerS(database: Database, rows: number): Promise<number> {
  const startMs = performance.now();
  const verdict = await verifyAudit({ database, environment, checkpoints: undefined });
  const rowsPerS = Math.round((verdict.rows / (performance.now() - startMs)) * 1_000);
  if (!verdict.ok || verdict.rows !== rows) throw new Error(`not clean: ${JSON.stringify(verdict)}`);
  return rowsPerS;
}

/** The yardstick: the same rows and columns out of the same COPY, SHA-256 over each value, and nothing else; two at once, in this thread. */
export async function bareRowsPerS(database: Database, rows: number): Promise<number> {
  const startMs = performance.now();
  await Promise.all(
    topics.map((topic) =>
      database.snapshot(async (snapshot) => {
        for (const partition of partitions) {
          for await (const next of streamRecords(snapshot, { environment, topic, partition })) {
            for (let record = next(); record !== undefined; record = next()) hash('sha256', record.value!, 'hex');
          }
        }
      }),
    ),
  );
  return Math.round((rows / (performance.now() - startMs)) * 1_000);
}
