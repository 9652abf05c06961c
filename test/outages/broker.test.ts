// The broker goes away under load: stopped in order for half a minute, then killed. Events published meanwhile wait in the
// publisher, work in flight waits in the services; nothing is lost and nobody has to be restarted.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNobodyRestarted, serviceNames, startOutageRig, type OutageRig } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;
let rig: OutageRig;

beforeAll(async () => {
  rig = await startOutageRig({ name: 'broker' });
});
afterAll(() => rig?.close());

test('a broker that is stopped for 30 s and then killed −9, under load: nothing is lost and no service needs a restart', async () => {
  const load = rig.load(100);
  await rig.receiver.waitFor(200, 60 * SECOND_MS);

  await rig.stack.stopKafka();
  const stoppedAt = performance.now();
  for (const name of serviceNames) await rig.notReady(name, /Kafka/, 15 * SECOND_MS);
  await new Promise((resolve) => setTimeout(resolve, 30 * SECOND_MS - (performance.now() - stoppedAt)));
  // Through all of it, and not only at its beginning.
  for (const name of serviceNames) await rig.notReady(name, /Kafka/, SECOND_MS);
  await rig.stack.restartKafka();
  await rig.allReady(60 * SECOND_MS);

  const before = rig.receiver.count;
  await rig.receiver.waitFor(before + 200, 60 * SECOND_MS);
  await rig.stack.killKafka();
  await rig.stack.restartKafka();
  await rig.allReady(60 * SECOND_MS);
  const after = rig.receiver.count;
  await rig.receiver.waitFor(after + 200, 60 * SECOND_MS);

  const published = await load.stop();
  const totals = await rig.expectNothingLost(published, 120 * SECOND_MS);
  expectNobodyRestarted(rig);
  process.stderr.write(
    `broker stopped 30 s, then kill −9: ${published} events, ${rig.receiver.count} requests, ${totals.duplicates} duplicate records\n`,
  );
  expect(totals.late).toBe(0);
});
