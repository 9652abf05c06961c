// Services that are started before what they need: each waits, stays alive, and says in /readyz what is missing and what to do
// about it; as soon as it is there they go on by themselves.

import { migrate } from '@postrider/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNobodyRestarted, serviceNames, startOutageRig, type OutageRig } from '../support/outage-rig.ts';

const SECOND_MS = 1_000;
const patienceMs = 60 * SECOND_MS;
let rig: OutageRig;

beforeAll(async () => {
  rig = await startOutageRig({ name: 'early', bare: true });
  await Promise.all([rig.stack.stopKafka(), rig.stack.stopPostgres()]);
});
afterAll(() => rig?.close());

test('before the broker is there, every service says where it looks for it', async () => {
  await rig.startServices();
  const [broker] = rig.stack.kafka.brokers;
  for (const name of serviceNames) {
    const wanted = new RegExp(`Kafka.*POSTRIDER_KAFKA_BROKERS.*${broker}`);
    expect(await rig.notReady(name, wanted, patienceMs)).toMatch(wanted);
  }
});

test('before the topics are made, every service says how to make them', async () => {
  await rig.stack.restartKafka();
  for (const name of serviceNames) {
    const wanted = /postrider topics apply/;
    expect(await rig.notReady(name, wanted, patienceMs)).toMatch(wanted);
  }
});

test('before PostgreSQL is there, and before its tables are, the projector says so', async () => {
  await rig.makeTopics();
  const away = await rig.notReady('audit-projector', /PostgreSQL/, patienceMs);
  expect(away).toContain('start it, or set POSTRIDER_POSTGRES_URL');
  await rig.stack.startPostgres();
  const empty = await rig.notReady('audit-projector', /not-migrated/, patienceMs);
  expect(empty).toContain('postrider db migrate');
});

test('before any endpoint is there, events wait instead of being nobody’s', async () => {
  await rig.notReady('convergence', /postrider endpoints apply/, patienceMs);
  const load = rig.load(50);
  await new Promise((resolve) => setTimeout(resolve, 2 * SECOND_MS));
  const published = await load.stop();
  await rig.notReady('convergence', /postrider endpoints apply/, SECOND_MS);
  expect(rig.receiver.count).toBe(0);

  await rig.putEndpoints();
  await rig.receiver.waitFor(published, patienceMs);
  await migrate(rig.databaseUrl);
  await rig.allReady(patienceMs);
  const totals = await rig.expectNothingLost(published, patienceMs);
  expectNobodyRestarted(rig);
  expect(totals).toMatchObject({ duplicates: 0, late: 0, unreadable: 0 });
});
