import { expect, test } from 'vitest';
import { every } from './every.ts';
import { manualClock } from './testing.ts';

test('one round follows upon the other, and none after the signal', async () => {
  const { timers, advanceAsync } = manualClock(0);
  const stopping = new AbortController();
  const begun: PromiseWithResolvers<void>[] = [];
  const round = (): Promise<void> => {
    begun.push(Promise.withResolvers<void>());
    return begun.at(-1)!.promise;
  };
  const running = every(1_000, round, { timers, signal: stopping.signal });
  await advanceAsync(999);
  expect(begun).toHaveLength(0);
  await advanceAsync(5_001);
  expect(begun).toHaveLength(1);
  begun[0]!.resolve();
  await advanceAsync(1_000);
  expect(begun).toHaveLength(2);
  stopping.abort();
  begun[1]!.resolve();
  await running;
  expect(begun).toHaveLength(2);
});
