// `npm run bench -- --appends N`: how fast the projection writes N deliveries, and what one costs PostgreSQL and the client:
// with accepting and settling in one append, and in two. On a PostgreSQL of its own, with fsync and without Kafka.

import { join } from 'node:path';
import { RowsAhead } from '@postrider/audit-projector/rows-ahead';
import { encodeAudit, type AuditRecord } from '@postrider/core/contracts';
import { startStack } from '@postrider/dev-stack';
import {
  createDatabase,
  migrate,
  openAuditStore,
  openDatabase,
  type AppendBatch,
  type Database,
  type SentBehind,
} from '@postrider/postgres';
import { acceptedRecord, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
import { appendsYardstick } from './appends-yardstick.ts';
import { appendDeliveries } from './limits.ts';
import { usageOf } from './process-usage.ts';

export interface AppendsBench {
  readonly deliveries: number;
  readonly json: boolean;
  readonly say: (line: string) => void;
}

interface Measured {
  readonly how: 'together' | 'apart';
  readonly rowsPerS: number;
  /** CPU a delivery, µs. */
  readonly postgresUs: number;
  readonly clientUs: number;
}

const environment = 'bench';
const nowMs = Date.UTC(2030, 4, 2, 12);

/** The text for stdout. */
export async function benchAppends({ deliveries, json, say }: AppendsBench): Promise<string> {
  const stack = await startStack({
    dataDir: join(import.meta.dirname, '..', '..', '.postrider', `bench-appends-${process.pid}`),
    fresh: true,
    kafka: false,
    progress: say,
  });
  try {
    const measured: Measured[] = [];
    for (const how of ['together', 'apart'] as const) {
      say(`${deliveries} deliveries, ${how} …`);
      measured.push(await appends(stack.postgres.url, how, deliveries));
    }
    say('rows that are nothing but rows, as a yardstick …');
    const yardstickRowsPerS = await appendsYardstick(stack.postgres.url, 2 * deliveries);
    if (json) return `${JSON.stringify({ deliveries, appends: measured, yardstickRowsPerS })}\n`;
    const lines = measured.map(
      ({ how, rowsPerS, postgresUs, clientUs }) =>
        `${how.padEnd(9)} ${rowsPerS} rows/s  a delivery: PostgreSQL ${postgresUs} µs, client ${clientUs} µs\n`,
    );
    return `${lines.join('')}yardstick ${yardstickRowsPerS} rows/s  of 300 bytes, chained, by one connection\n`;
  } finally {
    await stack.stop();
  }
}

async function appends(server: string, how: Measured['how'], deliveries: number): Promise<Measured> {
  const url = await createDatabase(server, how);
  await migrate(url);
  const database = openDatabase({ url, connectionsMax: 2, role: 'postrider_projector' });
  try {
    const store = openAuditStore(database, { now: () => nowMs });
    const topics = ['audit', 'attempts'].map((word) => ({ topic: `${environment}.${word}`, partition: 0, start: 0 }));
    await store.claimOffsets(environment, topics);
    const backends = await backendsOf(database);
    const batches = Math.ceil(deliveries / appendDeliveries);
    // The first tenth makes the day, the plans and the compiler's acquaintance, and is not measured.
    const unmeasured = Math.max(1, Math.floor(batches / 10));
    const fetched = Array.from({ length: unmeasured + batches }, (_, batch) => fetchOf(batch * appendDeliveries));
    const appended = how === 'together' ? fetched : fetched.flatMap((parts) => parts.map((part) => [part]));
    const first = unmeasured * (how === 'together' ? 1 : 2);
    const last = first + batches * (how === 'together' ? 1 : 2);
    const ahead = new RowsAhead<Read[number]['rows'][number]>();
    const partsOf = (records: Read): AppendBatch[] =>
      records.map((part) => ({ ...part, rows: part.rows.map((row) => ahead.rowOf(row)) }));
    const now = () => ({ wallMs: performance.now(), client: process.cpuUsage(), postgresMs: cpuMsOf(backends) });
    let before = now();
    let following = recordsOf(appended[0]!);
    let sent: SentBehind | undefined;
    for (let index = 0; index < last; index += 1) {
      if (index === first) before = now();
      const records = following;
      const next = (following = recordsOf(appended[index + 1] ?? []));
      let written = false;
      const isWritten = (): boolean => written;
      // As the projector does: while these are written, what can be made of the next is made, and sent.
      const writing = (async () => {
        const results = (await sent?.ended) ?? (await store.appendTogether(partsOf(records)));
        written = true;
        if (!results.every(({ kind }) => kind === 'appended')) throw new Error('an append came to nothing');
      })();
      const preparing = ahead
        .make(
          next.flatMap(({ rows }) => rows),
          isWritten,
        )
        .then(() => (written || next.length === 0 ? undefined : store.prepare(partsOf(next), isWritten)));
      [, sent] = await Promise.all([writing, preparing]);
    }
    const [after, client] = [now(), process.cpuUsage(before.client)];
    const spent = {
      wallMs: after.wallMs - before.wallMs,
      postgresMs: after.postgresMs - before.postgresMs,
      clientMs: (client.user + client.system) / 1_000,
    };
    const deliveriesWritten = batches * appendDeliveries;
    const each = (ms: number): number => Math.round((ms * 10_000) / deliveriesWritten) / 10;
    return {
      how,
      rowsPerS: Math.round((2_000 * deliveriesWritten) / spent.wallMs),
      postgresUs: each(spent.postgresMs),
      clientUs: each(spent.clientMs),
    };
  } finally {
    await database.close();
  }
}

/** Process ids of the server's side of both connections. */
async function backendsOf(database: Database): Promise<number[]> {
  const asked = Array.from({ length: 2 }, () =>
    database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_sleep(0.2)'),
  );
  return (await Promise.all(asked)).map(([row]) => row!.pid);
}

const cpuMsOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + usageOf(pid).cpuMs, 0);

type Fetched = ReturnType<typeof fetchOf>;
type Read = ReturnType<typeof recordsOf>;

/** Accepting and settling of so many deliveries, as Kafka gives them: their bytes in one piece, until they are read. */
function fetchOf(from: number) {
  const samples = Array.from({ length: appendDeliveries }, (_, index): Sample => {
    const number = from + index;
    return { environment, number, endpoint: `ep_${number % 100}`, atMs: nowMs - 10_000 + Math.floor(number / 10) };
  });
  const place = { environment, partition: 0, expectedNext: from, next: from + appendDeliveries };
  return [
    { ...place, topic: `${environment}.audit`, values: packed(samples.map((sample) => acceptedRecord(sample))) },
    {
      ...place,
      topic: `${environment}.attempts`,
      values: packed(samples.map((sample) => settledRecord(sample, { attempt: 1, next: 'delivered' }))),
    },
  ];
}

function packed(records: readonly AuditRecord[]): { readonly bytes: Buffer; readonly ends: Uint32Array } {
  const values = records.map((record) => encodeAudit(record));
  let end = 0;
  return { bytes: Buffer.concat(values), ends: Uint32Array.from(values, ({ length }) => (end += length)) };
}

function recordsOf(fetched: Fetched) {
  return fetched.map(({ values: { bytes, ends }, ...place }) => ({
    ...place,
    rows: Array.from(ends, (end, index) =>
      logRecord(bytes.subarray(ends[index - 1] ?? 0, end), { offset: place.expectedNext + index, timestamp: nowMs }),
    ),
  }));
}
