// "Did you send it?": finds deliveries by any id that somebody may hold, or by filters, page by page from the newest.
// Pages go by key (first seen, dispatch, round), so that the thousandth costs as much as the first.

import { parseAttemptId } from '@postrider/core/contracts';
import type { Session } from './database.ts';
import type { DeliveryState } from './fold-delivery.ts';
import { pageDefault, pageMax } from './limits.ts';

export interface DeliveryQuery {
  /** A dispatch id, attempt id, event id, subject, or `topic/partition/offset` (of the event, or of an audit record). */
  readonly id?: string | undefined;
  readonly project?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly states?: readonly DeliveryState[] | undefined;
  readonly eventType?: string | undefined;
  readonly subject?: string | undefined;
  /** Of `firstSeen`: at or after. */
  readonly from?: Date | undefined;
  /** Of `firstSeen`: before. */
  readonly to?: Date | undefined;
  /** Deliveries a page, 1 to 500; 50 when not given. */
  readonly limit?: number | undefined;
  /** `next` of the page before. One that is not such a text begins at the newest. */
  readonly after?: string | undefined;
}

export interface DeliveryPage {
  /** Newest first. */
  readonly deliveries: readonly Delivery[];
  /** Give it as `after` for the next page; undefined on the last. */
  readonly next: string | undefined;
}

/** Where one (dispatch, round) stands. */
export interface Delivery {
  readonly environment: string;
  readonly dispatch: string;
  readonly round: number;
  readonly project: string;
  readonly endpoint: string;
  readonly event: string;
  readonly eventType: string;
  readonly subject: string | null;
  readonly origin: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** Made and settled in this round. */
  readonly attempts: number;
  readonly lastHttpStatus: number | null;
  readonly lastOutcome: string | null;
  readonly lastAttemptAt: Date | null;
  readonly nextDue: Date | null;
  readonly firstSeen: Date;
  readonly settledAt: Date | null;
}

const deliveryColumns = `d.environment, d.dispatch, d.round, d.project, d.endpoint, d.event, d.event_type AS "eventType", d.subject,
  d.origin, d.state, d.reason, d.attempts, d.last_http_status AS "lastHttpStatus", d.last_outcome AS "lastOutcome",
  d.last_attempt_at AS "lastAttemptAt", d.next_due AS "nextDue", d.first_seen AS "firstSeen", d.settled_at AS "settledAt"`;

/** @throws PostgresError */
export async function searchDeliveries(
  session: Session,
  environment: string,
  query: DeliveryQuery,
): Promise<DeliveryPage> {
  const values: unknown[] = [environment];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  // Nearly all are delivered: finding the others must not read past those, so they stand in a small table too.
  const undelivered = query.states !== undefined && !query.states.includes('delivered');
  const key = undelivered ? 'o' : 'd';
  const conditions = [`${key}.environment = $1`, ...filters(query, bind, key)];
  if (query.id !== undefined) conditions.push(await idCondition(session, environment, query.id, bind));
  const after = query.after === undefined ? undefined : parseCursor(query.after);
  if (after !== undefined) {
    conditions.push(
      `(${key}.first_seen, ${key}.dispatch, ${key}.round) < (${bind(after.firstSeen)}::timestamptz, ${bind(after.dispatch)}, ${bind(after.round)}::int)`,
    );
  }
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? pageDefault), 1), pageMax);
  const open = 'JOIN delivery_open o USING (environment, dispatch, round)';
  const found = await session.query<Delivery>(
    `SELECT ${deliveryColumns} FROM delivery d ${undelivered ? open : ''} WHERE ${conditions.join(' AND ')}
     ORDER BY ${key}.first_seen DESC, ${key}.dispatch DESC, ${key}.round DESC LIMIT ${limit + 1}`,
    values,
  );
  const deliveries = found.slice(0, limit);
  const last = deliveries.at(-1);
  return { deliveries, next: found.length > limit && last !== undefined ? cursorOf(last) : undefined };
}

type Bind = (value: unknown) => string;

/** @param key of the table that leads: `o` of the undelivered, `d` of all */
function filters(query: DeliveryQuery, bind: Bind, key: 'o' | 'd'): string[] {
  const conditions: string[] = [];
  if (query.project !== undefined) conditions.push(`d.project = ${bind(text(query.project))}`);
  if (query.endpoint !== undefined) conditions.push(`d.endpoint = ${bind(text(query.endpoint))}`);
  if (query.eventType !== undefined) conditions.push(`d.event_type = ${bind(text(query.eventType))}`);
  if (query.subject !== undefined) conditions.push(`d.subject = ${bind(text(query.subject))}`);
  if (query.from !== undefined) conditions.push(`${key}.first_seen >= ${bind(query.from.toISOString())}`);
  if (query.to !== undefined) conditions.push(`${key}.first_seen < ${bind(query.to.toISOString())}`);
  if (query.states !== undefined) {
    const [only] = query.states;
    conditions.push(
      query.states.length === 1 ? `${key}.state = ${bind(only)}` : `${key}.state = ANY (${bind(query.states)}::text[])`,
    );
  }
  return conditions;
}

const dispatchIdPattern = /^dsp_[a-z2-7]{26}$/;

async function idCondition(session: Session, environment: string, id: string, bind: Bind): Promise<string> {
  if (dispatchIdPattern.test(id)) return `d.dispatch = ${bind(id)}`;
  const attempt = parseAttemptId(id);
  if (attempt !== undefined)
    return `d.dispatch = ${bind(attempt.dispatchId)} AND d.round = ${bind(attempt.round)}::bigint`;
  const position = parsePosition(id);
  if (position !== undefined) return positionCondition(await recordsAt(session, environment, id, position), bind);
  const value = bind(text(id));
  return `(d.event = ${value} OR d.subject = ${value})`;
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Takes `topic/partition/offset` apart; undefined when it is not one. */
export function parsePosition(id: string): Position | undefined {
  const match = /^([A-Za-z0-9._-]{1,249})\/(\d{1,9})\/(\d{1,15})$/.exec(id);
  return match === null ? undefined : { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}

interface NamedRecord {
  readonly dispatch: string | null;
  readonly event: string | null;
}

/** What the log says of the upstream record at that place, and the log's own record there. */
async function recordsAt(session: Session, environment: string, origin: string, at: Position): Promise<NamedRecord[]> {
  return session.query<NamedRecord>(
    `SELECT dispatch, event FROM audit_record
     WHERE environment = $1 AND origin = $2 AND dispatch IS NULL AND type = 'EventAccepted'
     UNION ALL
     SELECT dispatch, event FROM audit_record
     WHERE environment = $1 AND topic = $3 AND partition = $4 AND record_offset = $5 AND (dispatch IS NOT NULL OR type = 'EventAccepted')`,
    [environment, origin, at.topic, at.partition, at.offset],
  );
}

function positionCondition(records: readonly NamedRecord[], bind: Bind): string {
  const dispatches = records.flatMap(({ dispatch }) => dispatch ?? []);
  const events = records.flatMap(({ dispatch, event }) => (dispatch === null ? (event ?? []) : []));
  const either: string[] = [];
  if (dispatches.length > 0) either.push(`d.dispatch = ANY (${bind(dispatches)}::text[])`);
  if (events.length > 0) either.push(`d.event = ANY (${bind(events)}::text[])`);
  return either.length > 0 ? `(${either.join(' OR ')})` : 'false';
}

/** As the columns hold it: what PostgreSQL's text cannot hold was replaced when it was written. */
function text(value: string): string {
  return value.toWellFormed().replaceAll('\0', '\uFFFD');
}

function cursorOf({ firstSeen, dispatch, round }: Delivery): string {
  return Buffer.from(JSON.stringify([firstSeen.toISOString(), dispatch, round])).toString('base64url');
}

function parseCursor(cursor: string): { firstSeen: string; dispatch: string; round: number } | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!Array.isArray(parsed)) return undefined;
    const [firstSeen, dispatch, round] = parsed as unknown[];
    if (typeof firstSeen !== 'string' || typeof dispatch !== 'string' || !Number.isSafeInteger(round)) return undefined;
    return Number.isNaN(Date.parse(firstSeen)) ? undefined : { firstSeen, dispatch, round: round as number };
  } catch {
    return undefined;
  }
}
