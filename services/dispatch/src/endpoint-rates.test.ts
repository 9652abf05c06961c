import type { EndpointId } from '@postrider/core/domain';
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

  it('is a new one as soon as the endpoint has it: nothing waits on for what the old one owed', async () => {
    const rig = dispatcherRig();
    const slow = { ratePerSecond: 1 / 600, concurrency: 10 };
    rig.endpoints.put(endpointOf('a', slow));
    for (let n = 0; n < 4; n++) rig.accept(rig.dispatch('a', n));
    await settle();
    const sent = (): number => rig.journal.filter((line) => line === 'send a').length;
    expect(sent()).toBe(1);
    rig.endpoints.put(endpointOf('a', { ...slow, version: 2, ratePerSecond: 1 }));
    rig.dispatcher.endpointChanged('a' as EndpointId);
    await settle();
    expect(sent()).toBe(2);
    await rig.time.advanceAsync(1_000);
    await settle();
    expect(sent()).toBe(3);
    rig.endpoints.put(endpointOf('a', { concurrency: 10, version: 3 }));
    rig.dispatcher.endpointChanged('a' as EndpointId);
    expect(sent()).toBe(4);
  });
});
