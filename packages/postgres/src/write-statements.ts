// The statements that write a folded batch, each one round trip for any number of rows. Which column takes what is one
// table a statement, so that a name and its value cannot drift apart.

import type { AppendBatch } from './write-batch.ts';
import type { Session } from './database.ts';
import type { CountAddition, FoldedDelivery, FoldedRow } from './fold-batch.ts';
import type { Progress } from './fold-delivery.ts';

/** Column name, SQL type, value of one row. */
type Column<Row> = readonly [name: string, type: string, value: (row: Row) => unknown];

const bytes = (value: Uint8Array | null): string | null =>
  value === null ? null : `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
const moment = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

const recordColumns: readonly Column<FoldedRow>[] = [
  ['record_offset', 'bigint', ({ row }) => row.offset],
  ['recorded_at', 'timestamptz', ({ row }) => moment(row.recordedMs)],
  ['key', 'bytea', ({ row }) => bytes(row.key)],
  ['value', 'bytea', ({ row }) => bytes(row.value)],
  ['type', 'text', ({ row }) => row.columns.type],
  ['dispatch', 'text', ({ row }) => row.columns.dispatch],
  ['round', 'int', ({ row }) => row.columns.round],
  ['attempt', 'int', ({ row }) => row.columns.attempt],
  ['park', 'int', ({ row }) => row.columns.park],
  ['endpoint', 'text', ({ row }) => row.columns.endpoint],
  ['endpoint_version', 'bigint', ({ row }) => row.columns.endpointVersion],
  ['project', 'text', ({ row }) => row.columns.project],
  ['event', 'text', ({ row }) => row.columns.event],
  ['event_type', 'text', ({ row }) => row.columns.eventType],
  ['subject', 'text', ({ row }) => row.columns.subject],
  ['origin', 'text', ({ row }) => row.columns.origin],
  ['actor', 'text', ({ row }) => row.columns.actor],
  ['occurred_at', 'timestamptz', ({ row }) => moment(row.columns.occurredMs)],
  ['duration_ms', 'float8', ({ row }) => row.columns.durationMs],
  ['url', 'text', ({ row }) => row.columns.url],
  ['status', 'text', ({ row }) => row.columns.status],
  ['outcome', 'text', ({ row }) => row.columns.outcome],
  ['http_status', 'int', ({ row }) => row.columns.httpStatus],
  ['detail', 'text', ({ row }) => row.columns.detail],
  ['disposition', 'text', ({ row }) => row.columns.disposition],
  ['reason', 'text', ({ row }) => row.columns.reason],
  ['due_at', 'timestamptz', ({ row }) => moment(row.columns.dueMs)],
  ['response_digest', 'text', ({ row }) => row.columns.responseDigest],
  ['response_bytes', 'bigint', ({ row }) => row.columns.responseBytes],
  ['response_truncated', 'boolean', ({ row }) => row.columns.responseTruncated],
  ['response_excerpt', 'bytea', ({ row }) => bytes(row.responseExcerpt)],
  ['duplicate', 'boolean', ({ duplicate }) => duplicate],
  ['late', 'boolean', ({ late }) => late],
  ['unreadable', 'boolean', ({ row }) => row.unreadable],
  ['problem', 'text', ({ row }) => row.problem],
];

const factColumns: readonly Column<FoldedDelivery>[] = [
  ['dispatch', 'text', ({ dispatch }) => dispatch],
  ['round', 'int', ({ round }) => round],
  ['project', 'text', ({ facts }) => facts.project],
  ['endpoint', 'text', ({ facts }) => facts.endpoint],
  ['event', 'text', ({ facts }) => facts.event],
  ['event_type', 'text', ({ facts }) => facts.eventType],
  ['subject', 'text', ({ facts }) => facts.subject],
  ['origin', 'text', ({ facts }) => facts.origin],
  ['first_seen', 'timestamptz', ({ facts }) => moment(facts.seenMs)],
];

type Moved = FoldedDelivery & { readonly progress: Progress };

const progressColumns: readonly Column<Moved>[] = [
  ['state', 'text', ({ progress }) => progress.state],
  ['reason', 'text', ({ progress }) => progress.reason],
  ['attempts', 'int', ({ progress }) => progress.attempts],
  ['last_http_status', 'int', ({ progress }) => progress.lastHttpStatus],
  ['last_outcome', 'text', ({ progress }) => progress.lastOutcome],
  ['last_attempt_at', 'timestamptz', ({ progress }) => moment(progress.lastAttemptMs)],
  ['next_due', 'timestamptz', ({ progress }) => moment(progress.nextDueMs)],
  ['settled_at', 'timestamptz', ({ progress }) => moment(progress.settledMs)],
];

const countColumns: readonly Column<CountAddition>[] = [
  ['project', 'text', ({ project }) => project],
  ['endpoint', 'text', ({ endpoint }) => endpoint],
  ['day', 'date', ({ day }) => day],
  ['success', 'bigint', ({ success }) => success],
  ['fail', 'bigint', ({ fail }) => fail],
  ['error', 'bigint', ({ error }) => error],
  ['delivered', 'bigint', ({ delivered }) => delivered],
  ['dead', 'bigint', ({ dead }) => dead],
];

const names = (columns: readonly Column<never>[]): string => columns.map(([name]) => name).join(', ');
/** `unnest($k::type[], …)`, the first array being parameter `from`. */
const unnest = (columns: readonly Column<never>[], from: number): string =>
  `unnest(${columns.map(([, type], index) => `$${from + index}::${type}[]`).join(', ')}) AS t (${names(columns)})`;
const arrays = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): unknown[][] =>
  columns.map(([, , value]) => rows.map(value));

type LinkedRow = FoldedRow & { readonly link: string };
const linkedColumns: readonly Column<LinkedRow>[] = [...recordColumns, ['chain', 'bytea', ({ link }) => `\\x${link}`]];
const recordsSql = `INSERT INTO audit_record (environment, topic, partition, ${names(linkedColumns)})
  SELECT $1, $2, $3, t.* FROM ${unnest(linkedColumns, 4)}`;

/** @param links the hash after each row */
export async function insertRecords(
  session: Session,
  batch: AppendBatch,
  rows: readonly FoldedRow[],
  links: readonly string[],
): Promise<void> {
  if (rows.length === 0) return;
  const linked = rows.map((row, index) => ({ ...row, link: links[index]! }));
  await session.query(recordsSql, [batch.environment, batch.topic, batch.partition, ...arrays(linkedColumns, linked)]);
}

const keyNames = new Set(['dispatch', 'round']);
const isEarlier = '(excluded.first_seen, excluded.origin) < (d.first_seen, d.origin)';
const stateable = factColumns.map(([name]) => name).filter((name) => !keyNames.has(name));

const existingSql = `INSERT INTO delivery AS d (environment, ${names(factColumns)}, state, attempts)
  SELECT $1, t.*, 'pending', 0 FROM ${unnest(factColumns, 2)}
  ON CONFLICT (environment, dispatch, round) DO UPDATE SET ${stateable.map((name) => `${name} = excluded.${name}`).join(', ')}
  WHERE ${isEarlier}`;

/** Deliveries of which only the existence is stated: never touches where one stands. */
export async function upsertExisting(
  session: Session,
  environment: string,
  deliveries: readonly FoldedDelivery[],
): Promise<void> {
  const rows = deliveries.filter(({ progress }) => progress === undefined);
  if (rows.length > 0) await session.query(existingSql, [environment, ...arrays(factColumns, rows)]);
}

const movedColumns: readonly Column<Moved>[] = [...factColumns, ...progressColumns];
const movedSql = `INSERT INTO delivery AS d (environment, ${names(movedColumns)})
  SELECT $1, t.* FROM ${unnest(movedColumns, 2)}
  ON CONFLICT (environment, dispatch, round) DO UPDATE SET
    ${stateable.map((name) => `${name} = CASE WHEN ${isEarlier} THEN excluded.${name} ELSE d.${name} END`).join(',\n    ')},
    ${progressColumns.map(([name]) => `${name} = excluded.${name}`).join(', ')}`;

/** Deliveries that the log of attempts moved. */
export async function upsertMoved(
  session: Session,
  environment: string,
  deliveries: readonly FoldedDelivery[],
): Promise<void> {
  const rows = deliveries.filter((delivery): delivery is Moved => delivery.progress !== undefined);
  if (rows.length > 0) await session.query(movedSql, [environment, ...arrays(movedColumns, rows)]);
}

const counted = ['success', 'fail', 'error', 'delivered', 'dead'];
const countsSql = `INSERT INTO daily_count AS c (environment, ${names(countColumns)})
  SELECT $1, t.* FROM ${unnest(countColumns, 2)}
  ON CONFLICT (environment, project, endpoint, day) DO UPDATE SET ${counted.map((name) => `${name} = c.${name} + excluded.${name}`).join(', ')}`;

export async function insertCounts(
  session: Session,
  environment: string,
  counts: readonly CountAddition[],
): Promise<void> {
  if (counts.length > 0) await session.query(countsSql, [environment, ...arrays(countColumns, counts)]);
}
