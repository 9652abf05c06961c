// `npm run bench -- --appends N`: how fast the projection writes N deliveries, and what one costs PostgreSQL and the client:
// with accepting and settling in one append, and in two. On a PostgreSQL of its own, with fsync and without Kafka.

import { join } from 'node:path';
import { RowsAhead } from '@postrider/audit-projector/rows-ahead';
import { startStack } from '@postrider/dev-stack';
import { createDatabase, migrate, openAuditStore, openDatabase, type AppendBatch } from '@postrider/postgres';
import { acceptedRecord, logRecord, settledRecord, type Sample } from '../support/audit-log.ts';
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
    if (json) return `${JSON.stringify({ deliveries, appends: measured })}\n`;
    return measured
      .map(
        ({ how, rowsPerS, postgresUs, clientUs }) =>
          `${how.padEnd(9)} ${rowsPerS} rows/s  a delivery: PostgreSQL ${postgresUs} µs, client ${clientUs} µs\n`,
      )
      .join('');
  } finally {
    await stack.stop();
  }
}

async function appends(server: string, how: Measured['how'], deliveries: number): Promise<Measured> {
  const url = await createDatabase(server, how);
  await migrate(url);
  const database = openDatabase({ url, connectionsMax: 1, role: 'postrider_projector' });
  try {
    const store = openAuditStore(database, { now: () => nowMs });
    const topics = ['audit', 'attempts'].map((word) => ({ topic: `${environment}.${word}`, partition: 0, start: 0 }));
    await store.claimOffsets(environment, topics);
    const [backend] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const batches = Math.ceil(deliveries / appendDeliveries);
    const spent = { wallMs: 0, postgresMs: 0, clientMs: 0 };
    // The first tenth makes the day, the plans and the compiler's acquaintance, and is not measured.
    const unmeasured = Math.max(1, Math.floor(batches / 10));
    const ahead = new RowsAhead<ReturnType<typeof recordsOf>[number]['rows'][number]>();
    const partsOf = (records: ReturnType<typeof recordsOf>): AppendBatch[] =>
      records.map((part) => ({ ...part, rows: part.rows.map((row) => ahead.rowOf(row)) }));
    let following = recordsOf(0);
    for (let batch = 0; batch < unmeasured + batches; batch += 1) {
      const records = following;
      following = recordsOf((batch + 1) * appendDeliveries);
      const before = { wall: performance.now(), postgres: usageOf(backend!.pid).cpuMs, client: process.cpuUsage() };
      let written = false;
      const isWritten = (): boolean => written;
      /** As the projector does: while these are written, what can be made of the next is made. */
      const write = async (parts: AppendBatch[], next: ReturnType<typeof recordsOf>): Promise<void> => {
        written = false;
        const writing = store.appendTogether(parts).then(() => (written = true));
        const preparing = ahead
          .make(
            next.flatMap(({ rows }) => rows),
            isWritten,
          )
          .then(() => (written ? undefined : store.prepare(partsOf(next), isWritten)));
        await Promise.all([writing, preparing]);
      };
      if (how === 'together') await write(partsOf(records), following);
      else {
        await write(partsOf(records.slice(0, 1)), records.slice(1));
        await write(partsOf(records.slice(1)), following.slice(0, 1));
      }
      if (batch < unmeasured) continue;
      const client = process.cpuUsage(before.client);
      spent.wallMs += performance.now() - before.wall;
      spent.postgresMs += usageOf(backend!.pid).cpuMs - before.postgres;
      spent.clientMs += (client.user + client.system) / 1_000;
    }
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

/** Accepting and settling of so many deliveries, as Kafka gives them. */
function recordsOf(from: number) {
  const samples = Array.from({ length: appendDeliveries }, (_, index): Sample => {
    const number = from + index;
    return { environment, number, endpoint: `ep_${number % 100}`, atMs: nowMs - 10_000 + Math.floor(number / 10) };
  });
  const place = { environment, partition: 0, expectedNext: from, next: from + appendDeliveries };
  const at = (index: number) => ({ offset: from + index, timestamp: nowMs });
  return [
    {
      ...place,
      topic: `${environment}.audit`,
      rows: samples.map((sample, index) => logRecord(acceptedRecord(sample), at(index))),
    },
    {
      ...place,
      topic: `${environment}.attempts`,
      rows: samples.map((sample, index) =>
        logRecord(settledRecord(sample, { attempt: 1, next: 'delivered' }), at(index)),
      ),
    },
  ];
}
