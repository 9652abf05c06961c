// The stage's own output, read back: an event whose trace stands in `audit` was decided already, by this process or by one that
// died before it could commit. The first trace of an origin is the truth; it is carried out again, never decided anew.

import { decodeAudit, type EventAccepted, type EventRejected, type EventUnmatched } from '@postrider/core/contracts';
import { EffectMarks } from '@postrider/core/domain';
import type { AssignedPartition, KafkaCluster, TopicPartition } from '@postrider/kafka';
import { windowRecords } from './limits.ts';

export type EventTrace = EventAccepted | EventUnmatched | EventRejected;

const marker = /\baudit=(\d{1,16})(?: until=(\d{1,16}))?\b/;

/** One upstream partition in one assignment. */
interface UpstreamPartition {
  readonly marks: EffectMarks;
  readonly restoredFrom: number;
  /** Events below it may have been traced by an earlier owner: none of them beyond its window, or beyond where it stood when the log was cut. */
  readonly inheritedUntil: number;
  readTo: number;
  /** By upstream offset, in the order of the log: several records may have stood there, one after the other. */
  readonly known: Map<number, EventTrace[]>;
}

/** What is read back: traces of the records of a log that can come (again), up to its exclusive end. */
interface Wanted {
  readonly upstream: UpstreamPartition;
  readonly end: number;
}

export interface TracesDeps {
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  readonly audit: string;
  /** Traces that are gone: events may be decided a second time. */
  readonly onRangeLost: (lost: TopicPartition & { readonly from: number; readonly to: number }) => void;
  readonly endsOf: (topic: string) => Promise<ReadonlyMap<number, number>>;
  /** N: an upstream partition's traces stand in partition number mod N. */
  readonly partitions: number;
}

export class Traces {
  readonly #deps: TracesDeps;
  readonly #upstream = new Map<string, UpstreamPartition>();
  /** By audit partition: its end as far as it is known. */
  readonly #ends = new Map<number, number>();

  constructor(deps: TracesDeps) {
    this.#deps = deps;
  }

  /** Audit partition of an upstream partition. */
  partitionOf(upstreamPartition: number): number {
    return upstreamPartition % this.#deps.partitions;
  }

  /** Reads back for newly assigned upstream partitions; returns how many records were read. */
  async restore(assigned: readonly AssignedPartition[], signal: AbortSignal): Promise<number> {
    const ends = await this.#deps.endsOf(this.#deps.audit);
    const from = new Map<number, number>();
    for (const upstream of assigned) {
      const partition = this.partitionOf(upstream.partition);
      const { start } = restorePlace(upstream, ends.get(partition) ?? 0);
      from.set(partition, Math.min(from.get(partition) ?? start, start));
    }
    const wanted = new Map<string, Wanted>();
    for (const place of assigned) {
      const { topic, partition, committed, logStart, logEnd: end } = place;
      const audit = this.partitionOf(partition);
      const readTo = Math.max(committed?.offset ?? 0, logStart);
      const { until } = restorePlace(place, ends.get(audit) ?? 0);
      this.#ends.set(audit, Math.max(this.#ends.get(audit) ?? 0, ends.get(audit) ?? 0));
      const upstream = {
        marks: new EffectMarks(),
        restoredFrom: from.get(audit)!,
        inheritedUntil: Math.min(end, Math.max(until, readTo + windowRecords)),
        readTo,
        known: new Map(),
      };
      this.#upstream.set(`${topic}/${partition}`, upstream);
      wanted.set(`${topic}/${partition}`, { upstream, end });
    }
    return this.#read(from, wanted, signal);
  }

  /**
   * The log of an upstream partition was cut, and is read again from `to`. What was decided up to `from` is not decided anew, or
   * everything that is left of the log would be sent a second time.
   *
   * @param settled resolves when what was begun is traced
   */
  async readAgain(
    {
      topic,
      partition,
      from: inheritedUntil,
      to: readTo,
    }: TopicPartition & { readonly from: number; readonly to: number },
    settled: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const place = `${topic}/${partition}`;
    const upstream = { marks: new EffectMarks(), restoredFrom: 0, inheritedUntil, readTo, known: new Map() };
    // At once: a commit of meanwhile must not say that the next owner has less to read.
    this.#upstream.set(place, upstream);
    await settled;
    // Of a log that was made anew little is left. Without an answer everything is taken for left.
    const ends = await this.#deps.endsOf(topic).catch(() => undefined);
    const end = Math.min(inheritedUntil, ends?.get(partition) ?? inheritedUntil);
    await this.#read(new Map([[this.partitionOf(partition), 0]]), new Map([[place, { upstream, end }]]), signal);
  }

  /** @param from by audit partition @param wanted by upstream partition */
  async #read(
    from: ReadonlyMap<number, number>,
    wanted: ReadonlyMap<string, Wanted>,
    signal: AbortSignal,
  ): Promise<number> {
    let records = 0;
    await this.#deps.cluster.scan({
      topic: this.#deps.audit,
      partitions: [...from.keys()],
      from,
      signal,
      onRangeLost: this.#deps.onRangeLost,
      onRecord: ({ value }) => {
        records++;
        const decoded = decodeAudit(value);
        if (!decoded.ok || !isEventTrace(decoded.value)) return;
        const { origin } = decoded.value;
        const cut = origin.lastIndexOf('/');
        const found = wanted.get(origin.slice(0, cut));
        const offset = Number(origin.slice(cut + 1));
        if (!found || offset < found.upstream.readTo || offset >= found.end) return;
        const { known } = found.upstream;
        known.set(offset, [...(known.get(offset) ?? []), decoded.value]);
      },
    });
    return records;
  }

  /** These partitions are somebody else's now. */
  lost(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#upstream.delete(`${topic}/${partition}`);
  }

  /** Records in memory of which there are traces. */
  get remembered(): number {
    return [...this.#upstream.values()].reduce((sum, { known }) => sum + known.size, 0);
  }

  /**
   * The traces of what stands, or has stood, at this place, once: a record comes again only with another owner. The first that is of
   * this record stands for it.
   */
  take(place: TopicPartition & { readonly offset: number }): readonly EventTrace[] {
    const upstream = this.#upstream.get(`${place.topic}/${place.partition}`);
    if (!upstream) return [];
    upstream.readTo = Math.max(upstream.readTo, place.offset + 1);
    const found = upstream.known.get(place.offset) ?? [];
    // They stand somewhere at or after where restoring began.
    if (found.length > 0) upstream.marks.note(place.offset, upstream.restoredFrom);
    upstream.known.delete(place.offset);
    return found;
  }

  /**
   * Looks where `audit` ends. Others write to it as well: while a partition brings no events, what its commits say would otherwise grow
   * as old as the log, and the next owner would read it all, or miss what retention has taken of it.
   */
  async lookAtEnds(): Promise<void> {
    for (const [partition, end] of await this.#deps.endsOf(this.#deps.audit)) {
      const known = this.#ends.get(partition);
      if (known !== undefined && end > known) this.#ends.set(partition, end);
    }
  }

  /** A trace is about to be written. */
  tracing(place: TopicPartition & { readonly offset: number }): void {
    const end = this.#ends.get(this.partitionOf(place.partition)) ?? 0;
    this.#upstream.get(`${place.topic}/${place.partition}`)?.marks.note(place.offset, end);
  }

  /** It stands in the audit partition of this upstream partition at this offset. */
  traced(upstreamPartition: number, offset: number): void {
    const audit = this.partitionOf(upstreamPartition);
    this.#ends.set(audit, Math.max(this.#ends.get(audit) ?? 0, offset + 1));
  }

  /** The part of a commit's text that says where in `audit` the next owner must begin to read. */
  mark({ topic, partition }: TopicPartition, watermark: number): string {
    const upstream = this.#upstream.get(`${topic}/${partition}`);
    if (!upstream) return 'audit=0';
    const { marks, readTo, inheritedUntil, restoredFrom } = upstream;
    const start = marks.restoreStart(watermark, this.#ends.get(this.partitionOf(partition)) ?? 0);
    return readTo < inheritedUntil
      ? `audit=${Math.min(restoredFrom, start)} until=${inheritedUntil}`
      : `audit=${start}`;
  }
}

function isEventTrace(record: { readonly type: string }): record is EventTrace {
  return record.type === 'EventAccepted' || record.type === 'EventUnmatched' || record.type === 'EventRejected';
}

/** Where in `audit` reading back begins, and which upstream offset an earlier owner had come to, where it says so. */
function restorePlace({ committed, logStart, logEnd }: AssignedPartition, end: number) {
  if (Math.max(committed?.offset ?? 0, logStart) >= logEnd) return { start: end, until: 0 };
  const match = marker.exec(committed?.metadata ?? '');
  return { start: Number(match?.[1] ?? 0), until: Number(match?.[2] ?? 0) };
}
