// Whether what is left of records that were dropped with their class is what their closing records sealed: none altered, none taken away,
// none added. The chain takes stubs as they are (chain-check.ts); here they are held against the digests.

import { stubDigestNext, stubDigestStart } from '@postrider/core/contracts';
import {
  readClassClosings,
  streamStubs,
  type Snapshot,
  type StoredClosing,
  type StoredStub,
} from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';

/** @param onClosing told each closing record that stubs stand by. @throws PostgresError */
export async function verifyStubs(
  snapshot: Snapshot,
  environment: string,
  onClosing: (closing: StoredClosing) => void,
): Promise<AuditProblem[]> {
  const check = new StubCheck(environment, await readClassClosings(snapshot, environment));
  for await (const stubs of streamStubs(snapshot, environment)) for (const stub of stubs) check.take(stub);
  for (const closing of check.closings()) onClosing(closing);
  return check.finish();
}

/** The stubs of one closing so far. */
interface Sealed {
  readonly at: StoredClosing;
  digest: string;
  stubs: number;
  /** Behind the last stub that is as it was sealed. */
  end: number;
  /** The first that is not. */
  broken: number | undefined;
}

/** Takes all stubs of an environment, in order of topic, partition and offset. */
export class StubCheck {
  readonly #environment: string;
  readonly #closings: ReadonlyMap<string, StoredClosing>;
  readonly #problems: AuditProblem[] = [];
  readonly #used = new Set<StoredClosing>();
  /** Of the Kafka partition at hand: a closing is of one. */
  readonly #open = new Map<string, Sealed>();
  #topic = '';
  #partition = -1;

  constructor(environment: string, closings: readonly StoredClosing[]) {
    this.#environment = environment;
    this.#closings = new Map(closings.map((each) => [`${each.partition}/${each.offset}`, each]));
  }

  take(stub: StoredStub): void {
    const { topic, partition, offset, closedPartition, closedOffset } = stub;
    if (topic !== this.#topic || partition !== this.#partition) {
      this.#close();
      this.#topic = topic;
      this.#partition = partition;
    }
    const key = `${closedPartition}/${closedOffset}`;
    const sealed = this.#open.get(key) ?? this.#begin(key);
    if (sealed === undefined) {
      this.#add('stub-inserted', offset, `no closing record says that the record at offset ${offset} was dropped`);
      return;
    }
    sealed.stubs += 1;
    if (sealed.broken !== undefined) return;
    // A broker counts milliseconds: of a fraction the digest says nothing, so there is none.
    if (Number.isInteger(stub.recordedMs) && stubDigestNext(sealed.digest, stub) === stub.digest) {
      sealed.digest = stub.digest;
      sealed.end = offset + 1;
    } else sealed.broken = offset;
  }

  /** Those that a stub names. */
  closings(): Iterable<StoredClosing> {
    return this.#used;
  }

  finish(): AuditProblem[] {
    this.#close();
    return this.#problems;
  }

  /** @returns undefined when there is no such closing of this partition */
  #begin(key: string): Sealed | undefined {
    const at = this.#closings.get(key);
    if (at === undefined || at.closing.topic !== this.#topic || at.closing.partition !== this.#partition)
      return undefined;
    const digest = stubDigestStart({ environment: this.#environment, ...at.closing });
    const sealed = { at, digest, stubs: 0, end: at.closing.from, broken: undefined };
    this.#open.set(key, sealed);
    this.#used.add(at);
    return sealed;
  }

  #close(): void {
    for (const sealed of this.#open.values()) this.#judge(sealed);
    this.#open.clear();
  }

  #judge({ at: { partition, offset, closing }, digest, stubs, end, broken }: Sealed): void {
    if (broken === undefined && stubs === closing.rows && digest === closing.digest) return;
    const where = `the closing record ${this.#environment}.audit/${partition}/${offset} of class ${closing.class}, ${closing.day}`;
    if (stubs < closing.rows) {
      const missing = closing.rows - stubs;
      const what = `${missing} of ${closing.rows} records that ${where} left stubs of have none`;
      this.#add('stub-missing', end, `${what}; the first is at or after offset ${end}`);
    } else if (stubs > closing.rows) {
      const extra = stubs - closing.rows;
      this.#add('stub-inserted', broken ?? end - 1, `there are ${extra} stubs more than ${where} left`);
    } else if (broken !== undefined) {
      this.#add(
        'stub-altered',
        broken,
        `what is left of the record at offset ${broken} is not what was sealed by ${where}`,
      );
    } else {
      this.#add(
        'stub-altered',
        closing.from,
        `what is left from offset ${closing.from} on does not come to the digest of ${where}`,
      );
    }
  }

  #add(kind: AuditProblem['kind'], offset: number, what: string): void {
    this.#problems.push({ kind, topic: this.#topic, partition: this.#partition, offset, what });
  }
}
