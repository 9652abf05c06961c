// "Did you send it?": finds deliveries by any id that somebody may hold, or by filters, page by page from the newest.
// Pages go by key (first seen, dispatch, round), so that the thousandth costs as much as the first.

import { parseAttemptId } from '@postrider/core/contracts';
import type { Database, Session } from './database.ts';
import type { DeliveryState } from './fold-delivery.ts';
import { clockErrorMs, endpointsReadApart, matchedEndpointsMax, pageDefault, pageMax } from './limits.ts';
import { cursorText, pageKinds, readCursor } from './page-cursor.ts';
import { plannedOnce } from './planned-once.ts';

export interface DeliveryQuery {
  /** A dispatch id, attempt id, event id, subject, or `topic/partition/offset` (of the event, or of an audit record). */
  readonly id?: string | undefined;
  readonly project?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly states?: readonly DeliveryState[] | undefined;
  readonly eventType?: string | undefined;
  readonly subject?: string | undefined;
  /** An attempt of it went to a URL that holds this text, in any case. Within a project. */
  readonly urlPart?: string | undefined;
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
  session: Database,
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
  const byUrl = query.urlPart === undefined ? undefined : await urlMatch(session, environment, query, bind);
  if (byUrl !== undefined) conditions.push(byUrl.condition);
  const after = readCursor(query.after, pageKinds.deliveries);
  if (after !== undefined) {
    conditions.push(
      `(${key}.first_seen, ${key}.dispatch, ${key}.round) < (${bind(after[0])}::timestamptz, ${bind(after[1])}, ${bind(after[2])}::int)`,
    );
  }
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? pageDefault), 1), pageMax);
  const order = `ORDER BY ${key}.first_seen DESC, ${key}.dispatch DESC, ${key}.round DESC LIMIT ${limit + 1}`;
  const where = conditions.join(' AND ');
  const found = await session.query<Delivery>(
    byUrl?.endpoints !== undefined && !undelivered
      ? // The newest of each endpoint, and the newest of those: the other endpoints of the project are not read.
        `SELECT ${deliveryColumns} FROM unnest(${bind(byUrl.endpoints)}::text[]) AS e (endpoint)
         CROSS JOIN LATERAL (SELECT d.* FROM delivery d WHERE ${where} AND d.endpoint = e.endpoint ${order}) AS d ${order}`
      : `SELECT ${deliveryColumns} FROM delivery d ${undelivered ? 'JOIN delivery_open o USING (environment, dispatch, round)' : ''}
         WHERE ${where}${byUrl?.endpoints === undefined ? '' : ` AND d.endpoint = ANY (${bind(byUrl.endpoints)}::text[])`} ${order}`,
    values,
  );
  const deliveries = found.slice(0, limit);
  const last = deliveries.at(-1);
  const more = found.length > limit && last !== undefined;
  return { deliveries, next: more ? cursorText([last.firstSeen.toISOString(), last.dispatch, last.round]) : undefined };
}

/** Where each round of a dispatch stands. */
export type RoundState = Pick<Delivery, 'round' | 'state'>;

/** The rounds of some dispatches, rising; unknown dispatches are left out. @throws PostgresError */
export async function roundsOf(
  session: Session,
  environment: string,
  dispatches: readonly string[],
): Promise<Map<string, RoundState[]>> {
  const rows = await session.query<RoundState & { dispatch: string }>(
    `SELECT dispatch, round, state FROM delivery WHERE environment = $1 AND dispatch = ANY ($2::text[]) ORDER BY dispatch, round`,
    [environment, dispatches.map(text)],
  );
  return Map.groupBy(rows, ({ dispatch }) => dispatch);
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

interface UrlMatch {
  readonly condition: string;
  /** Those that it can be; undefined: so many that the project's own order finds one as soon. */
  readonly endpoints: readonly string[] | undefined;
}

/** Endpoints that ever had such a URL; of one that had others too the attempt itself is asked. */
async function urlMatch(
  session: Session,
  environment: string,
  { project, urlPart = '' }: DeliveryQuery,
  bind: Bind,
): Promise<UrlMatch> {
  const pattern = `%${text(urlPart).replaceAll(/[\\%_]/g, (special) => `\\${special}`)}%`;
  const found = await session.query<{ endpoint: string; always: boolean }>(
    `SELECT endpoint, bool_and(url ILIKE $3) AS always FROM endpoint_url
     WHERE environment = $1 AND ($2::text IS NULL OR project = $2) GROUP BY endpoint HAVING bool_or(url ILIKE $3) LIMIT $4`,
    [environment, project ?? null, pattern, matchedEndpointsMax],
  );
  if (found.length === 0) return { condition: 'false', endpoints: undefined };
  const names = (of: boolean): string => {
    const endpoints = found.filter(({ always }) => always === of).map(({ endpoint }) => endpoint);
    return `d.endpoint = ANY (${bind(endpoints)}::text[])`;
  };
  const either = found.some(({ always }) => always) ? [`(${names(true)} AND d.attempts > 0)`] : [];
  if (found.some(({ always }) => !always)) {
    either.push(`(${names(false)} AND EXISTS (
      SELECT FROM audit_record r WHERE r.environment = $1 AND r.dispatch = d.dispatch AND r.round = d.round
        AND r.recorded_at >= d.first_seen - interval '${clockErrorMs} ms' AND r.url ILIKE ${bind(pattern)}))`);
  }
  const few = found.length <= endpointsReadApart;
  return {
    condition: `(${either.join(' OR ')})`,
    endpoints: few ? found.map(({ endpoint }) => endpoint) : undefined,
  };
}

const dispatchIdPattern = /^dsp_[a-z2-7]{26}$/;

async function idCondition(session: Database, environment: string, id: string, bind: Bind): Promise<string> {
  if (dispatchIdPattern.test(id)) return `d.dispatch = ${bind(id)}`;
  const attempt = parseAttemptId(id);
  if (attempt !== undefined)
    return `d.dispatch = ${bind(attempt.dispatchId)} AND d.round = ${bind(attempt.round)}::bigint`;
  const position = parsePosition(id);
  const records = position === undefined ? [] : await recordsAt(session, environment, id, position);
  const value = bind(text(id));
  // An event id or a subject may have the form of a position.
  return `(${[...positionConditions(records, bind), `d.event = ${value}`, `d.subject = ${value}`].join(' OR ')})`;
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
async function recordsAt(
  database: Database,
  environment: string,
  origin: string,
  at: Position,
): Promise<NamedRecord[]> {
  return plannedOnce(database, (session) =>
    session.query<NamedRecord>(
      `SELECT dispatch, event FROM audit_record
     WHERE environment = $1 AND origin = $2 AND dispatch IS NULL AND type = 'EventAccepted'
     UNION ALL
     SELECT dispatch, event FROM audit_record
     WHERE environment = $1 AND topic = $3 AND partition = $4 AND record_offset = $5 AND (dispatch IS NOT NULL OR type = 'EventAccepted')`,
      [environment, origin, at.topic, at.partition, at.offset],
      'records_at',
    ),
  );
}

function positionConditions(records: readonly NamedRecord[], bind: Bind): string[] {
  const dispatches = records.flatMap(({ dispatch }) => dispatch ?? []);
  const events = records.flatMap(({ dispatch, event }) => (dispatch === null ? (event ?? []) : []));
  const either: string[] = [];
  if (dispatches.length > 0) either.push(`d.dispatch = ANY (${bind(dispatches)}::text[])`);
  if (events.length > 0) either.push(`d.event = ANY (${bind(events)}::text[])`);
  return either;
}

/** As the columns hold it: what PostgreSQL's text cannot hold was replaced when it was written. */
function text(value: string): string {
  return value.toWellFormed().replaceAll('\0', '\uFFFD');
}
