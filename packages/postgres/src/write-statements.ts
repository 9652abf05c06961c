// The one statement that writes an append: every column of every row as an array, in the order of the function's parameters
// (migration 0005). Which column takes what is one table a kind of row, so that a name and its value cannot drift apart.

import type { AuditRow } from './audit-row.ts';
import { binaryColumn, type ColumnType, type ColumnValue } from './binary-arrays.ts';
import type { Session } from './database.ts';
import type { FoldedBatch, FoldedDelivery, FoldedRow } from './fold-batch.ts';

/** A row, where its lane stands in `lanes` (from 1), and the hash after it. */
export interface LinkedRow {
  readonly row: AuditRow;
  readonly lane: number;
  readonly link: string;
}

export interface LaneMove {
  readonly topic: string;
  readonly partition: number;
  readonly expectedNext: number;
  readonly expectedHead: string;
  readonly next: number;
  readonly head: string;
  readonly rows: number;
  /** Name of the append that must have moved it to where it is expected. */
  readonly upon?: string | undefined;
}

export interface IdentityEntry {
  /** By `identityKey`. */
  readonly key: string;
  readonly recordedMs: number;
}

/** How a column is made of all rows. */
type Column<Row> = readonly [name: string, encode: (rows: readonly Row[]) => Buffer];

function column<Row, T extends ColumnType>(
  name: string,
  type: T,
  value: (row: Row) => ColumnValue<T> | null,
): Column<Row> {
  return [name, (rows) => binaryColumn(type, rows, value)];
}

const recordColumns: readonly Column<LinkedRow>[] = [
  column('record_lane', 'int4', ({ lane }) => lane),
  column('record_offset', 'int8', ({ row }) => row.offset),
  column('record_recorded_at', 'timestamptz', ({ row }) => row.recordedMs),
  column('record_key', 'bytea', ({ row }) => row.key),
  column('record_value', 'bytea', ({ row }) => row.value),
  column('record_type', 'text', ({ row }) => row.columns.type),
  column('record_dispatch', 'text', ({ row }) => row.columns.dispatch),
  column('record_round', 'int4', ({ row }) => row.columns.round),
  column('record_attempt', 'int4', ({ row }) => row.columns.attempt),
  column('record_park', 'int4', ({ row }) => row.columns.park),
  column('record_endpoint', 'text', ({ row }) => row.columns.endpoint),
  column('record_endpoint_version', 'int8', ({ row }) => row.columns.endpointVersion),
  column('record_project', 'text', ({ row }) => row.columns.project),
  column('record_event', 'text', ({ row }) => row.columns.event),
  column('record_event_type', 'text', ({ row }) => row.columns.eventType),
  column('record_subject', 'text', ({ row }) => row.columns.subject),
  column('record_origin', 'text', ({ row }) => row.columns.origin),
  column('record_actor', 'text', ({ row }) => row.columns.actor),
  column('record_occurred_at', 'timestamptz', ({ row }) => row.columns.occurredMs),
  column('record_duration_ms', 'float8', ({ row }) => row.columns.durationMs),
  column('record_url', 'text', ({ row }) => row.columns.url),
  column('record_status', 'text', ({ row }) => row.columns.status),
  column('record_outcome', 'text', ({ row }) => row.columns.outcome),
  column('record_http_status', 'int4', ({ row }) => row.columns.httpStatus),
  column('record_detail', 'text', ({ row }) => row.columns.detail),
  column('record_disposition', 'text', ({ row }) => row.columns.disposition),
  column('record_reason', 'text', ({ row }) => row.columns.reason),
  column('record_due_at', 'timestamptz', ({ row }) => row.columns.dueMs),
  column('record_response_digest', 'text', ({ row }) => row.columns.responseDigest),
  column('record_response_bytes', 'int8', ({ row }) => row.columns.responseBytes),
  column('record_response_truncated', 'bool', ({ row }) => row.columns.responseTruncated),
  column('record_response_excerpt', 'bytea', ({ row }) => row.responseExcerpt),
  column('record_unreadable', 'bool', ({ row }) => row.unreadable),
  column('record_problem', 'text', ({ row }) => row.problem),
  column('record_chain', 'hash', ({ link }) => link),
];

/** What of a row is known only when it is folded. */
const flagColumns: readonly Column<FoldedRow>[] = [
  column('record_duplicate', 'bool', ({ duplicate }) => duplicate),
  column('record_late', 'bool', ({ late }) => late),
];

const identityColumns: readonly Column<IdentityEntry>[] = [
  column('known', 'uuid', ({ key }) => key),
  column('known_at', 'timestamptz', ({ recordedMs }) => recordedMs),
];

/** Without `settled_attempts`: only that the delivery exists is stated. */
const deliveryColumns: readonly Column<FoldedDelivery>[] = [
  column('delivery_dispatch', 'text', ({ dispatch }) => dispatch),
  column('delivery_round', 'int4', ({ round }) => round),
  column('delivery_project', 'text', ({ facts }) => facts.project),
  column('delivery_endpoint', 'text', ({ facts }) => facts.endpoint),
  column('delivery_event', 'text', ({ facts }) => facts.event),
  column('delivery_event_type', 'text', ({ facts }) => facts.eventType),
  column('delivery_subject', 'text', ({ facts }) => facts.subject),
  column('delivery_origin', 'text', ({ facts }) => facts.origin),
  column('delivery_first_seen', 'timestamptz', ({ facts }) => facts.seenMs),
  column('delivery_state', 'text', ({ progress }) => progress?.state ?? 'pending'),
  column('delivery_reason', 'text', ({ progress }) => progress?.reason ?? null),
  column('delivery_attempts', 'int4', ({ progress }) => progress?.attempts ?? 0),
  column('delivery_last_http_status', 'int4', ({ progress }) => progress?.lastHttpStatus ?? null),
  column('delivery_last_outcome', 'text', ({ progress }) => progress?.lastOutcome ?? null),
  column('delivery_last_attempt_at', 'timestamptz', ({ progress }) => progress?.lastAttemptMs ?? null),
  column('delivery_next_due', 'timestamptz', ({ progress }) => progress?.nextDueMs ?? null),
  column('delivery_settled_at', 'timestamptz', ({ progress }) => progress?.settledMs ?? null),
  column('delivery_settled_attempts', 'int8', ({ progress }) => progress?.settledAttempts ?? null),
];

/** Named, not counted: a parameter that the function does not have, or has twice, is refused. */
const names = [
  'of_environment',
  'lanes',
  ...[...recordColumns, ...identityColumns, ...flagColumns, ...deliveryColumns].map(([name]) => name),
  'counts',
  'deliveries_new',
  'deliveries_untouched',
  'this_append',
];
const appendSql = `SELECT audit_append(${names.map((name, index) => `${name} => $${index + 1}`).join(', ')})`;

export type EncodedFold = readonly (Buffer | string | number)[];

/** Parameters of an append, in three parts that are made apart. */
export interface EncodedAppend {
  readonly environment: string;
  readonly lanes: readonly LaneMove[];
  readonly records: readonly Buffer[];
  readonly identities: readonly Buffer[];
  readonly folded: EncodedFold;
  /** A UUID. */
  readonly name: string;
}

/** Column by column, so that something else can be done between two. @throws PostgresError `data` */
export function* encodeRecords(rows: readonly LinkedRow[]): Generator<Buffer> {
  for (const [, encode] of recordColumns) yield encode(rows);
}

/** @param entries in order of their keys */
export const encodeIdentities = (entries: readonly IdentityEntry[]): Buffer[] => encoded(identityColumns, entries);

/** What an append does not look for before it puts it in; the server says when it should have. */
export interface Taken {
  readonly forNew: (delivery: FoldedDelivery) => boolean;
  /** Standing, with nothing settled of it. */
  readonly forUntouched: (delivery: FoldedDelivery) => boolean;
}

/**
 * What folding says of the records, and what they come to.
 * @throws PostgresError `data`
 */
export function encodeFolded({ rows, deliveries, counts }: FoldedBatch, { forNew, forUntouched }: Taken): EncodedFold {
  const {
    fresh = [],
    untouched = [],
    standing = [],
  } = Object.groupBy(deliveries, (each) => (forNew(each) ? 'fresh' : forUntouched(each) ? 'untouched' : 'standing'));
  // What is new goes in by time, as most indexes have it: at their ends, and not all over them.
  fresh.sort((a, b) => a.facts.seenMs - b.facts.seenMs);
  const inOrder = [...fresh, ...untouched, ...standing];
  return [
    ...encoded(flagColumns, rows),
    ...encoded(deliveryColumns, inOrder),
    JSON.stringify(counts),
    fresh.length,
    untouched.length,
  ];
}

const encoded = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Buffer[] =>
  columns.map(([, encode]) => encode(rows));

/** @throws PostgresError with `sqlState` PR001 or PR002 when something is not as expected; nothing is written then */
export async function callAppend(session: Session, append: EncodedAppend): Promise<void> {
  const { environment, lanes, records, identities, folded, name } = append;
  await session.query(appendSql, [environment, JSON.stringify(lanes), ...records, ...identities, ...folded, name]);
}
