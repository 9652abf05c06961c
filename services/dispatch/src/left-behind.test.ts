// A partition goes on past an endpoint that is slow, and what waits for that endpoint must not be what it can never go past.

import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, ok, settle } from './dispatcher-rig.ts';
import { leftBehindLookMs, leftBehindShare, spanWindows } from './limits.ts';

const windowRecords = 100;
const farAhead = windowRecords * spanWindows * leftBehindShare;

/** Four records, of which one is under way or was sent, and the partition's newest record at an offset. */
async function rigWith(slow: Parameters<typeof endpointOf>[1], newest: number) {
  const rig = dispatcherRig({ windowRecords });
  rig.endpoints.put(endpointOf('slow', slow));
  rig.endpoints.put(endpointOf('good'));
  for (let n = 0; n < 4; n++) rig.accept(rig.dispatch('slow', n), { offset: n });
  await rig.time.advanceAsync(1_000);
  rig.accept(rig.dispatch('good', newest), { offset: newest });
  await rig.answer(ok, 'good');
  await rig.time.advanceAsync(leftBehindLookMs);
  await settle();
  return rig;
}

const acked = (rig: Awaited<ReturnType<typeof rigWith>>) => rig.journal.filter((line) => /^ack \d$/.test(line));

describe('what waits for an endpoint while its partition goes on', () => {
  it.each([
    ['a rate of one a minute', { ratePerSecond: 1 / 60 }, 'rate'],
    ['one place, and a receiver that takes minutes', { concurrency: 1, timeoutMs: 120_000 }, 'queue-full'],
  ] as const)('is put off when it is half of the span behind: %s', async (_, slow, reason) => {
    const rig = await rigWith(slow, farAhead + 4);
    expect(acked(rig)).toEqual(['ack 1', 'ack 2', 'ack 3']);
    expect(rig.journal.filter((line) => line.startsWith('deferred'))).toEqual(Array(3).fill(`deferred ${reason}`));
  });

  it('stays as long as it is not that far behind, the newer of a queue too', async () => {
    expect(acked(await rigWith({ concurrency: 1, timeoutMs: 120_000 }, farAhead))).toEqual([]);
    expect(acked(await rigWith({ concurrency: 1, timeoutMs: 120_000 }, farAhead + 2))).toEqual(['ack 1']);
  });

  it('stays while work is handed over', async () => {
    const rig = dispatcherRig({ windowRecords });
    rig.endpoints.put(endpointOf('slow', { concurrency: 1, timeoutMs: 120_000 }));
    for (let n = 0; n < 2; n++) rig.accept(rig.dispatch('slow', n), { offset: n * (farAhead + 1) });
    rig.accept(rig.dispatch('slow', 2), { offset: 3 * farAhead });
    void rig.dispatcher.quiesce();
    await rig.time.advanceAsync(4 * leftBehindLookMs);
    await settle();
    expect(acked(rig)).toEqual([]);
    rig.dispatcher.resume();
    await rig.time.advanceAsync(leftBehindLookMs);
    await settle();
    expect(rig.journal.filter((line) => line.startsWith('deferred'))).toEqual(['deferred queue-full']);
  });
});
