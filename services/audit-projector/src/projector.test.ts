import type { KafkaRecord } from '@postrider/kafka';
import {
  PostgresError,
  type AppendBatch,
  type AppendResult,
  type AuditStore,
  type SentBehind,
} from '@postrider/postgres';
import { beforeEach, describe, expect, it } from 'vitest';
import { partitionBytesMin } from './limits.ts';
import { Projector } from './projector.ts';

const topic = 'test.attempts';
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const unreachable = new PostgresError('unreachable', 'gone');

/** The port of the store with its one rule: the offset row moves from where it is expected, or nothing is written. */
class MemoryStore implements AuditStore {
  readonly offsets = new Map<number, number>();
  readonly written: string[] = [];
  readonly sizes: number[] = [];
  /** What happens to the next appends, first to last; then all is well. */
  readonly script: ('away' | 'lost-answer' | 'hold')[] = [];
  release: () => void = () => undefined;
  /** What was prepared, and what was appended, each with its rows. */
  readonly prepared: (readonly AppendBatch[])[] = [];
  readonly appended: (readonly AppendBatch[])[] = [];

  async claimOffsets(_: string, partitions: readonly { topic: string; partition: number; start: number }[]) {
    for (const { partition, start } of partitions) if (!this.offsets.has(partition)) this.offsets.set(partition, start);
    return partitions.map(({ partition }) => ({ topic, partition, next: this.offsets.get(partition)! }));
  }

  prepareDays = async (): Promise<number> => 0;
  heads = async (): Promise<[]> => [];

  /** Whether what is prepared is sent behind what is being written; it is written when that has been, or comes to nothing. */
  sends = false;
  #writing: Promise<unknown> = Promise.resolve();

  prepare = async (batches: readonly AppendBatch[]): Promise<SentBehind | undefined> => {
    this.prepared.push(batches);
    if (!this.sends) return undefined;
    const before = this.#writing;
    const ended = before
      .catch(() => undefined)
      .then(() => this.#all(batches))
      .then((results) => (results.some(({ kind }) => kind === 'fenced') ? undefined : results));
    this.#writing = ended;
    return { ended: ended.catch(() => undefined) };
  };

  async appendTogether(batches: readonly AppendBatch[]): Promise<AppendResult[]> {
    this.appended.push(batches);
    const writing = this.#all(batches);
    this.#writing = writing;
    return writing;
  }

  async #all(batches: readonly AppendBatch[]): Promise<AppendResult[]> {
    const results: AppendResult[] = [];
    for (const batch of batches) results.push(await this.append(batch));
    return results;
  }

  async append({ partition, expectedNext, next, rows }: AppendBatch): Promise<AppendResult> {
    const fate = this.script.shift();
    if (fate === 'away') throw unreachable;
    if (fate === 'hold') await new Promise<void>((resolve) => (this.release = resolve));
    if (this.offsets.get(partition) !== expectedNext) return { kind: 'fenced' };
    this.offsets.set(partition, next);
    this.sizes.push(rows.length);
    for (const { offset } of rows) this.written.push(`${partition}/${offset}`);
    if (fate === 'lost-answer') throw unreachable;
    return { kind: 'appended', rows: rows.length, duplicates: 0, late: 0, unreadable: 0, defaulted: 0 };
  }
}

let store: MemoryStore;
let calls: string[];
let projector: Projector;
let failures: number;

beforeEach(() => {
  store = new MemoryStore();
  calls = [];
  failures = 0;
  const note = (name: string) => (_: string, partitions: readonly number[]) =>
    void calls.push(`${name} ${partitions.join()}`);
  projector = new Projector({
    environment: 'test',
    store,
    consumer: () => ({
      pause: note('pause'),
      resume: note('resume'),
      seek: (_, partition, offset) => void calls.push(`seek ${partition} ${offset}`),
    }),
    logEnd: async () => 5,
    observer: {
      appended: () => undefined,
      transacted: () => undefined,
      fenced: (lane, next) => void calls.push(`fenced ${lane.partition} ${next}`),
      failed: () => void (failures += 1),
      faulty: (lane) => void calls.push(`faulty ${lane.partition}`),
    },
    batchRecords: 10,
    bufferBytes: 1_048_576,
    topicOrder: [topic],
    sleep: settle,
    monotonic: () => 0,
  });
});

async function own(partition: number, logEnd = 1_000): Promise<void> {
  projector.onAssigned({ lost: [] });
  await projector.prepare([{ topic, partition, committed: null, logStart: 0, logEnd }], new AbortController().signal);
}

function fetched(partition: number, from: number, to: number, bytes = 10): void {
  const records: KafkaRecord[] = [];
  for (let offset = from; offset < to; offset += 1) {
    records.push({ topic, partition, offset, timestamp: 0, key: null, value: Buffer.alloc(bytes), headers: new Map() });
  }
  projector.onRecords({ topic, partition, records, nextOffset: to, highWatermark: 1_000 });
}

const offsets = (partition: number, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${partition}/${from + i}`);

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await settle();
}

describe('Projector', () => {
  it('follows the log past offsets that hold no record, also at its end', async () => {
    await own(0);
    fetched(0, 0, 3);
    projector.onRecords({ topic, partition: 0, records: [], nextOffset: 5, highWatermark: 5 });
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 3));
    projector.onRecords({ topic, partition: 0, records: [], nextOffset: 9, highWatermark: 9 });
    await quiet();
    expect([store.offsets.get(0), projector.lanes()[0]!.lagRecords]).toEqual([9, 0]);
    fetched(0, 9, 10);
    await quiet();
    expect([...store.written, store.offsets.get(0)]).toEqual([...offsets(0, 0, 3), '0/9', 10]);
  });

  it('writes a lone record at once, and what came meanwhile as the next batch', async () => {
    await own(0);
    store.script.push('hold');
    fetched(0, 0, 1);
    await settle();
    fetched(0, 1, 5);
    fetched(0, 5, 7);
    store.release();
    await quiet();
    expect(store.sizes).toEqual([1, 6]);
    expect(store.written).toEqual(offsets(0, 0, 7));
  });

  it('has the next full transaction prepared while one is written, of the very rows that are written then', async () => {
    await own(0);
    await own(1);
    store.script.push(...Array.from({ length: 20 }, () => 'hold' as const));
    fetched(0, 0, 1);
    fetched(0, 1, 40);
    fetched(1, 0, 40);
    while (store.script.length > 0) {
      for (let turn = 0; turn < 10; turn += 1) await settle();
      store.release();
      if (store.written.length === 80) break;
    }
    expect(store.written.toSorted()).toEqual([...offsets(0, 0, 40), ...offsets(1, 0, 40)].toSorted());
    expect(store.prepared.length).toBeGreaterThan(5);
    for (const batches of store.prepared) {
      const written = store.appended.find((each) => each[0]!.rows[0] === batches[0]!.rows[0])!;
      expect(batches).toEqual(written);
      for (const [part, { rows }] of batches.entries()) {
        for (const [row, each] of rows.entries()) expect(each).toBe(written[part]!.rows[row]);
      }
    }
  });

  it('takes what was sent behind a transaction for the next one, and sends another behind that', async () => {
    store.sends = true;
    await own(0);
    store.script.push('hold', 'hold', 'hold', 'hold');
    fetched(0, 0, 45);
    for (let transaction = 0; transaction < 4; transaction += 1) {
      await quiet();
      store.release();
    }
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 45));
    expect(store.sizes).toEqual([10, 10, 10, 10, 5]);
    // The first, and the last, which might still have grown; the others went behind one another.
    expect(store.appended.map(([batch]) => batch!.expectedNext)).toEqual([0, 40]);
    expect(projector.lanes()[0]).toMatchObject({ next: 45, held: 0 });
    expect(calls.filter((call) => call.startsWith('fenced'))).toEqual([]);
  });

  it('begins anew where the tables stand when an answer was lost and what was sent behind it stands', async () => {
    store.sends = true;
    await own(0);
    store.script.push('lost-answer');
    fetched(0, 0, 30);
    await quiet();
    expect(calls).toContain('seek 0 20');
    fetched(0, 20, 30);
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 30));
    expect(projector.lanes()[0]).toMatchObject({ next: 30, held: 0 });
  });

  it('stands upon nothing that was fenced: what was sent behind it is planned anew', async () => {
    store.sends = true;
    await own(0);
    store.script.push('hold');
    fetched(0, 0, 30);
    await quiet();
    store.offsets.set(0, 5);
    store.release();
    await quiet();
    expect(calls).toContain('fenced 0 5');
    fetched(0, 5, 30);
    await quiet();
    expect(store.written).toEqual(offsets(0, 5, 30));
  });

  it('gives partitions up when what was sent has ended too, and sends nothing more', async () => {
    store.sends = true;
    await own(0);
    store.script.push('hold');
    fetched(0, 0, 30);
    await quiet();
    let settled = false;
    const revoked = projector.settle().then(() => (settled = true));
    await quiet();
    expect(settled).toBe(false);
    store.release();
    await revoked;
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 20));
    expect(projector.lanes()[0]).toMatchObject({ next: 20, held: 10 });
  });

  it('has nothing prepared that may still grow', async () => {
    await own(0);
    fetched(0, 0, 19);
    await quiet();
    expect(store.prepared).toEqual([]);
    expect(store.sizes).toEqual([10, 9]);
  });

  it('keeps what it holds while PostgreSQL is away, says so, and writes it in order afterwards', async () => {
    await own(0);
    store.script.push('away', 'away', 'away');
    fetched(0, 0, 25);
    for (let turn = 0; turn < 50 && store.script.length > 1; turn += 1) await settle();
    expect(projector.troubles()).toEqual(['PostgreSQL (unreachable): gone; start it, or set POSTRIDER_POSTGRES_URL']);
    await quiet();
    expect(failures).toBe(3);
    expect(projector.troubles()).toEqual([]);
    expect(store.written).toEqual(offsets(0, 0, 25));
  });

  it('reads the offset row when a commit came through whose answer was lost, and goes on behind it', async () => {
    await own(0);
    store.script.push('lost-answer');
    fetched(0, 0, 3);
    await quiet();
    expect(calls).toEqual(['seek 0 3', 'fenced 0 3']);
    fetched(0, 3, 5);
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 5));
  });

  it('follows another writer of its partition instead of writing twice', async () => {
    await own(0);
    store.offsets.set(0, 40);
    fetched(0, 0, 3);
    await quiet();
    expect(store.written).toEqual([]);
    expect(calls).toEqual(['seek 0 40', 'fenced 0 40']);
  });

  it('stops fetching when a partition holds three batches, and goes on when two are left', async () => {
    await own(0);
    store.script.push('hold');
    fetched(0, 0, 29);
    expect(calls).toEqual([]);
    fetched(0, 29, 30);
    expect(calls).toEqual(['pause 0']);
    await settle();
    store.release();
    await quiet();
    expect(calls).toEqual(['pause 0', 'resume 0']);
    expect(store.written).toEqual(offsets(0, 0, 30));
  });

  it('stops fetching by bytes too, each partition having its part of the buffer', async () => {
    for (const partition of [0, 1, 2, 3, 4, 5, 6, 7]) await own(partition);
    store.script.push('hold');
    fetched(0, 0, 1, partitionBytesMin - 1_000);
    expect(calls).toEqual([]);
    fetched(0, 1, 2, 1_000);
    expect(calls).toEqual(['pause 0']);
    store.release();
    await quiet();
  });

  it('starts nothing after a revocation, ends what is under way, and goes on with what it keeps', async () => {
    await own(0);
    await own(1);
    store.script.push('hold');
    fetched(0, 0, 12);
    await settle();
    let settled = false;
    const revoked = projector.settle().then(() => (settled = true));
    fetched(1, 0, 2);
    await settle();
    expect(settled).toBe(false);
    store.release();
    await revoked;
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 10));

    projector.onAssigned({ lost: [{ topic, partition: 1 }] });
    await quiet();
    expect(store.written).toEqual(offsets(0, 0, 12));
    expect(projector.lanes().map(({ partition }) => partition)).toEqual([0]);
  });

  it('moves the offset over what the log holds without records', async () => {
    await own(0);
    projector.onRecords({ topic, partition: 0, records: [], nextOffset: 4, highWatermark: 9 });
    fetched(0, 6, 8);
    await quiet();
    expect(store.offsets.get(0)).toBe(8);
  });

  it('stands still where the log gives offsets again that were read', async () => {
    await own(0);
    fetched(0, 0, 3);
    await quiet();
    fetched(0, 0, 2);
    await quiet();
    expect(calls).toEqual(['pause 0', 'faulty 0']);
    expect(projector.troubles().join()).toMatch(/gave offset 0 again/);
    expect(store.written).toEqual(offsets(0, 0, 3));
  });

  it('looks at the end of the log again before it believes that the tables are ahead of it', async () => {
    store.offsets.set(0, 5);
    store.offsets.set(1, 6);
    await own(0, 3);
    expect(projector.troubles()).toEqual([]);
    await own(1, 3);
    expect(projector.troubles().join()).toMatch(/the tables are at 6, the log ends at 5/);
  });

  it('reads a partition from where the tables stand, and waits for them through an outage', async () => {
    store.offsets.set(0, 7);
    let tries = 0;
    const claim = store.claimOffsets.bind(store);
    store.claimOffsets = async (environment, partitions) => {
      tries += 1;
      if (tries < 3) throw unreachable;
      return claim(environment, partitions);
    };
    projector.onAssigned({ lost: [] });
    const at = { topic, partition: 0, committed: { offset: 2, metadata: '' }, logStart: 0, logEnd: 9 };
    expect(await projector.prepare([at], new AbortController().signal)).toEqual([{ topic, partition: 0, offset: 7 }]);
  });

  it('gives up preparing when the assignment is void', async () => {
    store.claimOffsets = async () => {
      throw unreachable;
    };
    const signal = new AbortController();
    const preparing = projector.prepare(
      [{ topic, partition: 0, committed: null, logStart: 0, logEnd: 9 }],
      signal.signal,
    );
    await settle();
    signal.abort();
    expect(await preparing).toEqual([]);
    expect(projector.lanes()).toEqual([]);
  });
});
