// Writes the partitions that this process owns into the tables, each in its own order, all together: one transaction takes
// what every one of them holds, so that a delivery that was made and settled meanwhile is written once.
//
//   fetched ─▶ held ─▶ rows ─▶ one transaction ─▶ written
//     ▲          │                  ├─ fenced: read the offset row, begin anew there
//     └─ pause ◀─┘ (full)           └─ PostgreSQL away: again, for ever; what is held stays held
//
// With a backlog the next transaction is sent before the answer of this one is there. It stands upon this one or not at all.

import type { AssignedPartition, Assignment, GroupConsumer, KafkaRecord, RecordBatch } from '@postrider/kafka';
import {
  PostgresError,
  type AppendBatch,
  type AppendResult,
  type AuditStore,
  type SentBehind,
} from '@postrider/postgres';
import { Lane, type Peeked } from './lane.ts';
import {
  batchesHeld,
  busyRows,
  gatherMs,
  partitionBytesMin,
  retryFirstMs,
  retryMaxMs,
  transactionBytesMax,
} from './limits.ts';
import { RowsAhead } from './rows-ahead.ts';

/** What the projector tells of its doings; the wiring turns it into logs and metrics. */
export interface ProjectorObserver {
  appended(lane: Lane, result: Extract<AppendResult, { kind: 'appended' }>): void;
  transacted(durationMs: number): void;
  fenced(lane: Lane, next: number): void;
  /** PostgreSQL refused; `attempt` counts from 1. It is tried again. */
  failed(error: PostgresError, attempt: number): void;
  faulty(lane: Lane): void;
}

export interface ProjectorDeps {
  readonly environment: string;
  readonly store: AuditStore;
  readonly consumer: () => Pick<GroupConsumer, 'pause' | 'resume' | 'seek'>;
  /** Fresh end of a partition's log. */
  readonly logEnd: (topic: string, partition: number) => Promise<number>;
  readonly observer: ProjectorObserver;
  readonly batchRecords: number;
  readonly bufferBytes: number;
  /** Topics in the order in which their records are written: what makes deliveries before what moves them. */
  readonly topicOrder: readonly string[];
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Ms, never stepping back. */
  readonly monotonic: () => number;
}

const keyOf = (at: { readonly topic: string; readonly partition: number }): string => `${at.topic}/${at.partition}`;

/** Where a partition cannot be read, and why. */
export interface UnreadablePlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly error: Error;
}

/** Of a transaction. */
interface Part {
  readonly lane: Lane;
  readonly batch: AppendBatch;
}

/** A transaction that is on its way while the one before has no answer yet. */
interface Sent extends SentBehind {
  readonly parts: readonly Part[];
}

/** A part before its rows are made. */
type Share = Peeked & { readonly lane: Lane; readonly expectedNext: number };

export class Projector {
  readonly #deps: ProjectorDeps;
  readonly #lanes = new Map<string, Lane>();
  readonly #ahead = new RowsAhead<KafkaRecord>();
  /** Questions to PostgreSQL under way, none of which rejects. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Raised while nothing new may be started: from a revocation to the next assignment, and at the end. */
  #halt = new AbortController();
  #stopped = false;
  #writing = false;
  /** Ends the wait for more records before the next transaction. */
  #gathered: () => void = () => undefined;
  /** Which lane is served first; another each time. */
  #turn = 0;
  /** What PostgreSQL said last, until it takes something again. */
  #trouble: PostgresError | undefined;

  constructor(deps: ProjectorDeps) {
    this.#deps = deps;
  }

  lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Why the tables do not follow, in an operator's words; empty when they do. */
  troubles(): string[] {
    const faults = this.lanes().flatMap((lane) => lane.fault ?? lane.refusal?.why ?? lane.unreadable ?? []);
    return this.#trouble === undefined
      ? faults
      : [`PostgreSQL (${this.#trouble.code}): ${this.#trouble.message}${mending(this.#trouble)}`, ...faults];
  }

  /** Reading starts where the tables stand, whatever the group committed. Waits for PostgreSQL, for ever. */
  async prepare(
    partitions: readonly AssignedPartition[],
    signal: AbortSignal,
  ): Promise<{ topic: string; partition: number; offset: number }[]> {
    const claims = await this.#untilAnswered(signal, () =>
      this.#deps.store.claimOffsets(
        this.#deps.environment,
        partitions.map(({ topic, partition, logStart }) => ({ topic, partition, start: logStart })),
      ),
    );
    if (claims === undefined) return [];
    const ends = new Map(partitions.map((each) => [keyOf(each), each.logEnd]));
    for (const claim of claims) {
      const lane = new Lane({ ...claim, logEnd: ends.get(keyOf(claim)) ?? claim.next });
      // The end may have moved since it was read; only a fresh one that is still behind the tables is a fault.
      if (lane.next > lane.logEnd) lane.logEnd = await this.#deps.logEnd(lane.topic, lane.partition);
      if (signal.aborted) return [];
      this.#lanes.set(keyOf(lane), lane);
      if (lane.next > lane.logEnd) {
        this.#fault(
          lane,
          `the tables are at ${lane.next}, the log ends at ${lane.logEnd}: they belong to another Kafka, or the topic was made anew`,
        );
      }
    }
    return claims.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
  }

  onAssigned({ lost }: Pick<Assignment, 'lost'>): void {
    for (const at of lost) {
      const lane = this.#lanes.get(keyOf(at));
      if (lane !== undefined) lane.lost = true;
      this.#lanes.delete(keyOf(at));
    }
    if (this.#stopped) return;
    this.#halt = new AbortController();
    this.#write();
  }

  /** Starts no transaction any more; resolves when those under way have ended. */
  async settle(): Promise<void> {
    this.#halt.abort();
    this.#gathered();
    await Promise.all(this.#underWay);
  }

  /** As `settle`, for good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.settle();
  }

  onRecords({ topic, partition, records, nextOffset, highWatermark }: RecordBatch): void {
    const lane = this.#lanes.get(keyOf({ topic, partition }));
    if (lane === undefined || lane.fault !== undefined) return;
    lane.logEnd = highWatermark;
    lane.unreadable = undefined;
    if (!lane.hold(records, nextOffset)) {
      this.#fault(lane, `the log gave offset ${records[0]?.offset} again: it was cut or made anew`);
      return;
    }
    if (lane.held >= batchesHeld * this.#deps.batchRecords || lane.heldBytes >= this.#roomBytes()) {
      lane.paused = true;
      this.#deps.consumer().pause(topic, [partition]);
    }
    if (this.#held() >= this.#deps.batchRecords) this.#gathered();
    this.#write();
  }

  /** What stands at this offset cannot be decoded: nothing behind it comes, and how much that is only a fresh end tells. */
  async onUnreadable({ topic, partition, offset, error }: UnreadablePlace): Promise<void> {
    const lane = this.#lanes.get(keyOf({ topic, partition }));
    if (lane === undefined) return;
    lane.unreadable = `${keyOf(lane)} cannot be read at ${offset}: ${error.message}`;
    lane.logEnd = await this.#deps.logEnd(topic, partition).catch(() => lane.logEnd);
  }

  #held(): number {
    let held = 0;
    for (const lane of this.#lanes.values()) held += lane.held;
    return held;
  }

  /** Bytes that one partition may hold: an even part of the buffer. */
  #roomBytes(): number {
    return Math.max(partitionBytesMin, this.#deps.bufferBytes / Math.max(1, this.#lanes.size));
  }

  #fault(lane: Lane, why: string): void {
    lane.fault = `${keyOf(lane)}: ${why}`;
    this.#deps.consumer().pause(lane.topic, [lane.partition]);
    this.#deps.observer.faulty(lane);
  }

  #write(): void {
    if (this.#writing || this.#halt.signal.aborted || this.#ready().length === 0) return;
    this.#writing = true;
    void this.#drain(this.#halt.signal).finally(() => {
      this.#writing = false;
      // A halt may have come and gone while the last transaction ended.
      this.#write();
    });
  }

  /** Lanes that have something to write behind what is being written, in the order in which it is written. */
  #ready(writing: ReadonlyMap<Lane, AppendBatch> = new Map()): Lane[] {
    const now = this.#deps.monotonic();
    const ready = this.lanes().filter(
      (lane) =>
        (lane.held > (writing.get(lane)?.rows.length ?? 0) || (lane.passed && !writing.has(lane))) &&
        lane.fault === undefined &&
        !(lane.refusal !== undefined && lane.refusal.untilMs > now),
    );
    const order = ({ topic }: Lane): number => this.#deps.topicOrder.indexOf(topic);
    return ready.sort((a, b) => order(a) - order(b) || a.partition - b.partition);
  }

  /** Writes transaction after transaction until nothing is held, or nothing may be started; what is on its way then is waited for. */
  async #drain(halt: AbortSignal): Promise<void> {
    let sent: Sent | undefined;
    for (;;) {
      const parts = sent?.parts ?? (halt.aborted ? [] : this.#take());
      if (parts.length === 0) return;
      const startedMs = this.#deps.monotonic();
      let answered = false;
      const writing = (sent === undefined ? this.#append(parts, halt) : sent.ended).finally(() => {
        answered = true;
      });
      const [results, behind] = await Promise.all([writing, this.#prepare(parts, () => answered || halt.aborted)]);
      const stands = results?.every(({ kind }) => kind === 'appended') ?? false;
      // What is not known to stand is not stood upon: everything is planned anew, and the offset rows tell.
      if (!stands) await behind?.ended;
      sent = stands ? behind : undefined;
      if (results === undefined) continue;
      const durationMs = this.#deps.monotonic() - startedMs;
      this.#deps.observer.transacted(durationMs);
      let rows = 0;
      for (const [index, { lane, batch }] of parts.entries())
        rows += await this.#settled(lane, batch, results[index]!, halt);
      if (sent === undefined && rows >= busyRows) await this.#gather(startedMs + gatherMs, halt);
    }
  }

  #append(parts: readonly Part[], halt: AbortSignal): Promise<AppendResult[] | undefined> {
    return this.#untilAnswered(halt, () => this.#deps.store.appendTogether(parts.map(({ batch }) => batch)));
  }

  /** Makes of the next transaction what can be made while this one is written, and sends it when it is all made. */
  async #prepare(writing: readonly Part[], enough: () => boolean): Promise<Sent | undefined> {
    const following = this.#plan(this.#turn + 1, new Map(writing.map(({ lane, batch }) => [lane, batch])));
    await this.#ahead.make(
      following.flatMap(({ records }) => records),
      enough,
    );
    // Of less than a full one it is not known yet where it will end.
    if (enough() || following.length === 0 || !following.every(({ full }) => full)) return undefined;
    const parts = following.map((share) => ({ lane: share.lane, batch: this.#batchOf(share) }));
    const behind = await this.#deps.store.prepare(
      parts.map(({ batch }) => batch),
      enough,
    );
    if (behind === undefined) return undefined;
    this.#turn += 1;
    this.#isUnderWay(behind.ended);
    return { ...behind, parts };
  }

  #take(): Part[] {
    this.#turn += 1;
    return this.#plan(this.#turn, new Map()).map((share) => ({ lane: share.lane, batch: this.#batchOf(share) }));
  }

  #batchOf({ lane: { topic, partition }, expectedNext, records, next }: Share): AppendBatch {
    const rows = records.map((record) => this.#ahead.rowOf(record));
    return { environment: this.#deps.environment, topic, partition, expectedNext, next, rows };
  }

  /** What a transaction writes behind these: an even part of each lane, beginning with another each turn. */
  #plan(turn: number, writing: ReadonlyMap<Lane, AppendBatch>): Share[] {
    const ready = this.#ready(writing);
    const { batchRecords } = this.#deps;
    const records = Math.ceil(batchRecords / ready.length);
    const bytes = transactionBytesMax / ready.length;
    let left = batchRecords;
    const shares = new Map<Lane, Share>();
    for (const [index] of ready.entries()) {
      const lane = ready[(index + turn) % ready.length]!;
      if (left === 0) break;
      const before = writing.get(lane);
      const peeked = lane.peek({ records: Math.min(records, left), bytes }, before?.rows.length);
      left -= peeked.records.length;
      shares.set(lane, { ...peeked, lane, expectedNext: before?.next ?? lane.next });
    }
    return ready.flatMap((lane) => shares.get(lane) ?? []);
  }

  /** @returns rows that were written */
  async #settled(lane: Lane, batch: AppendBatch, result: AppendResult, halt: AbortSignal): Promise<number> {
    if (lane.lost) return 0;
    lane.refusal = undefined;
    if (result.kind === 'fenced') await this.#follow(lane, halt);
    if (result.kind === 'refused') {
      const why = `${keyOf(lane)}: PostgreSQL (${result.error.code}): ${result.error.message}`;
      lane.refusal = { why, untilMs: this.#deps.monotonic() + retryMaxMs };
      this.#deps.observer.failed(result.error, 1);
      void this.#deps.sleep(retryMaxMs, halt).then(() => this.#write());
    }
    if (result.kind === 'appended') {
      lane.written(batch.rows.length, batch.next);
      this.#deps.observer.appended(lane, result);
    }
    this.#makeRoom(lane);
    return batch.rows.length;
  }

  /** Waits until this moment (monotonic ms), or until there is enough for a full transaction. */
  async #gather(untilMs: number, halt: AbortSignal): Promise<void> {
    const waitMs = untilMs - this.#deps.monotonic();
    if (waitMs <= 0 || this.#held() >= this.#deps.batchRecords || halt.aborted) return;
    const enough = new AbortController();
    const slept = this.#deps.sleep(waitMs, enough.signal);
    this.#gathered = () => enough.abort();
    await slept;
    this.#gathered = () => undefined;
  }

  /** The offset row is elsewhere: a commit of ours that came through unseen, or another writer. The row is right. */
  async #follow(lane: Lane, halt: AbortSignal): Promise<void> {
    const { environment, store, consumer, observer } = this.#deps;
    const at = { topic: lane.topic, partition: lane.partition, start: lane.next };
    const claimed = (await this.#untilAnswered(halt, () => store.claimOffsets(environment, [at])))?.[0];
    if (claimed === undefined || lane.lost) return;
    lane.restart(claimed.next);
    consumer().seek(lane.topic, lane.partition, claimed.next);
    observer.fenced(lane, claimed.next);
  }

  #makeRoom(lane: Lane): void {
    if (
      !lane.paused ||
      lane.held > (batchesHeld - 1) * this.#deps.batchRecords ||
      lane.heldBytes > this.#roomBytes() / 2
    )
      return;
    lane.paused = false;
    this.#deps.consumer().resume(lane.topic, [lane.partition]);
  }

  #isUnderWay(asked: Promise<unknown>): void {
    const ended = asked.catch(() => undefined).finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
  }

  /** Asks until PostgreSQL answers; undefined when the signal is raised first. */
  async #untilAnswered<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (signal.aborted) return undefined;
        const asked = ask();
        this.#isUnderWay(asked);
        const answer = await asked;
        this.#trouble = undefined;
        return answer;
      } catch (error) {
        this.#trouble =
          error instanceof PostgresError ? error : new PostgresError('bug', String(error), { cause: error });
        this.#deps.observer.failed(this.#trouble, attempt);
      }
      await this.#deps.sleep(Math.min(retryFirstMs * 2 ** Math.min(attempt - 1, 16), retryMaxMs), signal);
    }
  }
}

/** What an operator does about it; a full disk says it itself. */
function mending({ code, sqlState }: PostgresError): string {
  if (code === 'not-migrated') return '; `postrider db migrate` makes the tables';
  if (code === 'denied') return '; look at the user and password in POSTRIDER_POSTGRES_URL';
  return code === 'unreachable' && sqlState === undefined ? '; start it, or set POSTRIDER_POSTGRES_URL' : '';
}
