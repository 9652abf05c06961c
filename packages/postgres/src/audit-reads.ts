// The read side for people and the command line, of one environment.

import { searchAttempts, type AttemptPage, type AttemptQuery } from './attempt-search.ts';
import { recordsOfEvent, storiesOf, type AuditEntry } from './audit-entries.ts';
import { readDailyCounts, recountDays, type CountFilter, type DailyCount } from './daily-counts.ts';
import type { Database } from './database.ts';
import {
  roundsOf,
  searchDeliveries,
  type DeliveryPage,
  type DeliveryQuery,
  type RoundState,
} from './delivery-search.ts';
import type { DeliveryState } from './fold-delivery.ts';
import { storyRecordsMax } from './limits.ts';

export interface ProjectedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record that is not in the tables yet. */
  readonly next: number;
  readonly updatedAt: Date;
}

export interface Totals {
  readonly records: number;
  readonly duplicates: number;
  readonly late: number;
  readonly unreadable: number;
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  /** Deliveries that took more than one attempt. */
  readonly retried: number;
}

/** Every method throws PostgresError. */
export interface AuditReads {
  findDeliveries(query: DeliveryQuery): Promise<DeliveryPage>;
  /** The rounds of some dispatches, by dispatch, rising; unknown ones are left out. */
  rounds(dispatches: readonly string[]): Promise<ReadonlyMap<string, readonly RoundState[]>>;
  /** Attempts by endpoint, status and time. */
  findAttempts(query: AttemptQuery): Promise<AttemptPage>;
  /** The records of a dispatch in order; empty when it is unknown. */
  deliveryStory(dispatchId: string): Promise<AuditEntry[]>;
  /** The same of several, asked at once; unknown ones are left out. */
  deliveryStories(dispatchIds: readonly string[]): Promise<ReadonlyMap<string, AuditEntry[]>>;
  /** Event* records by event id or `topic/partition/offset`. */
  eventRecords(id: string): Promise<AuditEntry[]>;
  dailyCounts(filter?: CountFilter): Promise<DailyCount[]>;
  /** As `dailyCounts`, computed anew from the records. */
  recount(filter?: CountFilter): Promise<DailyCount[]>;
  /** By topic and partition. */
  projectionStatus(): Promise<ProjectedPartition[]>;
  /** Reads every record: for small databases and tests. */
  totals(): Promise<Totals>;
}

/** @param storyRecords that are read at once; of more the stories are told in parts */
export function openAuditReads(
  database: Database,
  environment: string,
  storyRecords: number = storyRecordsMax,
): AuditReads {
  const tell = (dispatches: readonly string[]): Promise<Map<string, AuditEntry[]>> =>
    storiesOf(database, environment, dispatches, storyRecords);
  return {
    findAttempts: (query) => searchAttempts(database, environment, query),
    findDeliveries: (query) => searchDeliveries(database, environment, query),
    rounds: (dispatches) => roundsOf(database, environment, dispatches),
    deliveryStory: async (dispatchId) => (await tell([dispatchId])).get(dispatchId) ?? [],
    deliveryStories: tell,
    eventRecords: (id) => recordsOfEvent(database, environment, id),
    dailyCounts: (filter = {}) => readDailyCounts(database, environment, filter),
    recount: (filter = {}) => recountDays(database, environment, filter),
    projectionStatus: () =>
      database.query<ProjectedPartition>(
        `SELECT topic, partition, next, updated_at AS "updatedAt" FROM projection_offset WHERE environment = $1 ORDER BY topic, partition`,
        [environment],
      ),
    totals: () => readTotals(database, environment),
  };
}

async function readTotals(database: Database, environment: string): Promise<Totals> {
  const records = await database.query<Omit<Totals, 'deliveries' | 'retried'>>(
    `SELECT count(*) AS records, count(*) FILTER (WHERE duplicate) AS duplicates, count(*) FILTER (WHERE late) AS late,
            count(*) FILTER (WHERE unreadable) AS unreadable FROM audit_record WHERE environment = $1`,
    [environment],
  );
  const states = await database.query<{ state: DeliveryState; deliveries: number; retried: number }>(
    `SELECT state, count(*) AS deliveries, count(*) FILTER (WHERE attempts > 1) AS retried FROM delivery WHERE environment = $1 GROUP BY state`,
    [environment],
  );
  const deliveries: Record<DeliveryState, number> = {
    pending: 0,
    retrying: 0,
    deferred: 0,
    delivered: 0,
    dead: 0,
    suppressed: 0,
  };
  for (const row of states) deliveries[row.state] = row.deliveries;
  return { ...records[0]!, deliveries, retried: states.reduce((sum, row) => sum + row.retried, 0) };
}
