/**
 * A log that was cut (an unclean election, a restore), or made anew, and has grown past what its group committed before anybody looked.
 * No offset shows it: the records that took the place of others would be passed over unsaid. So a commit says of which time the record
 * before it was, and whoever takes the partition over looks whether that one still stands there.
 */
import type { KafkaCluster } from './cluster.ts';
import type { AssignedPartition } from './group-options.ts';
import type { TopicPartition } from './record.ts';

/** The newest record below which, itself included, all are finished. */
export interface LastFinished {
  readonly offset: number;
  /** The record's own time, epoch ms. */
  readonly timestampMs: number;
}

const marker = / last=(\d{1,16})@(-?\d{1,16})$/;

/** The text beside a commit, with the record before it where that is known. */
export function withLast(text: string, last: LastFinished | undefined): string {
  return last === undefined ? text : `${text} last=${last.offset}@${last.timestampMs}`;
}

/** Undefined where the text tells of no record, or not of the one before the commit: whoever moved the offset meant another log, or another place. */
export function readLast(committed: AssignedPartition['committed']): LastFinished | undefined {
  const match = marker.exec(committed?.metadata ?? '');
  const last = match && { offset: Number(match[1]), timestampMs: Number(match[2]) };
  return last && last.offset + 1 === committed?.offset ? last : undefined;
}

/**
 * Those in which another record stands before the commit. What retention, compaction or a transaction took says nothing, nor does what
 * cannot be decoded: to wait for that would hold up every partition that is taken over with it.
 */
export async function regrownOf(
  cluster: Pick<KafkaCluster, 'scan'>,
  assigned: readonly AssignedPartition[],
  signal: AbortSignal,
): Promise<AssignedPartition[]> {
  const asked = assigned.flatMap((at) => {
    const last = readLast(at.committed);
    return last && last.offset >= at.logStart && last.offset < at.logEnd ? [{ at, last }] : [];
  });
  const others = new Set<AssignedPartition>();
  const reading = [...Map.groupBy(asked, ({ at }) => at.topic)].map(async ([topic, places]) => {
    const unreadable = new AbortController();
    const scan = cluster.scan({
      topic,
      partitions: places.map(({ at }) => at.partition),
      from: new Map(places.map(({ at, last }) => [at.partition, last.offset])),
      to: new Map(places.map(({ at, last }) => [at.partition, last.offset + 1])),
      signal: AbortSignal.any([signal, unreadable.signal]),
      onError: ({ code }) => code === 'undecodable' && unreadable.abort(),
      onRecord({ partition, timestamp }) {
        const { at, last } = places.find((place) => place.at.partition === partition)!;
        if (timestamp !== last.timestampMs) others.add(at);
      },
    });
    await scan.catch((error: unknown) => {
      if (!unreadable.signal.aborted) throw error;
    });
  });
  await Promise.all(reading);
  return [...others];
}

/** Where reading begins: at their start for these, where it was wished for the others. */
export function startsOf(
  wished: readonly (TopicPartition & { offset: number })[],
  regrown: readonly AssignedPartition[],
): (TopicPartition & { offset: number })[] {
  const isRegrown = (one: TopicPartition): boolean =>
    regrown.some(({ topic, partition }) => topic === one.topic && partition === one.partition);
  return [
    ...wished.filter((one) => !isRegrown(one)),
    ...regrown.map(({ topic, partition, logStart: offset }) => ({ topic, partition, offset })),
  ];
}
