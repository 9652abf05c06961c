import { expect, it } from 'vitest';
import { brokerSkewMsMax, copyDistanceMs } from './limits.ts';
import { PartitionState } from './partition-state.ts';

it('restoring begins where this owner began, below the inherited end, whatever the time of a new leader says', () => {
  const state = new PartitionState(0, { generation: 1, member: 'm' }, 5);
  state.restoredFrom = 3;
  state.attemptsNext = 100;
  const oldLeaderMs = 1_900_000_000_000;
  // Records below 5 came by the clock of a leader that was ahead; its successor's clock is more than a copy's distance behind.
  state.mark({ offset: 5, timestamp: oldLeaderMs - copyDistanceMs - 1 });
  // Record 2 hangs. What an earlier owner settled of 3 and 4 stands between 3 and 100.
  expect(state.restoreStart(2, oldLeaderMs)).toBe(3);
  expect(state.restoreStart(4, oldLeaderMs)).toBe(3);
});

it('restoring begins before what a zombie wrote, until this owner is past the dispatches that it may have settled', () => {
  const state = new PartitionState(0, { generation: 2, member: 'm' }, 1);
  state.attemptsNext = 3;
  const zombieMs = 1_900_000_000_000;
  state.mark({ offset: 1, timestamp: zombieMs - 2_000 });
  // A gap: somebody else wrote 3 to 6, and may have settled dispatches 2 and 3 in them.
  state.attemptsNext = 7;
  state.othersWrote(zombieMs);
  state.mark({ offset: 2, timestamp: zombieMs - 1_000 });
  state.mark({ offset: 3, timestamp: zombieMs + brokerSkewMsMax });
  expect(state.restoreStart(4, zombieMs + brokerSkewMsMax + copyDistanceMs)).toBe(3);
  state.mark({ offset: 4, timestamp: zombieMs + brokerSkewMsMax + 1 });
  expect(state.restoreStart(5, zombieMs + brokerSkewMsMax + copyDistanceMs + 1)).toBe(7);
});

it('restoring begins at the beginning while a log that was cut is read again, also when nothing of it is under way', () => {
  const state = new PartitionState(0, { generation: 1, member: 'm' }, 5);
  state.restoredFrom = 3;
  state.attemptsNext = 100;
  const nowMs = 1_900_000_000_000;
  state.mark({ offset: 50, timestamp: nowMs });
  state.mark({ offset: 51, timestamp: nowMs + copyDistanceMs });
  expect(state.restoreStart(52, undefined)).toBe(100);
  // What is left ends at 40, and is days old.
  state.wasCut(52);
  state.mark({ offset: 6, timestamp: 1 });
  state.mark({ offset: 7, timestamp: 2 * copyDistanceMs });
  expect(state.restoreStart(7, undefined)).toBe(0);
  expect(state.restoreStart(8, 3 * copyDistanceMs)).toBe(0);
  state.mark({ offset: 52, timestamp: nowMs });
  expect(state.restoreStart(53, nowMs + copyDistanceMs)).toBe(100);
});

it('restoring begins no later than where a log of attempts goes on that was cut', () => {
  const state = new PartitionState(0, { generation: 1, member: 'm' }, 0);
  state.restoredFrom = 90;
  state.attemptsNext = 100;
  const nowMs = 1_900_000_000_000;
  state.mark({ offset: 1, timestamp: nowMs });
  state.attemptsNext = 120;
  state.attemptsWereCut(80);
  expect(state.attemptsNext).toBe(80);
  expect(state.restoreStart(1, nowMs)).toBe(80);
  expect(state.restoreStart(2, nowMs + copyDistanceMs)).toBe(80);
});
