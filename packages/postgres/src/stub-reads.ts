// What is left of records that were dropped before their day: stubs, as the verification reads them.

import { decodeAudit, type ClassClosed, type Stub } from '@postrider/core/contracts';
import { isClosedSpan } from './closed-place.ts';
import type { Session, Snapshot } from './database.ts';
import { literal } from './sql-text.ts';

/** A stub as it stands in the table. */
export interface StoredStub extends Stub {
  readonly topic: string;
  readonly partition: number;
  /** Over the stubs of its closing up to it: 64 lower-case hexadecimal digits. */
  readonly digest: string;
  /** Place of its `ClassClosed` in the topic `audit`. */
  readonly closedPartition: number;
  readonly closedOffset: number;
}

/** Partitions that there are stubs of; none: no class was ever dropped. @throws PostgresError */
export async function placesWithStubs(
  session: Session,
  environment: string,
): Promise<{ topic: string; partition: number }[]> {
  // From one place to the next one through the primary key, as `placesWithRows` does.
  return session.query<{ topic: string; partition: number }>(
    `WITH RECURSIVE place AS (
       (SELECT topic, partition FROM audit_stub ORDER BY topic, partition LIMIT 1)
       UNION ALL
       SELECT later.topic, later.partition FROM place
       CROSS JOIN LATERAL (
         SELECT topic, partition FROM audit_stub s WHERE (s.topic, s.partition) > (place.topic, place.partition)
         ORDER BY topic, partition LIMIT 1
       ) AS later
     )
     SELECT place.topic, place.partition FROM place CROSS JOIN LATERAL (
       SELECT FROM audit_stub s WHERE s.topic = place.topic AND s.partition = place.partition AND s.environment = $1
       ORDER BY record_offset LIMIT 1
     ) AS one ORDER BY topic, partition`,
    [environment],
  );
}

/** In order of topic, partition and offset; each turn gives those that came together. @throws PostgresError */
export async function* streamStubs(snapshot: Snapshot, environment: string): AsyncGenerator<StoredStub[]> {
  const chunks = snapshot.copyOut(
    `SELECT topic, partition, record_offset, recorded_at, origin, project, previous, chain, digest, closed_partition, closed_offset
     FROM audit_stub WHERE environment = ${literal(environment)} ORDER BY topic, partition, record_offset, recorded_at`,
  );
  for await (const rows of chunks) {
    const stubs: StoredStub[] = [];
    while (rows.next()) {
      stubs.push({
        topic: rows.text(0)!,
        partition: rows.int32(1)!,
        offset: rows.int64(2)!,
        recordedMs: rows.epochMs(3)!,
        origin: rows.text(4),
        project: rows.text(5)!,
        previous: rows.bytes(6)?.toString('hex') ?? null,
        chain: rows.bytes(7)!.toString('hex'),
        digest: rows.bytes(8)!.toString('hex'),
        closedPartition: rows.int32(9)!,
        closedOffset: rows.int64(10)!,
      });
    }
    yield stubs;
  }
}

/** A closing record of a class, and where it stands in the topic `audit`. */
export interface StoredClosing {
  readonly partition: number;
  readonly offset: number;
  readonly closing: ClassClosed;
}

/** First copies alone, read out of their bytes, which the chain covers. @throws PostgresError */
export async function readClassClosings(session: Session, environment: string): Promise<StoredClosing[]> {
  const rows = await session.query<{ partition: number; offset: number; value: Buffer | null }>(
    `SELECT partition, record_offset AS "offset", value FROM audit_record
     WHERE environment = $1 AND type = 'ClassClosed' AND topic = $2 AND NOT duplicate`,
    [environment, `${environment}.audit`],
  );
  return rows.flatMap(({ partition, offset, value }) => {
    const decoded = decodeAudit(value);
    if (!decoded.ok || decoded.value.type !== 'ClassClosed') return [];
    const closing = decoded.value;
    return isClosedSpan(environment, closing, closing.digest) ? [{ partition, offset, closing }] : [];
  });
}
