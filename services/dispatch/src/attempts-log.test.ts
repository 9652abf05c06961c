import type { AttemptsRecord } from '@postrider/core/contracts';
import { expect, it } from 'vitest';
import { createAttemptsLog, type AttemptsGap } from './attempts-log.ts';
import { PartitionState } from './partition-state.ts';

function rigAt(attemptsNext: number, offsets: number[]) {
  const gaps: AttemptsGap[] = [];
  const read: unknown[] = [];
  const state = new PartitionState(0, { generation: 1, member: 'm' }, 0);
  state.attemptsNext = attemptsNext;
  state.restoredFrom = attemptsNext;
  const log = createAttemptsLog({
    appender: { append: async () => ({ offset: offsets.shift()! }) },
    reader: { read: async (_partition, range) => (read.push(range), range.to!) },
    topic: 'live.attempts',
    onGap: (gap) => gaps.push(gap),
    learn: () => undefined,
  });
  const append = () => log.append(state, 'a', { type: 'PartitionReleased' } as unknown as AttemptsRecord);
  return { state, gaps, read, append };
}

it('what somebody else wrote is read before anything follows from a record', async () => {
  const { state, gaps, read, append } = rigAt(5, [5, 8]);
  await append();
  await append();
  expect(gaps).toEqual([{ partition: 0, expected: 6, got: 8 }]);
  expect(read).toEqual([{ from: 6, to: 8 }]);
  expect(state.attemptsNext).toBe(9);
});

it('a log that was cut goes on where it ends: the next owner restores from there, and strangers are seen again', async () => {
  const { state, gaps, append } = rigAt(100, [80, 83]);
  await append();
  expect([state.attemptsNext, state.restoredFrom, gaps]).toEqual([81, 80, []]);
  await append();
  expect(gaps).toEqual([{ partition: 0, expected: 81, got: 83 }]);
});
