// Writes the partitions that this process owns into the tables, each in its own order, several at once.
//
//   fetched ─▶ held ─▶ rows ─▶ one transaction ─▶ written
//     ▲          │                  ├─ fenced: read the offset row, begin anew there
//     └─ pause ◀─┘ (full)           └─ PostgreSQL away: again, for ever; what is held stays held

import type { AssignedPartition, Assignment, GroupConsumer, RecordBatch } from '@postrider/kafka';
import { PostgresError, type AppendResult, type AuditStore } from '@postrider/postgres';
import { Lane } from './lane.ts';
import { batchesHeld, partitionBytesMin, retryFirstMs, retryMaxMs, transactionBytesMax } from './limits.ts';
import { auditRowOf } from './project.ts';
import { Slots } from './slots.ts';

/** What the projector tells of its doings; the wiring turns it into logs and metrics. */
export interface ProjectorObserver {
  appended(lane: Lane, result: Extract<AppendResult, { kind: 'appended' }>, durationMs: number): void;
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
  readonly transactions: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Ms, never stepping back. */
  readonly monotonic: () => number;
}

const keyOf = (at: { readonly topic: string; readonly partition: number }): string => `${at.topic}/${at.partition}`;

export class Projector {
  readonly #deps: ProjectorDeps;
  readonly #lanes = new Map<string, Lane>();
  readonly #slots: Slots;
  /** Transactions under way, none of which rejects. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Raised while nothing new may be started: from a revocation to the next assignment, and at the end. */
  #halt = new AbortController();
  #stopped = false;
  /** What PostgreSQL said last, until it takes something again. */
  #trouble: PostgresError | undefined;

  constructor(deps: ProjectorDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.transactions);
  }

  lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Why the tables do not follow, in an operator's words; empty when they do. */
  troubles(): string[] {
    const faults = this.lanes().flatMap(({ fault }) => fault ?? []);
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
    for (const lane of this.#lanes.values()) this.#write(lane);
  }

  /** Starts no transaction any more; resolves when those under way have ended. */
  async settle(): Promise<void> {
    this.#halt.abort();
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
    if (!lane.hold(records, nextOffset)) {
      this.#fault(lane, `the log gave offset ${records[0]?.offset} again: it was cut or made anew`);
      return;
    }
    if (lane.held >= batchesHeld * this.#deps.batchRecords || lane.heldBytes >= this.#roomBytes()) {
      lane.paused = true;
      this.#deps.consumer().pause(topic, [partition]);
    }
    this.#write(lane);
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

  #write(lane: Lane): void {
    if (lane.busy || lane.held === 0 || this.#halt.signal.aborted) return;
    lane.busy = true;
    void this.#drain(lane, this.#halt.signal).finally(() => {
      lane.busy = false;
      // A halt may have come and gone while the last transaction ended.
      if (!lane.lost && lane.fault === undefined) this.#write(lane);
    });
  }

  /** Writes batch after batch until nothing is held, or nothing may be started. */
  async #drain(lane: Lane, halt: AbortSignal): Promise<void> {
    while (lane.held > 0 && !lane.lost && lane.fault === undefined && !halt.aborted) {
      const { records, next } = lane.peek({ records: this.#deps.batchRecords, bytes: transactionBytesMax });
      const rows = records.map(auditRowOf);
      const startedMs = this.#deps.monotonic();
      const { environment, store } = this.#deps;
      const batch = { environment, topic: lane.topic, partition: lane.partition, expectedNext: lane.next, next, rows };
      const result = await this.#untilAnswered(halt, () => store.append(batch));
      if (result === undefined || lane.lost) return;
      if (result.kind === 'fenced') {
        await this.#follow(lane, halt);
      } else {
        lane.written(records.length, next);
        this.#deps.observer.appended(lane, result, this.#deps.monotonic() - startedMs);
      }
      this.#makeRoom(lane);
    }
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
    if (!lane.paused || lane.held > this.#deps.batchRecords || lane.heldBytes > this.#roomBytes() / 2) return;
    lane.paused = false;
    this.#deps.consumer().resume(lane.topic, [lane.partition]);
  }

  /** Asks until PostgreSQL answers; undefined when the signal is raised first. */
  async #untilAnswered<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#slots.take();
      try {
        if (signal.aborted) return undefined;
        const asked = ask();
        const ended = asked.catch(() => undefined).finally(() => this.#underWay.delete(ended));
        this.#underWay.add(ended);
        const answer = await asked;
        this.#trouble = undefined;
        return answer;
      } catch (error) {
        this.#trouble =
          error instanceof PostgresError ? error : new PostgresError('bug', String(error), { cause: error });
        this.#deps.observer.failed(this.#trouble, attempt);
      } finally {
        this.#slots.give();
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
