// An endpoint that answered 410 long ago is not asked again, however often dispatch restarts: what says so in the log of attempts is
// older than anything that is read back.

import { decodeGone, partitionOf } from '@postrider/core/contracts';
import { createLocalCa, startReceiver } from '@postrider/dev-stack';
import { headerText } from '@postrider/kafka';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint } from '../support/postrider.ts';
import { commitOffset, deleteRecordsBefore } from '../support/raw-kafka.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('gone');
const group = `${environment}.dispatch`;
const own = partitionOf('gone', 4);
const closers: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

test('an endpoint that answered 410 is not asked again after a restart, whatever is left of the log', async () => {
  const ca = await createLocalCa();
  const receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    routes: { '/gone': { kind: 'status', status: 410 } },
  });
  closers.push(() => receiver.close());
  const settings = {
    brokers: testBrokers(),
    postgresUrl: await createTestDatabase('gone'),
    environment,
    tiers: '500ms',
    allowHosts: [`${host}=127.0.0.1`],
  };
  const open = () => {
    const postrider = createTestPostrider(settings);
    closers.push(() => postrider.stop());
    return postrider;
  };
  const letters = async (postrider: ReturnType<typeof open>): Promise<(string | undefined)[]> => {
    const reasons: (string | undefined)[] = [];
    await postrider.cluster.scan({
      topic: postrider.topics.dlq,
      from: 'earliest',
      timeoutMs: 10_000,
      onRecord: ({ headers }) => void reasons.push(headerText(headers, 'pr-reason')),
    });
    return reasons;
  };

  const first = open();
  const { topics } = first;
  await first.applyTopics();
  await first.putEndpoints([
    testEndpoint({ id: 'gone', environment, url: receiver.url('/gone', host), tls: { ca: ca.caPem } }),
  ]);
  await first.start(['convergence', 'dispatch']);
  await first.publish([{ id: 'e1', type: 't', project: 'acme', data: {} }]);
  const admin = first.cluster.admin();
  await eventually(
    () => admin.committed(group, [topics.dispatches]),
    (rows) => rows.some(({ partition, offset }) => partition === own && offset === 1),
    20_000,
  );
  const marks: unknown[] = [];
  await first.cluster.scan({
    topic: topics.gone,
    from: 'earliest',
    timeoutMs: 10_000,
    onRecord: ({ value }) => void marks.push(decodeGone(value)),
  });
  expect(marks).toMatchObject([{ endpointId: 'gone', version: 1 }]);
  const offset = (await admin.endOffsets(topics.attempts)).get(own)!;
  await first.stop();
  await deleteRecordsBefore(testBrokers()[0]!, { topic: topics.attempts, partition: own, offset });
  const place = { topic: topics.dispatches, partition: own, offset: 1, metadata: `attempts=${offset}` };
  await eventually(
    () =>
      commitOffset(testBrokers()[0]!, group, place).then(
        () => true,
        () => false,
      ),
    (done) => done,
    10_000,
  );

  const second = open();
  await second.start(['convergence', 'dispatch']);
  await second.publish([{ id: 'e2', type: 't', project: 'acme', data: {} }]);
  const reasons = await eventually(
    () => letters(second),
    (found) => found.length === 2,
    20_000,
  );
  expect(reasons).toEqual(['gone', 'endpoint-disabled']);
  expect(receiver.count).toBe(1);
});
