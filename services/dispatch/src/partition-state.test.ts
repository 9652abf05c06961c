import { expect, it } from 'vitest';
import { copyDistanceMs } from './limits.ts';
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
