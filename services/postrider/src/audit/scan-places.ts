// All partitions at once: few rows side by side in this thread, many in this one and another for each further core, which take one
// partition after the other. Chains do not touch each other, so what comes back are verdicts, and sums that are added up.
//
//   in:   a partition's work, or null: no more        out:  ready · rows (now and then) · scanned · failed

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { PostgresError, type Database, type DatabaseSettings } from '@postrider/postgres';
import type { SumKey } from './keyed-sum.ts';
import { placesAtOnce, threadsMax } from './limits.ts';
import { scanPlace, type PlaceScan } from './scan-place.ts';
import type { PlaceWork } from './verify-rows.ts';

export interface ThreadStart {
  readonly settings: DatabaseSettings;
  readonly snapshotId: string;
  readonly key: SumKey;
}

export type ThreadAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'scanned'; readonly scan: PlaceScan }
  | { readonly kind: 'failed'; readonly code: string; readonly sqlState: string | undefined; readonly message: string };

export interface ScanPlaces {
  readonly database: Database;
  readonly snapshotId: string;
  readonly key: SumKey;
  /** There are so many rows that threads are worth their start. */
  readonly inThreads: boolean;
  readonly onRows: (rows: number) => void;
}

/** In the order of the works. @throws PostgresError */
export async function scanPlaces(works: readonly PlaceWork[], options: ScanPlaces): Promise<PlaceScan[]> {
  // The largest first: whoever gets the last one is not waited for long.
  const waiting = works.toSorted((a, b) => (b.offsetRow?.rows ?? 0) - (a.offsetRow?.rows ?? 0));
  const scans = new Map<PlaceWork, PlaceScan>();
  const { database, snapshotId, key, onRows } = options;
  const here = (): Promise<void> =>
    database.snapshot(async (joined) => {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
        scans.set(work, await scanPlace(joined, work, { key, onRows }));
      }
    }, snapshotId);
  const others = (count: number): Thread[] => Array.from({ length: count }, () => inThread(waiting, scans, options));
  const threads = Math.min(threadsMax, availableParallelism(), works.length);
  await (!options.inThreads || threads < 2
    ? Promise.all(Array.from({ length: Math.min(placesAtOnce, works.length) }, here))
    : // This one has everything loaded: it begins at once.
      allOf([{ done: here(), stop: async () => undefined }, ...others(threads - 1)]));
  return works.flatMap((work) => scans.get(work) ?? []);
}

interface Thread {
  readonly done: Promise<void>;
  stop(): Promise<unknown>;
}

function inThread(
  waiting: PlaceWork[],
  scans: Map<PlaceWork, PlaceScan>,
  { database, snapshotId, key, onRows }: ScanPlaces,
): Thread {
  const start: ThreadStart = { settings: database.settings, snapshotId, key };
  const worker = new Worker(new URL('place-thread.ts', import.meta.url), { workerData: start });
  const done = new Promise<void>((resolve, reject) => {
    let at: PlaceWork | undefined;
    const next = (): void => {
      at = waiting.shift();
      worker.postMessage(at ?? null);
    };
    worker.on('message', (answer: ThreadAnswer) => {
      switch (answer.kind) {
        case 'ready':
          return next();
        case 'rows':
          return onRows(answer.rows);
        case 'scanned':
          scans.set(at!, answer.scan);
          return next();
        case 'failed':
          return reject(failure(answer));
      }
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
  return { done, stop: () => worker.terminate() };
}

/** One that fails ends the others. */
async function allOf(threads: readonly Thread[]): Promise<void> {
  try {
    await Promise.all(threads.map(({ done }) => done));
  } finally {
    await Promise.all(threads.map((thread) => thread.stop()));
  }
}

function failure({ code, sqlState, message }: Extract<ThreadAnswer, { kind: 'failed' }>): Error {
  return code === 'bug'
    ? new Error(message)
    : new PostgresError(code as PostgresError['code'], message, sqlState === undefined ? {} : { sqlState });
}
