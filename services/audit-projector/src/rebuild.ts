// The tables made anew from Kafka, by the projector itself: the same rows, the same batches, the same heads. It reads as a
// group of its own, from where the offset rows stand to the ends that the log had at the start, and leaves.

import { randomUUID } from 'node:crypto';
import { topicNames } from '@postrider/core/contracts';
import type { KafkaCluster } from '@postrider/kafka';
import { openAuditStore, type Database, type PostgresError } from '@postrider/postgres';
import { appendRowsMax } from '@postrider/postgres';
import { rebuildBufferBytes } from './limits.ts';
import { Projector } from './projector.ts';

export interface RebuildDeps {
  readonly environment: string;
  readonly cluster: KafkaCluster;
  /** Of a login that may append; with empty tables, or with offset rows that say where to begin. */
  readonly database: Database;
  readonly clock: { readonly now: () => number; readonly monotonic: () => number };
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  /** Told after each transaction. */
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /** PostgreSQL or Kafka refused; it is tried again. */
  readonly onTrouble?: ((message: string) => void) | undefined;
}

export interface RebuildProgress {
  /** Records that stand in the tables now. */
  readonly records: number;
  /** Offsets between where it began and the ends. */
  readonly of: number;
}

export interface Rebuilt {
  readonly records: number;
  readonly duplicates: number;
  readonly unreadable: number;
}

/** @throws Error when a partition cannot be followed to its end, or the signal is raised. */
export async function rebuildTables(deps: RebuildDeps): Promise<Rebuilt> {
  const { environment, cluster, clock, sleep, signal } = deps;
  const topics = topicNames(environment);
  const admin = cluster.admin();
  const read = [topics.audit, topics.attempts];
  const ends = new Map<string, number>();
  for (const topic of read) {
    for (const [partition, end] of await admin.endOffsets(topic)) ends.set(`${topic}/${partition}`, end);
  }
  const done = Promise.withResolvers<void>();
  const sums = { records: 0, duplicates: 0, unreadable: 0 };
  let of = 0;
  /** PostgreSQL said nothing to what it was given last. */
  let unanswered = false;
  const finished = (): boolean => {
    const reached = new Map(projector.lanes().map((lane) => [`${lane.topic}/${lane.partition}`, lane.next]));
    return [...ends].every(([place, end]) => (reached.get(place) ?? -1) >= end);
  };
  const projector: Projector = new Projector({
    environment,
    store: openAuditStore(deps.database, clock),
    consumer: () => consumer,
    logEnd: async (topic, partition) => (await admin.endOffsets(topic)).get(partition) ?? 0,
    observer: {
      appended(lane, result) {
        unanswered = false;
        sums.records += result.rows;
        sums.duplicates += result.duplicates;
        sums.unreadable += result.unreadable;
        deps.onProgress?.({ records: sums.records, of });
        if (lane.next >= (ends.get(`${lane.topic}/${lane.partition}`) ?? 0) && finished()) done.resolve();
      },
      transacted: () => undefined,
      fenced(lane) {
        // Of what got no answer it was not known that it stands.
        if (!unanswered) {
          const what = `somebody else writes ${lane.topic}/${lane.partition} into these tables: stop that first`;
          done.reject(new Error(what));
        } else if (finished()) done.resolve();
      },
      failed(error: PostgresError) {
        unanswered = true;
        deps.onTrouble?.(error.message);
      },
      faulty: (lane) => done.reject(new Error(lane.fault ?? 'a partition cannot be followed')),
    },
    batchRecords: appendRowsMax,
    bufferBytes: rebuildBufferBytes,
    topicOrder: read,
    sleep,
    monotonic: clock.monotonic,
  });
  const groupId = `${environment}.audit-rebuild-${randomUUID().slice(0, 8)}`;
  const consumer = cluster.consumeGroup({
    groupId,
    topics: read,
    prepare: async (partitions, aborted) => {
      const starts = await projector.prepare(partitions, aborted);
      of = starts.reduce(
        (sum, { topic, partition, offset }) => sum + Math.max(0, (ends.get(`${topic}/${partition}`) ?? 0) - offset),
        0,
      );
      // There may be nothing to write at all.
      if (finished()) done.resolve();
      return starts;
    },
    onAssigned: (assignment) => projector.onAssigned(assignment),
    onRevoked: () => projector.settle(),
    onRecords: (batch) => projector.onRecords(batch),
    onPassed: (passed) => projector.onRecords({ ...passed, records: [] }),
    onError: (error) => deps.onTrouble?.(error.message),
    onPartitionFault: ({ topic, partition, offset, error }) =>
      done.reject(new Error(`${topic}/${partition} cannot be read at ${offset}: ${error.message}`)),
    onRangeLost: ({ topic, partition, from, to }) =>
      done.reject(
        new Error(
          `${topic}/${partition}: records ${from} to ${to - 1} are not in Kafka any more; begin at a later checkpoint`,
        ),
      ),
  });
  const abort = (): void =>
    done.reject(
      new Error(
        'the rebuild was interrupted; what was written stands: audit-projector goes on from there, and a rebuild begins anew in an empty database',
      ),
    );
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    await done.promise;
    return sums;
  } finally {
    signal.removeEventListener('abort', abort);
    await projector.stop();
    await consumer.stop();
    await admin.deleteGroup(groupId).catch(() => undefined);
  }
}
