// Logs that were cut or made anew. One of events, also when it has grown past its commit, is read again from its start, and nothing that
// was decided is decided anew, or everything that is left would be sent a second time. One of attempts holds nobody up.

import { decodeAudit, partitionOf } from '@postrider/core/contracts';
import { headerText } from '@postrider/kafka';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { commitOffset } from '../support/raw-kafka.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const environment = testPrefix('cutevents');
const topic = `${environment}.events`;
const subject = 'subject';
const partition = partitionOf(subject, 4);
const running: TestPostrider[] = [];
afterAll(async () => {
  for (const postrider of running) await postrider.stop();
});

function start(): TestPostrider {
  const postrider = createTestPostrider({ brokers: testBrokers(), postgresUrl: '', environment, tiers: '500ms' });
  running.push(postrider);
  return postrider;
}

/** By event: when its dispatches say that it was decided; and the traces that there are. */
async function decided({ cluster, topics }: TestPostrider) {
  const created: string[] = [];
  const traces: string[] = [];
  await cluster.scan({
    topic: topics.dispatches,
    from: 'earliest',
    onRecord: ({ headers }) =>
      void created.push(`${headerText(headers, 'pr-event-id')} at ${headerText(headers, 'pr-created')}`),
  });
  await cluster.scan({
    topic: topics.audit,
    from: 'earliest',
    onRecord({ value }) {
      const record = decodeAudit(value);
      if (record.ok && record.value.type === 'EventAccepted') traces.push(record.value.event);
    },
  });
  return { created, traces: traces.toSorted() };
}

/** The group is empty a moment after its last member has left. */
const commit = (offset: number, metadata: string, group = 'convergence', of = topic) =>
  eventually(
    () =>
      commitOffset(testBrokers()[0]!, `${environment}.${group}`, { topic: of, partition, offset, metadata }).then(
        () => 'committed',
        String,
      ),
    (answer) => answer === 'committed',
    10_000,
  );

test('what was decided of them stands', async () => {
  const first = start();
  await first.applyTopics();
  await first.putEndpoints([testEndpoint({ id: 'a', environment, url: 'https://hooks.postrider.example/' })]);
  await first.start(['convergence']);
  await first.publish(['e1', 'e2'].map((id) => ({ id, type: 't', project: 'acme', subject, data: {} })));
  const before = await eventually(
    () => decided(first),
    ({ created }) => created.length === 2,
    20_000,
  );
  await first.stop();
  const kinds = [
    [100, 'endpoints=1 audit=2'],
    [2, 'endpoints=1 audit=2 last=1@5'],
  ] as const;
  for (const [n, [offset, metadata]] of kinds.entries()) {
    await commit(offset, metadata);
    const next = start();
    await next.start(['convergence']);
    const after = await eventually(
      () => decided(next),
      ({ created }) => created.length === 4 + 2 * n,
      30_000,
    );
    expect(new Set(after.created)).toEqual(new Set(before.created));
    expect(after.traces).toEqual(['e1', 'e2']);
    expect((await next.metrics.scrape()).text).toContain(
      `postrider_range_lost_total{service="convergence",topic="${topic}"} 1`,
    );
    await next.stop();
  }
});

test('a topic that was made anew has events of its own, whatever stood at their offsets', async () => {
  const postrider = start();
  const admin = postrider.cluster.admin();
  await admin.deleteTopics([topic]);
  await eventually(
    () => postrider.applyTopics().then(() => 'made', String),
    (answer) => answer === 'made',
    20_000,
  );
  await postrider.publish(['e3', 'e4'].map((id) => ({ id, type: 't', project: 'acme', subject, data: {} })));
  await postrider.start(['convergence']);
  const { traces } = await eventually(
    () => decided(postrider),
    ({ created }) => created.some((one) => one.startsWith('e3 ')) && created.some((one) => one.startsWith('e4 ')),
    30_000,
  );
  expect(traces).toEqual(['e1', 'e2', 'e3', 'e4']);
});

test('a log of attempts that ends before it was to be read back is not waited for', async () => {
  const postrider = start();
  await commit(0, 'attempts=5000', 'dispatch', postrider.topics.dispatches);
  await postrider.start(['dispatch']);
  await expect(postrider.ready(30_000)).resolves.toBeUndefined();
});
