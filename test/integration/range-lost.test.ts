// Retention takes records that nobody has read, from every topic that a stage reads or reads back: each stage says so in the
// audit log, by its metric and by not being ready, and goes on with what is left.

import { decodeAudit, partitionOf, type RangeLost } from '@postrider/core/contracts';
import { createLocalCa, startReceiver } from '@postrider/dev-stack';
import { migrate, openDatabase } from '@postrider/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type ServiceName, type TestPostrider } from '../support/postrider.ts';
import { commitOffset, deleteRecordsBefore } from '../support/raw-kafka.ts';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('rangelost');
const services: readonly ServiceName[] = ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector'];
const subject = 'subject';
const upstream = partitionOf(subject, 4);
const own = partitionOf('flaky', 4);
const closers: (() => Promise<unknown>)[] = [];

let start: () => TestPostrider;
let postgresUrl: string;

beforeAll(async () => {
  const ca = await createLocalCa();
  const receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    routes: { '/flaky': { kind: 'fail-then-ok', times: 1 } },
  });
  closers.push(() => receiver.close());
  postgresUrl = await createTestDatabase('rangelost');
  await migrate(postgresUrl);
  const settings = { brokers: testBrokers(), postgresUrl, environment, tiers: '500ms' };
  start = () => createTestPostrider({ ...settings, allowHosts: [`${host}=127.0.0.1`] });

  const first = start();
  await first.applyTopics();
  await first.putEndpoints([
    testEndpoint({ id: 'flaky', environment, url: receiver.url('/flaky', host), tls: { ca: ca.caPem } }),
  ]);
  await first.start(services);
  await first.ready(30_000);
  await first.publish([{ id: 'e1', type: 't', project: 'acme', subject, data: {} }]);
  await receiver.waitFor(2, 20_000);
  const admin = first.cluster.admin();
  await eventually(
    () => admin.committed(`${environment}.dispatch`, [first.topics.dispatches]),
    (rows) => rows.some(({ partition, offset }) => partition === own && offset === 2),
    20_000,
  );
  const { dispatches } = first.topics;
  await first.stop();
  // A young log says "from the start", which nothing can precede; after some time the mark stands further on.
  await eventually(
    () =>
      commitOffset(testBrokers()[0]!, `${environment}.dispatch`, {
        topic: dispatches,
        partition: own,
        offset: 2,
        metadata: 'attempts=1',
      }).then(
        () => 'committed',
        (error: unknown) => String(error),
      ),
    (answer) => answer === 'committed',
    10_000,
  );
});

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

test('every stage tells what it will never read', async () => {
  const postrider = start();
  closers.push(() => postrider.stop());
  const { topics, cluster, appender } = postrider;
  const tier = `${environment}.retry.500ms`;
  const places = [
    { topic: `${environment}.events`, partition: upstream },
    { topic: topics.dispatches, partition: own },
    { topic: tier, partition: own },
    { topic: topics.attempts, partition: own },
    { topic: topics.audit, partition: upstream },
  ];
  const admin = cluster.admin();
  const gone = new Map<string, { from: number; to: number }>();
  for (const { topic, partition } of places) {
    const from = (await admin.endOffsets(topic)).get(partition)!;
    await appender.appendAll([1, 2, 3].map((n) => ({ topic, partition, key: null, value: `filler ${n}` })));
    await deleteRecordsBefore(testBrokers()[0]!, { topic, partition, offset: from + 2 });
    gone.set(topic, { from, to: from + 2 });
  }

  await postrider.start(services);
  const lost = await eventually(
    async () => {
      const found: RangeLost[] = [];
      await cluster.scan({
        topic: topics.audit,
        from: 'earliest',
        timeoutMs: 10_000,
        onRecord({ value }) {
          const record = decodeAudit(value);
          if (record.ok && record.value.type === 'RangeLost') found.push(record.value);
        },
      });
      return found;
    },
    (found) => found.length >= 8,
    20_000,
  );
  const told = lost.map(({ service, topic, partition, to }) => `${service}: ${topic}/${partition} to ${to}`);
  const expected = (service: ServiceName, topic: string, partition: number): string =>
    `${service}: ${topic}/${partition} to ${gone.get(topic)!.to}`;
  expect(told.toSorted()).toEqual(
    [
      expected('convergence', `${environment}.events`, upstream),
      expected('convergence', topics.audit, upstream),
      expected('dispatch', topics.dispatches, own),
      expected('dispatch', topics.attempts, own),
      expected('retry-scheduler', tier, own),
      expected('retry-scheduler', topics.dispatches, own),
      expected('audit-projector', topics.audit, upstream),
      expected('audit-projector', topics.attempts, own),
    ].toSorted(),
  );
  // What was committed is where the loss begins; those that read back may begin earlier.
  expect(lost.filter(({ topic, from }) => from > gone.get(topic)!.from)).toEqual([]);

  await expect(postrider.ready(1_000)).rejects.toThrow(/deleted before they were read.*restart this process/);
  const { text } = await postrider.metrics.scrape();
  expect(text).toContain(`postrider_range_lost_total{service="dispatch",topic="${topics.attempts}"} 1`);

  const database = openDatabase({ url: postgresUrl });
  closers.push(() => database.close());
  const rows = await eventually(
    () =>
      database.query<{ actor: string; detail: string }>(
        `SELECT actor, detail FROM audit_record WHERE environment = $1 AND type = 'RangeLost'`,
        [environment],
      ),
    (seen) => seen.length >= 8,
    20_000,
  );
  expect(rows).toContainEqual({
    actor: 'dispatch',
    detail: expect.stringMatching(`^${topics.dispatches}/${own}/\\d+-\\d+$`) as string,
  });
});
