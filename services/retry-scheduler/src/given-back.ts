// What of the tiers stands in `dispatches` already: read back when a partition is assigned, so that a record that an earlier
// owner gave back just before it died is not given back again. What is read too late makes a copy, which dispatch drops.

import { decodeDispatch } from '@postrider/core/contracts';
import { attemptIdOf, EffectMarks, type Dispatch } from '@postrider/core/domain';
import { headerText, type AssignedPartition, type KafkaCluster, type TopicPartition } from '@postrider/kafka';

const marker = /^dispatches=(\d{1,16})$/;

/** Identity of a record that was given back: an attempt may pass a tier more than once, each time with another hop or park. */
function identityOf(dispatch: Dispatch): string {
  return `${attemptIdOf(dispatch)}/${dispatch.hop}/${dispatch.park}`;
}

/** One tier partition in one assignment. */
interface TierPartition {
  readonly marks: EffectMarks;
  readonly restoredFrom: number;
  /** Records below it may have been given back by an earlier owner; none of them beyond its window. */
  readonly inheritedUntil: number;
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
  /** By partition number: identity → offset in `dispatches`. */
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
        const { attempt, hop, park } = decoded.value;
        // First attempts come from convergence, unless dispatch sent them round.
        if (attempt === 1 && hop === 0 && park === 0) return;
        const known = this.#known.get(partition) ?? new Map<string, number>();
        this.#known.set(partition, known.set(identityOf(decoded.value), offset));
      },
    });
    for (const { topic, partition, committed, logStart, logEnd } of assigned) {
      const start = Math.max(committed?.offset ?? 0, logStart);
      this.#ends.set(partition, Math.max(this.#ends.get(partition) ?? 0, ends.get(partition) ?? 0));
      this.#tiers.set(`${topic}/${partition}`, {
        marks: new EffectMarks(),
        restoredFrom: from.get(partition)!,
        inheritedUntil: Math.min(logEnd, start + this.#deps.windowOf(topic).windowRecords),
        readTo: start,
      });
    }
    return records;
  }

  /** True when this record's successor was found; it must not be given back again. */
  has(place: TopicPartition & { readonly offset: number }, dispatch: Dispatch): boolean {
    const tier = this.#tiers.get(`${place.topic}/${place.partition}`);
    if (tier) tier.readTo = Math.max(tier.readTo, place.offset + 1);
    const foundAt = this.#known.get(place.partition)?.get(identityOf(dispatch));
    if (foundAt === undefined) return false;
    tier?.marks.note(place.offset, foundAt);
    return true;
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
}

function restoreStart({ committed, logStart, logEnd }: AssignedPartition, end: number): number {
  // A tier that holds nothing has given nothing back that could come again.
  if (Math.max(committed?.offset ?? 0, logStart) >= logEnd) return end;
  const match = marker.exec(committed?.metadata ?? '');
  return match ? Number(match[1]) : 0;
}
