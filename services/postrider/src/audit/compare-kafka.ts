// Row by row against the log itself, as far back as Kafka keeps it: whoever wrote the tables anew, hashes and all, is found at
// the very row, without a signature.

import { auditRowOf } from '@postrider/audit-projector';
import { chainStart, chainStep, type ChainPlace } from '@postrider/core/contracts';
import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import { linkBefore, streamRecords, type ChainHead, type Snapshot } from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';
import { comparedAtOnce, problemsKeptMax } from './limits.ts';

export interface CompareKafka {
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  readonly admin: Pick<KafkaAdmin, 'startOffsets' | 'endOffsets'>;
  /** For one piece of the log. */
  readonly timeoutMs: number;
}

/** @param onRecords told how many records more were compared. @throws PostgresError, KafkaError */
export async function compareWithKafka(
  snapshot: Snapshot,
  environment: string,
  { heads, kafka }: { readonly heads: readonly ChainHead[]; readonly kafka: CompareKafka },
  onRecords: (records: number) => void,
): Promise<AuditProblem[]> {
  const problems: AuditProblem[] = [];
  for (const { topic, partition, offset: next } of heads) {
    const place: ChainPlace = { environment, topic, partition };
    const start = (await kafka.admin.startOffsets(topic)).get(partition) ?? next;
    // Asked after the tables: those cannot be ahead of it.
    const logEnd = (await kafka.admin.endOffsets(topic)).get(partition);
    const end = Math.min(next, logEnd ?? start);
    if (next > (logEnd ?? 0)) {
      const what = logEnd === undefined ? 'Kafka has no such partition' : `the log ends at offset ${logEnd}`;
      const where = { topic, partition, offset: logEnd ?? 0 };
      problems.push({ kind: 'kafka-differs', ...where, what: `the tables go up to offset ${next}, and ${what}` });
    }
    for (let from = start; from < end && problems.length < problemsKeptMax; from += comparedAtOnce) {
      const to = Math.min(from + comparedAtOnce, end);
      problems.push(...(await comparePiece(snapshot, place, { from, to }, kafka)));
      onRecords(to - from);
    }
  }
  return problems;
}

async function comparePiece(
  snapshot: Snapshot,
  place: ChainPlace,
  { from, to }: { readonly from: number; readonly to: number },
  { cluster, timeoutMs }: CompareKafka,
): Promise<AuditProblem[]> {
  const { topic, partition } = place;
  const stored = new Map<number, string>();
  // Of a record that was dropped with its class the hash stands there still.
  for await (const next of streamRecords(snapshot, place, { from, to }, { withStubs: true })) {
    for (let row = next(); row !== undefined; row = next()) stored.set(row.offset, row.chain);
  }
  const step = chainStep(place);
  const before = await linkBefore(snapshot, place, from);
  // A chain may begin in the middle, behind days that are gone: then the first row that stands can only be believed.
  let previous = before?.head ?? (from === 0 ? chainStart(place) : undefined);
  const problems: AuditProblem[] = [];
  const tell = (offset: number, what: string): void => {
    problems.push({ kind: 'kafka-differs', topic, partition, offset, what });
  };
  await cluster.scan({
    topic,
    partitions: [partition],
    from: new Map([[partition, from]]),
    to: new Map([[partition, to]]),
    timeoutMs,
    onRecord(record) {
      const chain = stored.get(record.offset);
      stored.delete(record.offset);
      if (chain === undefined) {
        if (previous !== undefined)
          tell(record.offset, `the record at offset ${record.offset} is in Kafka and not in the tables`);
        return;
      }
      const hash = previous === undefined ? chain : step(previous, auditRowOf(record));
      if (hash !== chain)
        tell(record.offset, `the row at offset ${record.offset} is not the record that Kafka holds there`);
      previous = chain;
    },
  });
  for (const offset of stored.keys()) tell(offset, `the row at offset ${offset} has no record in Kafka`);
  return problems.sort((a, b) => a.offset! - b.offset!);
}
