// All attempts of a time, oldest first, one after the other however many they are: for handing the audit to somebody else.

import type { BinaryRows } from './binary-rows.ts';
import type { Database } from './database.ts';
import { literal, wholeNumber } from './sql-text.ts';
import type { Position } from './delivery-search.ts';

export interface ExportFilter {
  readonly project?: string | undefined;
  readonly endpoint?: string | undefined;
  /** Recorded at or after. */
  readonly from?: Date | undefined;
  /** Recorded before. */
  readonly to?: Date | undefined;
  /** Only what follows this record: the last one that an export before gave. */
  readonly after?: Position | undefined;
}

/** One attempt, under the names that readers of a dispatch log know. */
export interface ExportedAttempt {
  readonly dispatchId: string;
  readonly projectId: string;
  /** When the attempt began: ISO 8601, UTC. */
  readonly timestamp: string;
  readonly targetUrl: string;
  /** Null: there was no status line. */
  readonly httpResponseCode: number | null;
  /** What is kept of it, as text; null: nothing, or it has been erased. */
  readonly responseBody: string | null;
  readonly status: 'SUCCESS' | 'FAIL' | 'ERROR';
  readonly environment: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly subject: string | null;
  /** From 0; each replay opens the next. */
  readonly round: number;
  /** From 1 in each round. */
  readonly attempt: number;
  readonly outcome: string;
  /** `delivered`, `retry`, `dead` or `suppressed`, and why. */
  readonly disposition: string;
  readonly reason: string | null;
  readonly durationMs: number | null;
  readonly responseBytes: number | null;
  readonly responseTruncated: boolean | null;
  /** SHA-256 of the kept body. */
  readonly responseDigest: string | null;
  /** The broker's time of the record. */
  readonly recordedAt: string;
  /** `topic/partition/offset` of the record, for going on after it. */
  readonly position: string;
  /** The hash chain after the record. */
  readonly chain: string;
  /** A copy of an attempt that stands already: it counts nowhere. */
  readonly duplicate: boolean;
  /** Made, and settled after its round was closed: it counts nowhere either. */
  readonly late: boolean;
}

const columns = `dispatch, project, occurred_at, url, http_status, response_excerpt, status, endpoint, event, event_type, subject, round,
  attempt, outcome, disposition, reason, duration_ms, response_bytes, response_truncated, response_digest, recorded_at, topic, partition,
  record_offset, chain, duplicate, late`;

/** @throws PostgresError */
export async function exportAttempts(
  database: Database,
  environment: string,
  filter: ExportFilter,
  onAttempts: (attempts: readonly ExportedAttempt[]) => Promise<void>,
): Promise<'done' | 'unknown-position'> {
  return database.snapshot(async (snapshot) => {
    const conditions = [`environment = ${literal(environment)}`];
    if (filter.project !== undefined) conditions.push(`project = ${literal(filter.project)}`);
    if (filter.endpoint !== undefined) conditions.push(`endpoint = ${literal(filter.endpoint)}`);
    if (filter.from !== undefined) conditions.push(`recorded_at >= ${literal(filter.from.toISOString())}`);
    if (filter.to !== undefined) conditions.push(`recorded_at < ${literal(filter.to.toISOString())}`);
    if (filter.after !== undefined) {
      const { topic, partition, offset } = filter.after;
      const found = await snapshot.query<{ recordedAt: Date }>(
        `SELECT recorded_at AS "recordedAt" FROM audit_record
         WHERE environment = $1 AND topic = $2 AND partition = $3 AND record_offset = $4`,
        [environment, topic, partition, offset],
      );
      const at = found[0]?.recordedAt.toISOString();
      if (at === undefined) return 'unknown-position';
      conditions.push(`recorded_at >= ${literal(at)}`);
      conditions.push(
        `(recorded_at, topic, partition, record_offset) > (${literal(at)}, ${literal(topic)}, ${wholeNumber(partition)}, ${wholeNumber(offset)})`,
      );
    }
    const where = conditions.join(' AND ');
    const order = 'ORDER BY recorded_at, topic, partition, record_offset';
    // Each status in the order of its index, and those merged: nothing is sorted as a whole.
    const sql =
      filter.endpoint === undefined
        ? ['SUCCESS', 'FAIL', 'ERROR']
            .map((status) => `(SELECT ${columns} FROM audit_record WHERE ${where} AND status = '${status}' ${order})`)
            .join(' UNION ALL ')
        : `SELECT ${columns} FROM audit_record WHERE ${where} AND status IS NOT NULL`;
    await snapshot.query('SET LOCAL cursor_tuple_fraction = 0.01');
    for await (const rows of snapshot.copyOut(`SELECT * FROM (${sql}) AS each ${order}`)) {
      const attempts: ExportedAttempt[] = [];
      while (rows.next()) attempts.push(attemptOf(environment, rows));
      await onAttempts(attempts);
    }
    return 'done';
  });
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

function attemptOf(environment: string, rows: BinaryRows): ExportedAttempt {
  const recordedAt = isoOf(rows.epochMs(20)!);
  const started = rows.epochMs(2);
  return {
    dispatchId: rows.text(0)!,
    projectId: rows.text(1)!,
    timestamp: started === null ? recordedAt : isoOf(started),
    targetUrl: rows.text(3) ?? '',
    httpResponseCode: rows.int32(4),
    responseBody: rows.bytes(5)?.toString('utf8') ?? null,
    status: rows.text(6) as ExportedAttempt['status'],
    environment,
    endpointId: rows.text(7)!,
    eventId: rows.text(8)!,
    eventType: rows.text(9)!,
    subject: rows.text(10),
    round: rows.int32(11)!,
    attempt: rows.int32(12)!,
    outcome: rows.text(13)!,
    disposition: rows.text(14)!,
    reason: rows.text(15),
    durationMs: rows.float64(16),
    responseBytes: rows.int64(17),
    responseTruncated: rows.boolean(18),
    responseDigest: rows.text(19),
    recordedAt,
    position: `${rows.text(21)}/${rows.int32(22)}/${rows.int64(23)}`,
    chain: rows.bytes(24)?.toString('hex') ?? '',
    duplicate: rows.boolean(25) === true,
    late: rows.boolean(26) === true,
  };
}
