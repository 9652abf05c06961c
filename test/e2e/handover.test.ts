// Work that is handed over in order: a rolling restart of everything, and drains with a receiver that hangs. Nothing is lost,
// nothing is sent twice, and what a drain had to cut goes on under the same id.

import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fourWays, startFaultRig, type FaultRig, type FaultRigOptions } from '../support/fault-rig.ts';
import { serviceNames } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;

let rig: FaultRig;
const start = async (options: FaultRigOptions): Promise<FaultRig> => (rig = await startFaultRig(options));
afterEach(() => rig?.close());

/** Publishes steadily until it is stopped. */
function load(publish: () => Promise<unknown>, everyMs: number): { stop(): Promise<void> } {
  const publishing: Promise<unknown>[] = [];
  const timer = setInterval(() => publishing.push(publish()), everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(publishing);
    },
  };
}

test('a rolling restart of every service under load loses nothing and sends nothing twice', async () => {
  const { publish, spawn, joined, settled, expectOneEnd } = await start({ name: 'roll', hurt: serviceNames });
  const running = serviceNames.map((service) => ({ service, process: spawn({}, service) }));
  for (const { service } of running) await joined(1, service);
  const steady = load(() => publish(1), 100);
  for (const { service, process } of running) {
    spawn({}, service);
    await joined(2, service);
    expect(await process.stop()).toBe(0);
    await joined(1, service);
  }
  await steady.stop();
  await settled();
  await expectOneEnd([]);
});

describe('a drain with a receiver that hangs', () => {
  const hang = { attempts: 1, ends: 'delivered', behaviour: { kind: 'hang' } } as const;

  test('is cut at drainTimeout, and the next owner sends again under the same id', async () => {
    const r = await start({ name: 'drain', hurt: ['dispatch'], ways: { hang, ...fourWays } });
    const first = r.spawn({ POSTRIDER_DRAIN_TIMEOUT_MS: '500ms' });
    await r.publish(1);
    await r.receiver.waitFor(1, 20 * SECOND_MS, '/hang');
    const began = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(4 * SECOND_MS);
    const cut = await r.now();
    r.receiver.route('/hang', { kind: 'ok' });
    r.spawn();
    await r.settled();
    await r.expectOneEnd([cut]);
  });

  test('ends at once, with exit code 1, on a second signal', async () => {
    const r = await start({ name: 'twice', hurt: ['dispatch'], ways: { hang } });
    const first = r.spawn();
    await r.publish(1);
    await r.receiver.waitFor(1, 20 * SECOND_MS, '/hang');
    first.signal('SIGTERM');
    await eventually(
      async () => first.log(),
      (log) => log.includes('"stopping"'),
      5 * SECOND_MS,
    );
    expect(await first.stop()).toBe(1);
  });
});
