// Rows of one Kafka partition in its order, as fast as the server gives them: what the verification and the export of the
// audit log read. Rows are looked at where they lie; whoever keeps one copies it.

import type { ChainPlace } from '@postrider/core/contracts';
import type { AuditColumns, AuditRow } from './audit-row.ts';
import type { BinaryRows, RowBytes } from './binary-rows.ts';
import type { Snapshot } from './database.ts';
import { literal, wholeNumber } from './sql-text.ts';

/** Offsets, `from` inclusive, `to` exclusive. */
export interface OffsetRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface StreamOptions {
  /** Also what is left of records that were dropped before their day, each in its place. */
  readonly withStubs?: boolean | undefined;
}

/** How a column is compared with what the record's bytes say. */
type Kind = 'text' | 'int32' | 'int64' | 'float64' | 'boolean' | 'moment';

const columns = [
  ['type', 'text', 'type'],
  ['dispatch', 'text', 'dispatch'],
  ['round', 'int32', 'round'],
  ['attempt', 'int32', 'attempt'],
  ['park', 'int32', 'park'],
  ['endpoint', 'text', 'endpoint'],
  ['endpoint_version', 'int64', 'endpointVersion'],
  ['project', 'text', 'project'],
  ['event', 'text', 'event'],
  ['event_type', 'text', 'eventType'],
  ['subject', 'text', 'subject'],
  ['origin', 'text', 'origin'],
  ['actor', 'text', 'actor'],
  ['occurred_at', 'moment', 'occurredMs'],
  ['duration_ms', 'float64', 'durationMs'],
  ['url', 'text', 'url'],
  ['status', 'text', 'status'],
  ['outcome', 'text', 'outcome'],
  ['http_status', 'int32', 'httpStatus'],
  ['detail', 'text', 'detail'],
  ['disposition', 'text', 'disposition'],
  ['reason', 'text', 'reason'],
  ['due_at', 'moment', 'dueMs'],
  ['response_digest', 'text', 'responseDigest'],
  ['response_bytes', 'int64', 'responseBytes'],
  ['response_truncated', 'boolean', 'responseTruncated'],
] as const satisfies readonly (readonly [name: string, kind: Kind, field: keyof AuditColumns])[];

const fixed = [
  'record_offset',
  'recorded_at',
  // One after the other, lengths before them, as the chain's input has them.
  'key',
  'value',
  'chain',
  'response_excerpt',
  'unreadable',
  'problem',
  'duplicate',
  'late',
] as const;
const firstColumn = fixed.length;
const selected = [...fixed, ...columns.map(([name]) => name)];

/** Where each column stands among the fields of a row of the stream. */
export const recordField = Object.fromEntries(selected.map((name, index) => [name, index])) as Readonly<
  Record<(typeof selected)[number], number>
>;

/** The row that the stream stands at. */
export class StoredRecord {
  readonly #rows: BinaryRows;

  constructor(rows: BinaryRows) {
    this.#rows = rows;
  }

  /** The row as bytes, by `recordField`. */
  get bytes(): RowBytes {
    return this.#rows;
  }

  get offset(): number {
    return this.#rows.int64(0)!;
  }

  /** Epoch ms; a fraction says that somebody wrote what no broker says. */
  get recordedMs(): number {
    return this.#rows.epochMs(1)!;
  }

  get key(): Buffer | null {
    return this.#rows.bytes(2);
  }

  get value(): Buffer | null {
    return this.#rows.bytes(3);
  }

  /** The hash after the row, as it stands in it: lower-case hexadecimal. */
  get chain(): string {
    return this.#rows.bytes(4)?.toString('hex') ?? '';
  }

  get responseExcerpt(): Buffer | null {
    return this.#rows.bytes(5);
  }

  /** The record was dropped before its day: its place and the hashes before and after it are left, and nothing else can be read. */
  get isStub(): boolean {
    return this.#rows.isNull(6);
  }

  /** Of a stub, the hash before it; null: nothing stood there any more. */
  get previous(): string | null {
    return this.#rows.bytes(2)?.toString('hex') ?? null;
  }

  get unreadable(): boolean {
    return this.#rows.boolean(6) === true;
  }

  get problem(): string | null {
    return this.#rows.text(7);
  }

  /** Names of the columns that do not say what the record's bytes do. */
  differing(expected: AuditRow): string[] {
    const rows = this.#rows;
    const names: string[] = [];
    for (let index = 0; index < columns.length; index += 1) {
      const [name, kind, field] = columns[index]!;
      if (valueOf(rows, kind, firstColumn + index) !== expected.columns[field]) names.push(name);
    }
    if (this.unreadable !== expected.unreadable) names.push('unreadable');
    if (this.problem !== expected.problem) names.push('problem');
    return names;
  }
}

function valueOf(rows: BinaryRows, kind: Kind, field: number): string | number | boolean | null {
  if (rows.isNull(field)) return null;
  switch (kind) {
    case 'text':
      return rows.text(field);
    case 'int32':
      return rows.int32(field);
    case 'int64':
      return rows.int64(field);
    case 'float64':
      return rows.float64(field);
    case 'boolean':
      return rows.boolean(field);
    case 'moment':
      return rows.epochMs(field);
  }
}

/**
 * The primary key has the order. Left to itself the planner reads the whole table for each partition, in several processes, and
 * sorts whole rows: four times the work.
 */
const inKeyOrder = `SELECT ${['enable_seqscan', 'enable_bitmapscan', 'enable_sort'].map((name) => `set_config('${name}', 'off', true)`).join(', ')},
  set_config('max_parallel_workers_per_gather', '0', true)`;

/**
 * What a stub has in the place of each; whether a record is unreadable is known of every row. Types and collations are those of the
 * rows, or the two would not be merged but sorted.
 */
const ofStubs: Readonly<Partial<Record<(typeof selected)[number], string>>> = {
  record_offset: 'record_offset',
  recorded_at: 'recorded_at',
  key: 'previous AS key',
  chain: 'chain',
};
const selectedOfStubs = selected.map((name) => ofStubs[name] ?? `(NULL::audit_record).${name}`).join(', ');

/**
 * The rows of a partition in the order of their offsets. Each turn gives the same object, standing at the next row; what it
 * gives as bytes is valid until then.
 */
export async function* streamRecords(
  snapshot: Snapshot,
  { environment, topic, partition }: ChainPlace,
  { from, to }: OffsetRange = {},
  { withStubs = false }: StreamOptions = {},
): AsyncGenerator<() => StoredRecord | undefined> {
  const range = [
    from === undefined ? '' : ` AND record_offset >= ${wholeNumber(from)}`,
    to === undefined ? '' : ` AND record_offset < ${wholeNumber(to)}`,
  ].join('');
  // Conditions stand outside: only so the server sees that both are in order already, and merges them.
  const link = `(SELECT environment, topic, partition, ${selected.join(', ')} FROM audit_record
    UNION ALL SELECT environment, topic, partition, ${selectedOfStubs} FROM audit_stub) AS link`;
  const sql = `SELECT ${selected.join(', ')} FROM ${withStubs ? link : 'audit_record'}
    WHERE environment = ${literal(environment)} AND topic = ${literal(topic)} AND partition = ${wholeNumber(partition)}${range}
    ORDER BY topic, partition, record_offset, recorded_at`;
  await snapshot.query(inKeyOrder);
  for await (const rows of snapshot.copyOut(sql)) {
    const record = new StoredRecord(rows);
    yield () => (rows.next() ? record : undefined);
  }
}
