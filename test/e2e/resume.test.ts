// An operator resumes an endpoint that was paused for hours: what was put off meanwhile is delivered within seconds, not when its
// long wait in a tier is over.

import { dispatchHeaders, partitionOf } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { systemClock } from '@postrider/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('resume');
const waitMs = 20 * 60_000;
const tier = { name: '10m' };

let receiver: Receiver;
let postrider: TestPostrider;
let put: (id: string, kind: 'enabled' | 'paused') => Promise<unknown>;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: await createTestDatabase('resume'),
    environment,
    tiers: '200ms,10m',
    allowHosts: [`${host}=127.0.0.1`],
  });
  await postrider.applyTopics();
  let version = 0;
  put = (id, kind) =>
    postrider.putEndpoints([
      {
        ...testEndpoint({ id, environment, url: receiver.url(`/${id}`, host), tls: { ca: ca.caPem } }),
        version: ++version,
        status: { kind },
      },
    ]);
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

/** As dispatch writes it when it puts an attempt off for the ninth time. */
async function putOff(id: string, n: number): Promise<void> {
  const nowMs = systemClock.now();
  const dispatch = {
    dispatchId: `dsp_${'abcdefgh'[n]}`.padEnd(30, 'a'),
    round: 0,
    attempt: 1,
    endpointId: id,
    projectId: 'acme',
    eventId: `evt-${n}`,
    eventType: 'check.done',
    createdMs: nowMs,
    roundStartedMs: nowMs,
    dueMs: nowMs + waitMs,
    hop: 0,
    park: 9,
    parkedMs: nowMs,
    origin: `${environment}.events/0/${n}`,
    body: Buffer.from(`{"n":${n}}`),
  } as unknown as Dispatch;
  const appender = postrider.cluster.openAppender();
  await appender.append({
    topic: postrider.topics.retry(tier),
    partition: partitionOf(id, 4),
    key: id,
    value: Buffer.from(dispatch.body),
    headers: dispatchHeaders(dispatch, { wakeMs: nowMs + 10 * 60_000, delayMs: waitMs }),
  });
  await appender.close();
}

test('what was put off for a paused endpoint comes when it is resumed, whichever of the two is read first', async () => {
  for (const id of ['early', 'late']) await put(id, 'paused');
  await putOff('early', 0);
  for (const n of [1, 2, 3]) await putOff('late', n);
  await put('early', 'enabled');
  await postrider.start(['retry-scheduler', 'dispatch']);
  await receiver.waitFor(1, 30_000, '/early');
  await put('late', 'enabled');
  await receiver.waitFor(3, 30_000, '/late');
  expect(receiver.count).toBe(4);
});
