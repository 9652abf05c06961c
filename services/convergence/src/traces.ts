// The stage's own output, read back: an event whose trace stands in `audit` was decided already, by this process or by one that
// died before it could commit. The first trace of an origin is the truth; it is carried out again, never decided anew.

import { decodeAudit, type EventAccepted, type EventRejected, type EventUnmatched } from '@postrider/core/contracts';
import { EffectMarks, type Origin } from '@postrider/core/domain';
import type { AssignedPartition, KafkaCluster, TopicPartition } from '@postrider/kafka';
import { windowRecords } from './limits.ts';

export type EventTrace = EventAccepted | EventUnmatched | EventRejected;

const marker = /\baudit=(\d{1,16})\b/;

/** One upstream partition in one assignment. */
interface UpstreamPartition {
  readonly marks: EffectMarks;
  readonly restoredFrom: number;
  /** Events below it may have been traced by an earlier owner; none of them beyond its window. */
  readonly inheritedUntil: number;
  readTo: number;
}

export interface TracesDeps {
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  readonly audit: string;
  /** Traces that are gone: events may be decided a second time. */
  readonly onRangeLost: (lost: TopicPartition & { readonly from: number; readonly to: number }) => void;
  readonly auditEnds: () => Promise<ReadonlyMap<number, number>>;
  /** N: an upstream partition's traces stand in partition number mod N. */
  readonly partitions: number;
}

export class Traces {
  readonly #deps: TracesDeps;
  readonly #upstream = new Map<string, UpstreamPartition>();
  readonly #known = new Map<Origin, EventTrace>();
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
    const ends = await this.#deps.auditEnds();
    const from = new Map<number, number>();
    for (const upstream of assigned) {
      const partition = this.partitionOf(upstream.partition);
      const start = restoreStart(upstream, ends.get(partition) ?? 0);
      from.set(partition, Math.min(from.get(partition) ?? start, start));
    }
    /** By upstream partition: the first record that can come again. */
    const starts = new Map(
      assigned.map(({ topic, partition, committed, logStart }) => [
        `${topic}/${partition}`,
        Math.max(committed?.offset ?? 0, logStart),
      ]),
    );
    const records = await this.#read(from, starts, signal);
    for (const { topic, partition, committed, logStart, logEnd } of assigned) {
      const audit = this.partitionOf(partition);
      const start = Math.max(committed?.offset ?? 0, logStart);
      this.#ends.set(audit, Math.max(this.#ends.get(audit) ?? 0, ends.get(audit) ?? 0));
      this.#upstream.set(`${topic}/${partition}`, {
        marks: new EffectMarks(),
        restoredFrom: from.get(audit)!,
        inheritedUntil: Math.min(logEnd, start + windowRecords),
        readTo: start,
      });
    }
    return records;
  }

  /**
   * The log of an upstream partition was cut, and is read again from `to`. What was decided up to `from` is not decided anew, or
   * everything that is left of the log would be sent a second time.
   */
  async readAgain(
    { topic, partition, from: readTo, to }: TopicPartition & { readonly from: number; readonly to: number },
    signal: AbortSignal,
  ): Promise<void> {
    const place = `${topic}/${partition}`;
    this.#upstream.set(place, { marks: new EffectMarks(), restoredFrom: 0, inheritedUntil: readTo, readTo: to });
    await this.#read(new Map([[this.partitionOf(partition), 0]]), new Map([[place, to]]), signal);
  }

  /** @param from by audit partition @param starts by upstream partition: the first record that can come again */
  async #read(
    from: ReadonlyMap<number, number>,
    starts: ReadonlyMap<string, number>,
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
        const start = starts.get(origin.slice(0, cut));
        if (start === undefined || Number(origin.slice(cut + 1)) < start) return;
        if (!this.#known.has(origin)) this.#known.set(origin, decoded.value);
      },
    });
    return records;
  }

  /** These partitions are somebody else's now. */
  lost(partitions: readonly TopicPartition[]): void {
    const places = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`));
    for (const place of places) this.#upstream.delete(place);
    for (const origin of this.#known.keys())
      if (places.has(origin.slice(0, origin.lastIndexOf('/')))) this.#known.delete(origin);
  }

  /** Traces in memory. */
  get remembered(): number {
    return this.#known.size;
  }

  /** The trace that stands for a record already, once: the record comes again only with another owner. */
  take(place: TopicPartition & { readonly offset: number }, origin: Origin): EventTrace | undefined {
    const upstream = this.#upstream.get(`${place.topic}/${place.partition}`);
    if (upstream) upstream.readTo = Math.max(upstream.readTo, place.offset + 1);
    const found = this.#known.get(origin);
    // It stands somewhere at or after where restoring began.
    if (found) upstream?.marks.note(place.offset, upstream.restoredFrom);
    this.#known.delete(origin);
    return found;
  }

  /**
   * Looks where `audit` ends. Others write to it as well: while a partition brings no events, what its commits say would otherwise grow
   * as old as the log, and the next owner would read it all, or miss what retention has taken of it.
   */
  async lookAtEnds(): Promise<void> {
    for (const [partition, end] of await this.#deps.auditEnds()) {
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
    const start = upstream.marks.restoreStart(watermark, this.#ends.get(this.partitionOf(partition)) ?? 0);
    return `audit=${upstream.readTo < upstream.inheritedUntil ? Math.min(upstream.restoredFrom, start) : start}`;
  }
}

function isEventTrace(record: { readonly type: string }): record is EventTrace {
  return record.type === 'EventAccepted' || record.type === 'EventUnmatched' || record.type === 'EventRejected';
}

function restoreStart({ committed, logStart, logEnd }: AssignedPartition, end: number): number {
  if (Math.max(committed?.offset ?? 0, logStart) >= logEnd) return end;
  const match = marker.exec(committed?.metadata ?? '');
  return match ? Number(match[1]) : 0;
}
