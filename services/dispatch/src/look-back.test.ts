// Rule R6 with bounded memory: what is read of the log for late work, and what is not.

import type { AttemptsRecord } from '@postrider/core/contracts';
import type { AttemptId, Disposition } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { lookBack } from './look-back.ts';
import { PartitionState } from './partition-state.ts';

const minute = 60_000;
const startMs = 1_900_000_000_000;
const idOf = (n: number): AttemptId => `dsp_${n}.0.1` as AttemptId;
const retryTo = (dueMs: number): Disposition => ({ kind: 'retry', attempt: 2, dueMs });

/** A log with a settlement a second, and an owner whose window remembers four of its own. */
function rigOf(records: number) {
  const log: AttemptsEntry[] = [];
  const owner = { generation: 1, member: 'm-1' };
  const write = (record: object): void =>
    void log.push({
      record: { owner: { generation: 0, member: 'm-0' }, ...record } as AttemptsRecord,
      offset: log.length,
      timestampMs: startMs + log.length * 1_000,
      reply: undefined,
    });
  const settled = (n: number, disposition: Disposition = { kind: 'delivered' }): void =>
    write({ type: 'AttemptSettled', attemptId: idOf(n), disposition });
  for (let n = 0; n < records; n += 1) settled(n);
  const state = new PartitionState(0, owner, 0, { settledMax: 4, archivedMax: 1_000 });
  const reads: string[] = [];
  let logStart = 0;
  let beforeReading: () => void = () => undefined;
  const reader: AttemptsReader = {
    async read(_partition, { from, to = log.length }, onRecord) {
      // Zero is the earliest there is, as for every reader.
      if (from > 0 && from < logStart) throw new Error(`${from} to ${logStart} are lost`);
      reads.push(`${from}-${to}`);
      beforeReading();
      log.slice(Math.max(from, logStart), to).forEach(onRecord);
      return to;
    },
    async offsetAt(_partition, timestampMs) {
      const at = log.findIndex((entry) => entry.offset >= logStart && entry.timestampMs >= timestampMs);
      return at < 0 ? log.length : at;
    },
  };
  return {
    log,
    write,
    settled,
    state,
    reads,
    reader,
    deleteBefore(offset: number) {
      logStart = offset;
    },
    whileReading(does: () => void) {
      beforeReading = () => {
        beforeReading = () => undefined;
        does();
      };
    },
    /** This owner settles so many more, and its window turns as often as it can. */
    go(from: number, to: number) {
      for (let n = from; n < to; n += 1) {
        settled(n);
        const atMs = startMs + log.length * 1_000;
        state.window.settle(idOf(n), { atMs, logEnd: log.length, positionMs: startMs + log.length * 20_000 });
      }
    },
    look: (ids: readonly number[], backMs: number) =>
      lookBack(state, { attemptIds: new Set(ids.map(idOf)), neededMs: startMs + backMs }, reader),
  };
}

describe('work that is later than the archive', () => {
  it('has the log read once, to the beginning of what is known, and later work of the same time not at all', async () => {
    const rig = rigOf(600);
    rig.state.window.restored({ fromMs: startMs + 10 * minute, offset: 600 });
    const { records, found } = await rig.look([400, 9_999], 5 * minute);
    expect([...found.keys()]).toEqual([idOf(400)]);
    expect([records, rig.reads]).toEqual([360, ['240-600']]);
    expect(rig.state.window.reach).toEqual({ fromMs: startMs + 4 * minute, offset: 240 });
    rig.reads.length = 0;
    expect(await rig.look([9_998], 4 * minute)).toMatchObject({ records: 0 });
    expect(rig.reads).toEqual([]);
  });

  it('is told of calls that were begun by somebody else and have no end', async () => {
    const rig = rigOf(10);
    for (const n of [20, 21, 22]) rig.write({ type: 'AttemptStarted', attemptId: idOf(n) });
    rig.settled(21);
    const reach = rig.log.length;
    rig.state.window.restored({ fromMs: startMs + minute, offset: reach });
    // Settled by this owner since, and forgotten.
    rig.go(22, 40);
    await rig.look([9_999], 0);
    expect([20, 21, 22].map((n) => rig.state.window.outcomeUnknown(idOf(n)))).toEqual([true, false, false]);
  });
});

describe('work that the archive reaches back to', () => {
  it('has only that stretch of the log read in which it may stand, and the one before', async () => {
    const rig = rigOf(0);
    rig.state.window.restored({ fromMs: 0, offset: 0 });
    rig.go(0, 100);
    expect(rig.state.window.cover.offset).toBe(98);
    expect((await rig.look([51], 0)).found.has(idOf(51))).toBe(true);
    expect(rig.reads).toEqual(['48-52']);
  });

  it('is found where it stands first', async () => {
    const rig = rigOf(0);
    rig.state.window.restored({ fromMs: 0, offset: 0 });
    rig.settled(7, retryTo(1));
    rig.go(10, 30);
    rig.go(7, 8);
    rig.go(30, 50);
    // The first copy stands before what the window began with.
    const { found } = await rig.look([7], 0);
    expect(found.get(idOf(7))?.disposition).toEqual({ kind: 'delivered' });
    const before = rigOf(0);
    before.settled(7, retryTo(1));
    before.state.window.restored({ fromMs: startMs + minute, offset: 1 });
    before.go(7, 50);
    expect((await before.look([7], 0)).found.get(idOf(7))?.disposition).toEqual(retryTo(1));
  });

  it('is looked up in what retention has left of its stretch, and what is gone is not asked for', async () => {
    const rig = rigOf(0);
    rig.state.window.restored({ fromMs: 0, offset: 0 });
    rig.go(0, 100);
    rig.deleteBefore(51);
    expect((await rig.look([51], 0)).found.has(idOf(51))).toBe(true);
    expect(rig.reads).toEqual(['51-52']);
    expect((await rig.look([20], 0)).found.size).toBe(0);
  });

  it('is found although its settlement was heard of much later than it was written', async () => {
    const rig = rigOf(0);
    rig.state.window.restored({ fromMs: 0, offset: 0 });
    rig.settled(1_000);
    rig.go(0, 50);
    const atMs = startMs + minute;
    rig.state.window.settle(idOf(1_000), { atMs, logEnd: rig.log.length, positionMs: atMs });
    rig.go(50, 100);
    const { found } = await rig.look([1_000], 0);
    expect(found.has(idOf(1_000))).toBe(true);
    expect(rig.reads).toHaveLength(2);
  });
});

describe('a window that turns while the log is read', () => {
  it('has what it forgets by that looked up as well', async () => {
    const rig = rigOf(10);
    rig.state.window.restored({ fromMs: startMs + minute, offset: 10 });
    rig.go(10, 14);
    expect(rig.state.window.look(idOf(12))).toBe('settled');
    rig.whileReading(() => rig.go(14, 30));
    const { found, seenTo } = await rig.look([12], 0);
    expect(rig.state.window.look(idOf(12))).toBe('new');
    expect(found.has(idOf(12))).toBe(true);
    expect(seenTo).toBe(rig.state.window.cover.offset);
  });

  it('has given up what it was to be joined to: what was asked for is known all the same', async () => {
    const rig = rigOf(100);
    const state = new PartitionState(0, { generation: 1, member: 'm-1' }, 0, { settledMax: 4, archivedMax: 4 });
    Object.assign(rig, { state });
    state.window.restored({ fromMs: startMs + 10 * minute, offset: 100 });
    const settle = (from: number, to: number): void => {
      for (let n = from; n < to; n += 1) {
        rig.settled(n);
        const at = startMs + rig.log.length * 20_000;
        state.window.settle(idOf(n), { atMs: at, logEnd: rig.log.length, positionMs: at });
      }
    };
    settle(100, 106);
    rig.whileReading(() => settle(106, 200));
    const asked = { attemptIds: new Set([3, 101, 150].map(idOf)), neededMs: startMs };
    const { found } = await lookBack(state, asked, rig.reader);
    expect([...found.keys()].sort()).toEqual([101, 150, 3].map(idOf).sort());
    expect(state.window.reach.offset).toBeGreaterThan(100);
  });
});
