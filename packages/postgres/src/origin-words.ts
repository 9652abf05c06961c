// Which upstream offsets left a trace, as bits: one row for 32 offsets of a partition, folded by the server from an index
// alone. Ten million traces come as three hundred thousand rows, in order.

import { decodeAudit } from '@postrider/core/contracts';
import type { Session, Snapshot } from './database.ts';
import { literal } from './sql-text.ts';

/** Offsets 32 × word … 32 × word + 31 of an upstream partition; bit i set: offset 32 × word + i left a trace. */
export interface OriginWord {
  readonly topic: string;
  readonly partition: number;
  readonly word: number;
  readonly bits: number;
}

/**
 * In order of topic, partition and word.
 * @param firstsOnly copies are left out, at the price of looking at each row: where days were dropped, a copy may stand on alone
 * @param withStubs also of records that were dropped before their day
 * @throws PostgresError
 */
export async function* readOriginWords(
  snapshot: Snapshot,
  environment: string,
  { firstsOnly, withStubs }: { readonly firstsOnly: boolean; readonly withStubs: boolean },
): AsyncGenerator<OriginWord> {
  const ofRows = `audit_record
     WHERE environment = ${literal(environment)} AND dispatch IS NULL AND origin IS NOT NULL${firstsOnly ? ' AND NOT duplicate' : ''}`;
  const ofStubs = `SELECT origin FROM audit_stub WHERE environment = ${literal(environment)} AND origin IS NOT NULL`;
  const origins = withStubs ? `(SELECT origin FROM ${ofRows} UNION ALL ${ofStubs}) AS each WHERE` : `${ofRows} AND`;
  const place = `'^[A-Za-z0-9._-]+/[0-9]{1,9}/[0-9]{1,15}$'`;
  const rows = snapshot.copyOut(
    `SELECT split_part(origin, '/', 1) COLLATE "C", split_part(origin, '/', 2)::int, split_part(origin, '/', 3)::bigint >> 5,
            bit_or(1 << (split_part(origin, '/', 3)::bigint & 31)::int)
     FROM ${origins} origin ~ ${place}
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  );
  for await (const cursor of rows) {
    while (cursor.next()) {
      yield {
        topic: cursor.text(0)!,
        partition: cursor.int32(1)!,
        word: cursor.int64(2)!,
        bits: cursor.int32(3)!,
      };
    }
  }
}

/** Ranges that were gone before they were read, as `RangeLost` records state them. @throws PostgresError */
export async function readLostRanges(session: Session, environment: string): Promise<LostRange[]> {
  const rows = await session.query<{ value: Buffer | null; at: Date }>(
    `SELECT value, recorded_at AS at FROM audit_record WHERE environment = $1 AND type = 'RangeLost' AND NOT duplicate
     ORDER BY recorded_at, topic, partition, record_offset`,
    [environment],
  );
  return rows.flatMap(({ value, at }) => {
    const decoded = decodeAudit(value);
    if (!decoded.ok || decoded.value.type !== 'RangeLost') return [];
    const { topic, partition, from, to } = decoded.value;
    return [{ topic, partition, from, to, at }];
  });
}

/** A range of upstream offsets that was gone before it was read, as the stage that found it out stated. */
export interface LostRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly at: Date;
}
