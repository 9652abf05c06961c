// The short form of the outages beside it: brokers and PostgreSQL are each away for five seconds under load, and everything goes on.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNobodyRestarted, serviceNames, startOutageRig, type OutageRig } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;
const away = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5 * SECOND_MS));
let rig: OutageRig;

beforeAll(async () => {
  rig = await startOutageRig({ name: 'smoke' });
});
afterAll(() => rig?.close());

test('Kafka and then PostgreSQL away for 5 s under load: nothing is lost and nobody restarts', async () => {
  const load = rig.load(50);
  await rig.receiver.waitFor(50, 30 * SECOND_MS);
  await Promise.all([rig.stack.killKafka(), away()]);
  for (const name of serviceNames) await rig.notReady(name, /Kafka/, 5 * SECOND_MS);
  await rig.stack.restartKafka();
  await rig.receiver.waitFor(rig.receiver.count + 100, 60 * SECOND_MS);

  await Promise.all([rig.stack.stopPostgres('kill'), away()]);
  await rig.notReady('audit-projector', /PostgreSQL/, 5 * SECOND_MS);
  await rig.stack.startPostgres();
  await rig.allReady(60 * SECOND_MS);

  await rig.expectNothingLost(await load.stop(), 60 * SECOND_MS);
  expectNobodyRestarted(rig);
  expect(rig.watch().now('dispatch')).toMatchObject({ ready: true });
});
