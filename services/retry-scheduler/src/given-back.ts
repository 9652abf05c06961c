// What of the tiers stands in `dispatches` already: read back when a partition is assigned, so that a record that an earlier
// owner gave back just before it died is not given back again. What is read too late makes a copy, which dispatch drops.
// It is forgotten when everything was read that an earlier owner can have given back.

import { decodeDispatch, givenBackFrom, placed, tierPlace, unplaced } from '@postrider/core/contracts';
import { EffectMarks, type Dispatch } from '@postrider/core/domain';
import { givenBackMax } from './limits.ts';
import { headerText, type AssignedPartition, type KafkaCluster, type TopicPartition } from '@postrider/kafka';

const marker = /^dispatches=(\d{1,16})(?: |$)/;

/** One tier partition in one assignment. */
interface TierPartition {
  readonly partition: number;
  readonly marks: EffectMarks;
  readonly restoredFrom: number;
  /** Records below it may have been given back by an earlier owner; none of them beyond its window. */
  readonly inheritedUntil: number;
  /** So far may that window have reached in fact: by what was not committed, and by its last fetch. */
  readonly rememberedUntil: number;
  readTo: number;
}

export interface GivenBackDeps {
  readonly cluster: Pick<KafkaCluster, 'scan'>;
  /** Records that were given back are gone: they may be given back again. */
  readonly onRangeLost: (lost: TopicPartition & { readonly from: number; readonly to: number }) => void;
  /** How far an owner reads ahead in a tier's partition. */
  readonly windowOf: (topic: string) => { readonly windowRecords: number };
  readonly dispatchesEnd: () => Promise<ReadonlyMap<number, number>>;
  readonly dispatches: string;
}

export class GivenBack {
  readonly #deps: GivenBackDeps;
  readonly #tiers = new Map<string, TierPartition>();
  /** By partition number: identity → offset in `dispatches`; only while something inherited is unread. */
  readonly #known = new Map<number, Map<string, number>>();
  /** By partition number: the end of `dispatches` as far as it is known. */
  readonly #ends = new Map<number, number>();

  constructor(deps: GivenBackDeps) {
    this.#deps = deps;
  }

  /** Reads back for newly assigned tier partitions; returns how many records were read. */
  async restore(assigned: readonly AssignedPartition[], signal: AbortSignal): Promise<number> {
    const ends = await this.#deps.dispatchesEnd();
    const from = new Map<number, number>();
    for (const tier of assigned) {
      const start = restoreStart(tier, ends.get(tier.partition) ?? 0);
      from.set(tier.partition, Math.min(from.get(tier.partition) ?? start, start));
    }
    // Known before reading, so that a partition's other tiers do not make it forget what is being read.
    for (const { topic, partition, committed, logStart, logEnd } of assigned) {
      const start = Math.max(committed?.offset ?? 0, logStart);
      const { windowRecords } = this.#deps.windowOf(topic);
      this.#ends.set(partition, Math.max(this.#ends.get(partition) ?? 0, ends.get(partition) ?? 0));
      this.#tiers.set(`${topic}/${partition}`, {
        partition,
        marks: new EffectMarks(),
        restoredFrom: from.get(partition)!,
        inheritedUntil: Math.min(logEnd, start + windowRecords),
        rememberedUntil: Math.min(logEnd, start + 2 * windowRecords),
        readTo: start,
      });
    }
    let records = 0;
    await this.#deps.cluster.scan({
      topic: this.#deps.dispatches,
      partitions: [...from.keys()],
      from,
      signal,
      onRangeLost: this.#deps.onRangeLost,
      onRecord: ({ partition, offset, headers, value }) => {
        records++;
        const decoded = decodeDispatch((name) => headerText(headers, name), value);
        if (!decoded.ok) return;
        const place = givenBackFrom((name) => headerText(headers, name), decoded.value);
        if (place !== undefined) this.#remember(partition, place, offset);
      },
    });
    for (const partition of from.keys()) this.#forgetWhenRead(partition);
    return records;
  }

  /** These partitions are somebody else's now. */
  lost(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#tiers.delete(`${topic}/${partition}`);
    for (const { partition } of partitions) this.#forgetWhenRead(partition);
  }

  /** Identities in memory. */
  get remembered(): number {
    return [...this.#known.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** True when this record's successor was found; it must not be given back again. */
  has(place: TopicPartition & { readonly offset: number }, dispatch: Dispatch): boolean {
    const tier = this.#tiers.get(`${place.topic}/${place.partition}`);
    const known = this.#known.get(place.partition);
    const foundAt = known?.get(placed(tierPlace(place), dispatch)) ?? known?.get(unplaced(dispatch));
    if (tier) this.#readTo(tier, place.offset + 1);
    if (foundAt === undefined) return false;
    tier?.marks.note(place.offset, foundAt);
    return true;
  }

  /**
   * Looks where `dispatches` ends. Others write to it as well: while nothing comes back from a partition's tiers, what the commits say
   * would otherwise grow as old as the log, and the next owner would read it all, or miss what retention has taken of it.
   */
  async lookAtEnds(): Promise<void> {
    for (const [partition, end] of await this.#deps.dispatchesEnd()) {
      const known = this.#ends.get(partition);
      if (known !== undefined && end > known) this.#ends.set(partition, end);
    }
  }

  /** A record is about to be given back. */
  giving(place: TopicPartition & { readonly offset: number }): void {
    this.#tiers
      .get(`${place.topic}/${place.partition}`)
      ?.marks.note(place.offset, this.#ends.get(place.partition) ?? 0);
  }

  /** It stands in `dispatches` at this offset. */
  given(partition: number, offset: number): void {
    this.#ends.set(partition, Math.max(this.#ends.get(partition) ?? 0, offset + 1));
  }

  /** The text that a commit carries: where in `dispatches` the next owner must begin to read. */
  metadata({ topic, partition }: TopicPartition, watermark: number): string {
    const end = this.#ends.get(partition) ?? 0;
    const tier = this.#tiers.get(`${topic}/${partition}`);
    if (!tier) return `dispatches=0`;
    const start = tier.marks.restoreStart(watermark, end);
    return `dispatches=${tier.readTo < tier.inheritedUntil ? Math.min(tier.restoredFrom, start) : start}`;
  }

  #remember(partition: number, identity: string, offset: number): void {
    const known = this.#known.get(partition) ?? new Map<string, number>();
    this.#known.set(partition, known.set(identity, offset));
    // What is forgotten too early makes a copy, which dispatch drops.
    if (known.size > givenBackMax) known.delete(known.keys().next().value!);
  }

  #readTo(tier: TierPartition, offset: number): void {
    if (offset <= tier.readTo) return;
    const wasUnread = tier.readTo < tier.rememberedUntil;
    tier.readTo = offset;
    if (wasUnread && offset >= tier.rememberedUntil) this.#forgetWhenRead(tier.partition);
  }

  /** A record comes from one of the tiers: none of them may have something inherited left. */
  #forgetWhenRead(partition: number): void {
    const tiers = [...this.#tiers.values()].filter((tier) => tier.partition === partition);
    if (tiers.length === 0) this.#ends.delete(partition);
    if (tiers.every(({ readTo, rememberedUntil }) => readTo >= rememberedUntil)) this.#known.delete(partition);
  }
}

function restoreStart({ committed, logStart, logEnd }: AssignedPartition, end: number): number {
  // A tier that holds nothing has given nothing back that could come again.
  if (Math.max(committed?.offset ?? 0, logStart) >= logEnd) return end;
  const match = marker.exec(committed?.metadata ?? '');
  return match ? Number(match[1]) : 0;
}
