// One Kafka partition on its way into the tables: what was fetched and is not written yet, and where the tables stand.

import type { KafkaRecord } from '@postrider/kafka';

/** What a record holds in memory beside its bytes, roughly. */
const recordOverheadBytes = 256;

export interface Peeked {
  readonly records: readonly KafkaRecord[];
  readonly next: number;
  /** The limit was reached: what is fetched meanwhile changes nothing about these. */
  readonly full: boolean;
}

export class Lane {
  readonly topic: string;
  readonly partition: number;
  /** Where the offset row stands. */
  next: number;
  /** Log end as last seen. */
  logEnd: number;
  /** What PostgreSQL has against this lane alone, and when it is tried again (monotonic ms). */
  refusal: { readonly why: string; readonly untilMs: number } | undefined;
  /** Not ours any more: what it holds is another's to write. */
  lost = false;
  paused = false;
  /** Why nothing of it can be written, if a person must see to it. */
  fault: string | undefined;
  /** Why Kafka does not give what follows; undefined when it does. It is asked again. */
  unreadable: string | undefined;
  #records: KafkaRecord[] = [];
  #bytes = 0;
  /** Where reading goes on after what is held. */
  #readTo: number;

  constructor(at: {
    readonly topic: string;
    readonly partition: number;
    readonly next: number;
    readonly logEnd: number;
  }) {
    this.topic = at.topic;
    this.partition = at.partition;
    this.next = at.next;
    this.logEnd = at.logEnd;
    this.#readTo = at.next;
  }

  get held(): number {
    return this.#records.length;
  }

  /** Reading went past offsets that hold no record, and nothing is held in front of them: the tables may follow. */
  get passed(): boolean {
    return this.#records.length === 0 && this.#readTo > this.next;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  get lagRecords(): number {
    return Math.max(0, this.logEnd - this.next);
  }

  /** Broker time of the oldest record that is held, epoch ms. */
  get oldestMs(): number | undefined {
    return this.#records[0]?.timestamp;
  }

  /**
   * Takes what was fetched.
   * @returns false when it does not follow what was read before: the log was cut or made anew
   */
  hold(records: readonly KafkaRecord[], nextOffset: number): boolean {
    const first = records[0];
    if (first !== undefined && first.offset < this.#readTo) return false;
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeOf(record);
    }
    this.#readTo = nextOffset;
    return true;
  }

  /**
   * The oldest records behind the first `from`, at least one if there is one, and the offset behind them; they stay held
   * until `written`.
   */
  peek(limit: { readonly records: number; readonly bytes: number }, from = 0): Peeked {
    let end = from;
    let bytes = 0;
    let full = false;
    while (end < this.#records.length) {
      bytes += sizeOf(this.#records[end]!);
      full = end > from && bytes > limit.bytes;
      if (full) break;
      end += 1;
      full = end - from === limit.records;
      if (full) break;
    }
    const records = this.#records.slice(from, end);
    // Behind the last record there may be offsets without records: behind all of them is where reading goes on.
    const next = end >= this.#records.length ? this.#readTo : this.#records[end - 1]!.offset + 1;
    return { records, next, full };
  }

  /** The oldest `count` records stand in the tables. */
  written(count: number, next: number): void {
    for (const record of this.#records.splice(0, count)) this.#bytes -= sizeOf(record);
    this.next = next;
  }

  /** Forgets what is held: the tables stand somewhere else than expected, and reading begins anew there. */
  restart(next: number): void {
    this.#records = [];
    this.#bytes = 0;
    this.next = next;
    this.#readTo = next;
  }
}

function sizeOf({ key, value, headers }: KafkaRecord): number {
  let bytes = recordOverheadBytes + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const values of headers.values()) for (const each of values) bytes += each?.byteLength ?? 0;
  return bytes;
}
