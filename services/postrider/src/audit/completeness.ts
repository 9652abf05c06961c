// Whether every upstream record that was read left a trace (accepted, unmatched or rejected), by upstream partition. From the
// tables alone; Kafka, when it is asked, tells offsets that never held a record from records that left no trace, and how far
// was read.

import { topicNames } from '@postrider/core/contracts';
import type { KafkaAdmin, KafkaCluster } from '@postrider/kafka';
import {
  placesWithStubs,
  readClosedBases,
  readLostRanges,
  readOriginWords,
  type Database,
  type LostRange,
} from '@postrider/postgres';
import { Coverage, explained, type Gap, type OffsetSpan, type PartitionCoverage } from './coverage.ts';
import { gapsKeptMax, gapsProbedMax, progressWords } from './limits.ts';

export interface CheckCompleteness {
  readonly database: Database;
  readonly environment: string;
  /** Undefined: only the tables are asked. */
  readonly kafka?: CompletenessKafka | undefined;
  readonly onProgress?: ((accounted: number) => void) | undefined;
}

export interface CompletenessKafka {
  readonly admin: Pick<KafkaAdmin, 'committed' | 'endOffsets' | 'startOffsets'>;
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  /** The topics that convergence reads. */
  readonly eventTopics: readonly string[];
  /** For one gap. */
  readonly timeoutMs: number;
}

export interface Completeness {
  /** No gap that nothing explains. */
  readonly ok: boolean;
  /** Offsets that left a trace. */
  readonly accounted: number;
  readonly unexplained: number;
  /** Audit records that are not in the tables yet, so that the newest offsets cannot be judged; null: Kafka was not asked. */
  readonly behind: number | null;
  readonly partitions: readonly PartitionCoverage[];
}

/** @throws PostgresError, KafkaError */
export async function checkCompleteness(options: CheckCompleteness): Promise<Completeness> {
  const { database, environment, kafka } = options;
  // Before the tables: what is committed now has its trace in `audit` already.
  const read = kafka && (await readSoFar(environment, kafka));
  const { partitions, projected, lost } = await database.snapshot(async (snapshot) => {
    const ranges = await readLostRanges(snapshot, environment);
    const coverage = new Coverage(gapsKeptMax, ranges);
    let words = 0;
    const firstsOnly = (await readClosedBases(snapshot, environment)).length > 0;
    const withStubs = (await placesWithStubs(snapshot, environment)).length > 0;
    for await (const word of readOriginWords(snapshot, environment, { firstsOnly, withStubs })) {
      coverage.take(word);
      words += 1;
      if (words % progressWords === 0) options.onProgress?.(coverage.accounted);
    }
    const offsets = await snapshot.query<{ partition: number; next: number }>(
      'SELECT partition, next FROM projection_offset WHERE environment = $1 AND topic = $2',
      [environment, topicNames(environment).audit],
    );
    return {
      partitions: coverage.finish(),
      lost: ranges,
      projected: new Map(offsets.map(({ partition, next }) => [partition, next])),
    };
  });
  const behind = read && behindOf(read.auditEnds, projected);
  const judged =
    read && kafka
      ? await judgeByKafka(partitions, { committed: read.committed, lost, current: behind === 0 }, kafka)
      : partitions;
  const unexplained = judged.reduce((sum, each) => sum + each.unexplained, 0);
  return {
    ok: unexplained === 0,
    accounted: judged.reduce((sum, { accounted }) => sum + accounted, 0),
    unexplained,
    behind: behind ?? null,
    partitions: judged,
  };
}

interface ReadSoFar {
  readonly committed: readonly { topic: string; partition: number; offset: number }[];
  readonly auditEnds: ReadonlyMap<number, number>;
}

async function readSoFar(environment: string, { admin, eventTopics }: CompletenessKafka): Promise<ReadSoFar> {
  const committed = await admin.committed(`${environment}.convergence`, eventTopics);
  return { committed, auditEnds: await admin.endOffsets(topicNames(environment).audit) };
}

function behindOf(ends: ReadonlyMap<number, number>, projected: ReadonlyMap<number, number>): number {
  return [...ends].reduce((sum, [partition, end]) => sum + Math.max(0, end - (projected.get(partition) ?? 0)), 0);
}

export interface ReadBehind {
  readonly committed: ReadSoFar['committed'];
  readonly lost: readonly LostRange[];
  /** False: the tables are behind, and nothing can be said of what was committed. */
  readonly current: boolean;
}

/** Tells gaps that hold no record from those that do, and adds what was committed behind the last trace. @throws KafkaError */
export async function judgeByKafka(
  partitions: readonly PartitionCoverage[],
  { committed, lost, current }: ReadBehind,
  kafka: CompletenessKafka,
): Promise<PartitionCoverage[]> {
  const byPlace = new Map(partitions.map((each) => [`${each.topic}/${each.partition}`, each]));
  if (current) {
    for (const { topic, partition, offset } of committed) {
      const known = byPlace.get(`${topic}/${partition}`) ?? (await untraced(topic, partition, kafka));
      if (offset > known.next) byPlace.set(`${topic}/${partition}`, withTail(known, offset, lost));
    }
  }
  const judged: PartitionCoverage[] = [];
  let probes = 0;
  for (const each of byPlace.values()) {
    const gaps: Gap[] = [];
    for (const gap of each.gaps) {
      if (gap.why !== 'unexplained' || probes >= gapsProbedMax) {
        gaps.push(gap);
        continue;
      }
      probes += 1;
      gaps.push(...explained(gap, await spansWithoutRecord(each, gap, kafka), 'no-record'));
    }
    judged.push({ ...each, gaps, unexplained: each.unexplained - lengthOf(gaps, 'no-record') });
  }
  return judged;
}

/** A partition of which nothing left a trace. */
async function untraced(topic: string, partition: number, { admin }: CompletenessKafka): Promise<PartitionCoverage> {
  const first = (await admin.startOffsets(topic)).get(partition) ?? 0;
  return { topic, partition, first, next: first, accounted: 0, gaps: [], missing: 0, unexplained: 0 };
}

/** What was committed behind the last trace was read and left none, or was lost: then the commit begins behind it. */
function withTail(coverage: PartitionCoverage, committed: number, lost: readonly LostRange[]): PartitionCoverage {
  const ofIt = lost.filter(({ topic, partition }) => topic === coverage.topic && partition === coverage.partition);
  const tail = explained({ from: coverage.next, to: committed }, ofIt);
  return {
    ...coverage,
    next: committed,
    gaps: [...coverage.gaps, ...tail],
    missing: coverage.missing + committed - coverage.next,
    unexplained: coverage.unexplained + lengthOf(tail, 'unexplained'),
  };
}

const lengthOf = (gaps: readonly Gap[], why: Gap['why']): number =>
  gaps.reduce((sum, gap) => sum + (gap.why === why ? gap.to - gap.from : 0), 0);

/** Offsets of a gap that the log still reaches and that hold no record. */
async function spansWithoutRecord(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  gap: OffsetSpan,
  { admin, cluster, timeoutMs }: CompletenessKafka,
): Promise<OffsetSpan[]> {
  const logStart = (await admin.startOffsets(topic)).get(partition) ?? gap.to;
  const from = Math.max(gap.from, logStart);
  if (from >= gap.to) return [];
  const spans: OffsetSpan[] = [];
  let at = from;
  await cluster.scan({
    topic,
    partitions: [partition],
    from: new Map([[partition, from]]),
    to: new Map([[partition, gap.to]]),
    timeoutMs,
    onRecord({ offset }) {
      if (offset > at) spans.push({ from: at, to: offset });
      at = offset + 1;
    },
  });
  if (at < gap.to) spans.push({ from: at, to: gap.to });
  return spans;
}
