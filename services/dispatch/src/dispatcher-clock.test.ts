// A dispatch process whose clock is behind the broker's: what came due by the broker's time is not kept from being sent.

import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf } from './dispatcher-rig.ts';

function rigWithEndpoint(): ReturnType<typeof dispatcherRig> {
  const rig = dispatcherRig({});
  rig.endpoints.put(endpointOf('a'));
  return rig;
}

describe('with a clock that is behind, a dispatch', () => {
  it('is sent at once when its time has come by the broker, though the clock here is behind', () => {
    const rig = rigWithEndpoint();
    const brokerMs = rig.now() + 5_000;
    rig.accept(rig.dispatch('a', 1, { dueMs: brokerMs }), { brokerMs });
    expect(rig.journal).toEqual(['send a']);
  });

  it('is held for what is left of it by the broker, when the clock here is behind', async () => {
    const rig = rigWithEndpoint();
    const brokerMs = rig.now() + 5_000;
    rig.accept(rig.dispatch('a', 1, { dueMs: brokerMs + 400 }), { brokerMs });
    expect(rig.journal).toEqual([]);
    // Not to a tier and back again: by the clock here it would never come due there.
    await rig.time.advanceAsync(5_400);
    expect(rig.journal).toEqual(['send a']);
  });
});
