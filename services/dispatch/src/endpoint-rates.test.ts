import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, settle } from './dispatcher-rig.ts';

describe('the rate of an endpoint', () => {
  it('spaces its requests, whatever its concurrency allows, and holds up nobody else', async () => {
    const rig = dispatcherRig();
    rig.endpoints.put(endpointOf('a', { ratePerSecond: 2, concurrency: 10 }));
    rig.endpoints.put(endpointOf('b', { concurrency: 10 }));
    for (let n = 0; n < 5; n++) rig.accept(rig.dispatch('a', n));
    for (let n = 10; n < 13; n++) rig.accept(rig.dispatch('b', n));
    await settle();
    const sent = (endpoint: string) => rig.journal.filter((line) => line === `send ${endpoint}`).length;
    expect([sent('a'), sent('b')]).toEqual([2, 3]);
    rig.time.advance(499);
    await settle();
    expect(sent('a')).toBe(2);
    rig.time.advance(1);
    await settle();
    expect(sent('a')).toBe(3);
    await rig.time.advanceAsync(1_000);
    await settle();
    expect(sent('a')).toBe(5);
  });
});
