// What restoring reads of a log that retention has cut, and what it tells of as lost.

import type { AttemptsRecord } from '@postrider/core/contracts';
import type { AttemptId } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { breakerLookBackRecords } from './limits.ts';
import { PartitionState } from './partition-state.ts';
import { restore, restoreMark, restorePlace } from './restore.ts';

/** A log of settlements from `start` to `end`, whose reader tells of what is asked for and gone. */
function rigOf({ start, end }: { readonly start: number; readonly end: number }) {
  const lost: string[] = [];
  const learnt: number[] = [];
  const entryAt = (offset: number): AttemptsEntry => ({
    record: {
      type: 'AttemptSettled',
      attemptId: `dsp_${offset}.0.1` as AttemptId,
      disposition: { kind: 'delivered' },
      at: String(offset),
    } as unknown as AttemptsRecord,
    offset,
    timestampMs: 1_900_000_000_000 + offset,
    reply: undefined,
  });
  const reader: AttemptsReader = {
    async read(_partition, { from, to = end }, onRecord) {
      // Zero is the earliest there is, as for every reader.
      if (from > 0 && from < start) lost.push(`${from} to ${start}`);
      // What is to be read to a place that the log has not reached waits until it has.
      if (to > end) return new Promise<never>(() => undefined);
      for (let offset = Math.max(from, start); offset < to; offset += 1) onRecord(entryAt(offset));
      return to;
    },
    offsetAt: async () => start,
  };
  const state = new PartitionState(0, { generation: 1, member: 'm-1' }, 0);
  const restoreFrom = (from: number) =>
    restore(state, from, reader, (record) => void learnt.push(Number((record as unknown as { at: string }).at)));
  return { state, reader, lost, learnt, restoreFrom };
}

const looksBack = breakerLookBackRecords;

describe('a log that retention has cut', () => {
  it('is no loss where it was to be read for breakers alone', async () => {
    const { state, lost, learnt, restoreFrom } = rigOf({ start: looksBack, end: looksBack + 20 });
    expect(await restoreFrom(looksBack + 10)).toBe(10);
    expect(lost).toEqual([]);
    // What is left of it is read all the same, and says nothing of what is settled.
    expect(learnt[0]).toBe(looksBack);
    expect(state.window.look(`dsp_${looksBack}.0.1` as AttemptId)).toBe('new');
    expect(state.window.look(`dsp_${looksBack + 10}.0.1` as AttemptId)).toBe('settled');
  });

  it('is a loss where it was to be restored', async () => {
    const { lost, restoreFrom } = rigOf({ start: 3_000, end: 3_010 });
    await restoreFrom(2_900);
    expect(lost).toEqual(['2900 to 3000']);
  });
});

describe('a log that was cut below where it was to be restored, or made anew', () => {
  it('is not waited for: nobody but this owner makes it longer', async () => {
    const { state, learnt, restoreFrom } = rigOf({ start: 0, end: 10 });
    expect(await restoreFrom(15)).toBe(0);
    expect([learnt.length, state.attemptsNext]).toEqual([10, 10]);
    // What is written from here on is restored by the next owner.
    expect([state.restoredFrom, state.window.cover.offset]).toEqual([10, 10]);
  });
});

describe('where restoring begins', () => {
  const committed = (offset: number) => ({ offset, metadata: restoreMark(2_900) });

  it('is where the commit says, while there are dispatches that were not read', async () => {
    const { reader } = rigOf({ start: 3_000, end: 3_010 });
    expect(await restorePlace({ partition: 0, committed: committed(40), logEnd: 50 }, reader)).toBe(2_900);
  });

  it('is what retention has left, when every dispatch was read: a partition that was idle so long misses nothing', async () => {
    const { reader } = rigOf({ start: 3_000, end: 3_010 });
    expect(await restorePlace({ partition: 0, committed: committed(50), logEnd: 50 }, reader)).toBe(3_000);
  });

  it('is the earliest without a mark', async () => {
    const { reader } = rigOf({ start: 3_000, end: 3_010 });
    expect(await restorePlace({ partition: 0, committed: null, logEnd: 0 }, reader)).toBe(0);
  });
});
