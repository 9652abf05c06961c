// One endpoint must not cost the others anything, whatever its backlog: the window of their partition never fills with its
// records, and what comes late never stands in the way of first attempts. The reader below does as the consumer does.

import type { Dispatch, Endpoint } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import { dispatcherRig, endpointOf, ok, settle } from './dispatcher-rig.ts';
import { behindMs, longQueueLookMs, originInFlightMax } from './limits.ts';

const windowRecords = 200;
/** As many windows as a hundred thousand records are of two thousand. */
const backlog = 50 * windowRecords;

type Rig = ReturnType<typeof dispatcherRig>;

/** Hands records over in order while the window has room, as the consumer of a partition does. */
function reader(rig: Rig, log: readonly Dispatch[], window = windowRecords) {
  const state = rig.stateOf(0);
  let next = 0;
  let open = 0;
  let mostOpen = 0;
  let paused = false;
  const read = async (): Promise<void> => {
    for (;;) {
      if (paused && open <= window / 2) paused = false;
      if (paused || next >= log.length) return;
      const dispatch = log[next]!;
      const offset = next++;
      open++;
      rig.acceptDispatch(dispatch, offset, state, () => open--);
      mostOpen = Math.max(mostOpen, open);
      if (open >= window) paused = true;
      if (next % 50 === 0) await settle();
    }
  };
  return {
    read,
    /** Time passes, in steps in which the reader reads. */
    async pass(ms: number, meanwhile: () => void = () => {}): Promise<void> {
      for (let passed = 0; passed < ms; passed += 50) {
        await read();
        meanwhile();
        await rig.time.advanceAsync(50);
      }
      await read();
    },
    get mostOpen() {
      return mostOpen;
    },
    get taken() {
      return next;
    },
  };
}

const off: Endpoint['breaker'] = { kind: 'off' };

describe('an endpoint with a backlog of fifty windows', () => {
  it.each<[string, Partial<Endpoint>, string]>([
    ['that hangs', { timeoutMs: 60_000 }, 'queue-full'],
    ['whose rate is one a second', { ratePerSecond: 1 }, 'rate'],
    ['that is paused', { status: { kind: 'paused' } }, 'paused'],
  ])('%s is passed by: the healthy one behind it is sent to within moments', async (_, over, reason) => {
    const rig = dispatcherRig({ windowRecords, endpointQueueMax: 1_000 });
    rig.endpoints.put(endpointOf('bad', { concurrency: 16, breaker: off, ...over }));
    rig.endpoints.put(endpointOf('good'));
    const log = Array.from({ length: backlog }, (_, n) => rig.dispatch('bad', n));
    const source = reader(rig, [...log, rig.dispatch('good', backlog)]);
    await source.pass(behindMs + 4 * longQueueLookMs);
    expect(rig.inFlight.map(({ endpoint }) => endpoint)).toContain('good');
    expect(
      rig.journal.filter((line) => line.startsWith('deferred')).every((line) => line === `deferred ${reason}`),
    ).toBe(true);
    expect(source.mostOpen).toBeLessThanOrEqual(windowRecords);
    // A few wait on, to be sent at the endpoint's own pace.
    expect(rig.stateOf(0).window.underWay).toBeLessThanOrEqual(windowRecords / 2 + 1);
  });

  it.each<[string, number, Partial<Endpoint>]>([
    ['one endpoint with more places than its origin has', 1, { concurrency: 1_000 }],
    ['many endpoints of one origin', 40, { concurrency: 16 }],
  ])('is passed by when it is the origin that is full: %s', async (_, count, over) => {
    const rig = dispatcherRig({ windowRecords: 1_000, endpointQueueMax: 1_000 });
    for (let i = 0; i < count; i++)
      rig.endpoints.put(
        endpointOf(`bad${i}`, { url: 'https://bad.example/hook', breaker: off, timeoutMs: 60_000, ...over }),
      );
    rig.endpoints.put(endpointOf('good'));
    const log = Array.from({ length: backlog }, (_, n) => rig.dispatch(`bad${n % count}`, n));
    const source = reader(rig, [...log, rig.dispatch('good', backlog)], 1_000);
    await source.pass(behindMs + 12 * longQueueLookMs);
    expect(rig.inFlight.filter(({ endpoint }) => endpoint === 'bad')).toHaveLength(originInFlightMax);
    expect(rig.inFlight.map(({ endpoint }) => endpoint)).toContain('good');
  });

  it('is passed by when there are many of them', async () => {
    const rig = dispatcherRig({ windowRecords, endpointQueueMax: 1_000 });
    for (let i = 0; i < 10; i++)
      rig.endpoints.put(endpointOf(`bad${i}`, { concurrency: 4, breaker: off, timeoutMs: 60_000 }));
    rig.endpoints.put(endpointOf('good'));
    const log = Array.from({ length: backlog }, (_, n) => rig.dispatch(`bad${n % 10}`, n));
    const source = reader(rig, [...log, rig.dispatch('good', backlog)]);
    await source.pass(behindMs + 8 * longQueueLookMs);
    expect(rig.inFlight.map(({ endpoint }) => endpoint)).toContain('good');
  });
});

describe('ten thousand late retries that come back at once', () => {
  const storm = 10_000;

  it('keep no first attempt waiting, of a healthy endpoint or of their own', async () => {
    const rig = dispatcherRig({ windowRecords, endpointQueueMax: 1_000 });
    for (const id of ['s0', 's1', 's2', 's3', 'good']) rig.endpoints.put(endpointOf(id, { concurrency: 4 }));
    const late = Array.from({ length: storm }, (_, n) => rig.dispatch(`s${n % 4}`, n, { attempt: 2 }));
    const first = Array.from({ length: 40 }, (_, n) => rig.dispatch(n % 2 === 0 ? 'good' : 's0', storm + n));
    const source = reader(rig, [...late, ...first]);
    const sent = (n: number): boolean => rig.journal.includes(`sent ${storm + n}`);
    // Each request takes 50 ms.
    await source.pass(2_000, () => {
      for (const one of rig.inFlight.slice()) {
        rig.journal.push(`sent ${(JSON.parse(String(one.request.body)) as { n: number }).n}`);
        one.answer(ok);
      }
    });
    expect(source.taken).toBe(storm + 40);
    expect(first.map((_, n) => sent(n))).toEqual(first.map(() => true));
    // Nor do first attempts stop what is late.
    expect(rig.journal.filter((line) => line.startsWith('sent')).length).toBeGreaterThan(100);
  });
});
