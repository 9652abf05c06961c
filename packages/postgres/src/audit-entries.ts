// Rows of audit_record as the command line shows them: the story of a delivery, or what became of an event.

import type { AuditRecordType } from '@postrider/core/contracts';
import { decodeAudit } from '@postrider/core/contracts';
import type { ConnectionSession, Database } from './database.ts';
import { windowSql } from './day-windows.ts';
import { parsePosition } from './delivery-search.ts';
import { clockErrorMs, recentStoryMs, storyRecordsMax } from './limits.ts';
import { plannedOnce } from './planned-once.ts';

/** One record of the audit log; a column is null where the record does not say. */
export interface AuditEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The broker's time. */
  readonly recordedAt: Date;
  /** Null: the value could not be read as an audit record. */
  readonly type: AuditRecordType | null;
  readonly dispatch: string | null;
  readonly round: number | null;
  readonly attempt: number | null;
  readonly park: number | null;
  readonly endpoint: string | null;
  readonly endpointVersion: number | null;
  readonly project: string | null;
  readonly event: string | null;
  readonly eventType: string | null;
  readonly subject: string | null;
  readonly origin: string | null;
  readonly actor: string | null;
  /** The writer's time: start of the attempt, or when the fact was stated. */
  readonly at: Date | null;
  readonly durationMs: number | null;
  readonly url: string | null;
  readonly status: 'SUCCESS' | 'FAIL' | 'ERROR' | null;
  readonly outcome: string | null;
  readonly httpStatus: number | null;
  readonly detail: string | null;
  readonly disposition: 'delivered' | 'retry' | 'dead' | 'suppressed' | null;
  readonly reason: string | null;
  readonly due: Date | null;
  readonly responseDigest: string | null;
  readonly responseBytes: number | null;
  readonly responseTruncated: boolean | null;
  readonly responseExcerpt: Buffer | null;
  /** A record of the same identity stands before it: counts nowhere. */
  readonly duplicate: boolean;
  /** Came after its round was closed: counts nowhere. */
  readonly late: boolean;
  /** The columns do not say all that `value` says; `problem` says why. */
  readonly unreadable: boolean;
  readonly problem: string | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export const entryColumns = `r.topic, r.partition, r.record_offset AS "offset", r.recorded_at AS "recordedAt", r.type, r.dispatch, r.round,
  r.attempt, r.park, r.endpoint, r.endpoint_version AS "endpointVersion", r.project, r.event, r.event_type AS "eventType", r.subject,
  r.origin, r.actor, r.occurred_at AS "at", r.duration_ms AS "durationMs", r.url, r.status, r.outcome, r.http_status AS "httpStatus",
  r.detail, r.disposition, r.reason, r.due_at AS "due", r.response_digest AS "responseDigest", r.response_bytes AS "responseBytes",
  r.response_truncated AS "responseTruncated", r.response_excerpt AS "responseExcerpt", r.duplicate, r.late, r.unreadable, r.problem,
  r.key, r.value`;

/**
 * Everything that the log holds on some dispatches, by dispatch, oldest first: the EventAccepted records that made each, its
 * attempts, deferrals and ends, and replays asked for by its id. Of one dispatch at most `recordsMax`; unknown ones are left out.
 * @throws PostgresError
 */
export async function storiesOf(
  database: Database,
  environment: string,
  dispatches: readonly string[],
  recordsMax: number,
): Promise<Map<string, AuditEntry[]>> {
  const { stories, isCut } = await plannedOnce(database, (session) =>
    tellStories(session, environment, dispatches, recordsMax),
  );
  if (!isCut || dispatches.length < 2) return stories;
  // Too many records to be told at once: those that were left out may be all of some dispatch's.
  const middle = Math.ceil(dispatches.length / 2);
  const halves = [dispatches.slice(0, middle), dispatches.slice(middle)];
  const told = [];
  for (const half of halves) told.push(...(await storiesOf(database, environment, half, recordsMax)));
  return new Map(told);
}

/** Connections that a story was asked on before. */
const askedBefore = new WeakSet<object>();

async function tellStories(
  session: ConnectionSession,
  environment: string,
  dispatches: readonly string[],
  recordsMax: number,
): Promise<{ readonly stories: Map<string, AuditEntry[]>; readonly isCut: boolean }> {
  const known = await session.query<{ dispatch: string; event: string; firstSeen: Date; isRecent: boolean }>(
    `SELECT dispatch, event, min(first_seen) AS "firstSeen", min(first_seen) > now() - interval '${recentStoryMs} ms' AS "isRecent" FROM delivery
     WHERE environment = $1 AND dispatch = ANY ($2::text[]) GROUP BY dispatch, event`,
    [environment, dispatches],
  );
  if (known.length === 0) return { stories: new Map(), isCut: false };
  // Days before a delivery was first seen cannot hold its records: their partitions need no look. Of a recent one, and of any that is
  // asked first on a connection, the moment stands in the statement: the server reads the catalog of those days alone, which takes it
  // longer than all else. On a connection that goes on being asked a plan that is kept is sooner done than one for many days.
  const from = new Date(Math.min(...known.map(({ firstSeen }) => firstSeen.getTime())) - clockErrorMs);
  const forItsDays = known.every((each) => each.isRecent) || !askedBefore.has(session.connection);
  askedBefore.add(session.connection);
  const ask = (name: string, condition: string, values: readonly string[], order: string): Promise<AuditEntry[]> => {
    const since = forItsDays ? windowSql('r.recorded_at', { from }) : ' AND r.recorded_at >= $3';
    return session.query<AuditEntry>(
      `SELECT ${entryColumns} FROM audit_record r WHERE r.environment = $1 AND ${condition}${since}
       ORDER BY ${order} LIMIT ${recordsMax}`,
      forItsDays ? [environment, values] : [environment, values, from.toISOString()],
      forItsDays ? undefined : `${name}_${recordsMax}`,
    );
  };
  const accepted = await ask(
    'story_accepted',
    "r.event = ANY ($2::text[]) AND r.dispatch IS NULL AND r.type = 'EventAccepted'",
    [...new Set(known.map(({ event }) => event))],
    'r.recorded_at, r.topic, r.partition, r.record_offset',
  );
  const moved = await ask(
    'story_moved',
    'r.dispatch = ANY ($2::text[])',
    known.map(({ dispatch }) => dispatch),
    'r.topic, r.partition, r.record_offset',
  );
  const byDispatch = Map.groupBy(moved, ({ dispatch }) => dispatch);
  const stories = known.map(({ dispatch, event }): [string, AuditEntry[]] => {
    const made = accepted.filter((entry) => entry.event === event && names(entry, dispatch));
    return [dispatch, [...made, ...(byDispatch.get(dispatch) ?? [])].sort(inOrder)];
  });
  return { stories: new Map(stories), isCut: moved.length === recordsMax || accepted.length === recordsMax };
}

/** By the broker's time; of one time what was accepted before what was attempted, and one partition in its own order. */
function inOrder(a: AuditEntry, b: AuditEntry): number {
  const apart = a.recordedAt.getTime() - b.recordedAt.getTime();
  if (apart !== 0) return apart;
  if (a.topic !== b.topic) return a.topic < b.topic ? 1 : -1;
  return a.partition - b.partition || a.offset - b.offset;
}

/** Event ids are unique within their source only, and one event makes many dispatches: the record itself says which. */
function names({ value }: AuditEntry, dispatch: string): boolean {
  const decoded = decodeAudit(value);
  return (
    decoded.ok &&
    decoded.value.type === 'EventAccepted' &&
    decoded.value.dispatches.some((each) => each.dispatch === dispatch)
  );
}

/**
 * The Event* records of an event id or of `topic/partition/offset`, also of events that matched nobody or were rejected; and
 * the audit record that stands at that place itself.
 * @throws PostgresError
 */
export async function recordsOfEvent(database: Database, environment: string, id: string): Promise<AuditEntry[]> {
  const position = parsePosition(id);
  const text = id.toWellFormed().replaceAll('\0', '\uFFFD');
  const eventsBy = (column: 'event' | 'origin'): string => `SELECT ${entryColumns} FROM audit_record r
     WHERE r.environment = $1 AND r.${column} = $2 AND r.dispatch IS NULL
       AND r.type IN ('EventAccepted', 'EventUnmatched', 'EventRejected')`;
  const itself = `SELECT ${entryColumns} FROM audit_record r
     WHERE r.environment = $1 AND r.topic = $3 AND r.partition = $4::bigint AND r.record_offset = $5::bigint`;
  // An event id may have the form of a position, and no record is told twice.
  const sql =
    position === undefined
      ? eventsBy('event')
      : `${eventsBy('origin')} UNION ALL ${eventsBy('event')} AND r.origin IS DISTINCT FROM $2 UNION ALL ${itself}`;
  return plannedOnce(database, (session) =>
    session.query<AuditEntry>(
      `SELECT * FROM (${sql}) AS each ORDER BY "recordedAt", topic, partition, "offset" LIMIT ${storyRecordsMax}`,
      position === undefined
        ? [environment, text]
        : [environment, text, position.topic, position.partition, position.offset],
      position === undefined ? 'event_records' : 'event_records_at',
    ),
  );
}
