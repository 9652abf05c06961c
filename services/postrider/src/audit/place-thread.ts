// A thread that reads the rows of partitions and compares them, on a connection of its own that sees the moment of the others. Started
// by scan-places.ts, which says what comes in and goes out.

import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase, PostgresError } from '@postrider/postgres';
import { scanPlace } from './scan-place.ts';
import type { PlaceWork } from './verify-rows.ts';
import type { ThreadAnswer, ThreadStart } from './scan-places.ts';

const { settings, snapshotId, key } = workerData as ThreadStart;
const port = parentPort!;
const say = (answer: ThreadAnswer): void => port.postMessage(answer);

const waiting: (PlaceWork | undefined)[] = [];
let came: () => void = () => undefined;
port.on('message', (work: PlaceWork | null) => {
  waiting.push(work ?? undefined);
  came();
});

async function nextWork(): Promise<PlaceWork | undefined> {
  while (waiting.length === 0) {
    await new Promise<void>((resolve) => {
      came = resolve;
    });
  }
  return waiting.shift();
}

const database = openDatabase(settings);
try {
  await database.snapshot(async (snapshot) => {
    say({ kind: 'ready' });
    for (let work = await nextWork(); work !== undefined; work = await nextWork()) {
      const scan = await scanPlace(snapshot, work, { key, onRows: (rows) => say({ kind: 'rows', rows }) });
      say({ kind: 'scanned', scan });
    }
  }, snapshotId);
} catch (error) {
  const { code, sqlState } = error instanceof PostgresError ? error : { code: 'bug', sqlState: undefined };
  say({ kind: 'failed', code, sqlState, message: error instanceof Error ? error.message : String(error) });
} finally {
  await database.close();
  port.close();
}
