// Partitions that nobody leads, and topics that are gone or forbidden: the driver makes one error of the whole answer that says so,
// and everything else of the same connections must go on.

import { openCluster } from '@postrider/kafka';
import type { AppendRecord, KafkaError } from '@postrider/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { withFetchError, withoutLeader, withTopicError } from '../support/kafka-frames.ts';
import { startKafkaProxy, type ActiveRule, type KafkaProxy } from '../support/kafka-proxy.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('hazardleader');
const notLeader = 6;
const forbidden = 29;
const unknownTopic = 3;
const direct = openCluster({ brokers: testBrokers(), clientId: `${prefix}-direct` });
const writer = direct.openAppender();
let proxy: KafkaProxy;
let proxied: ReturnType<typeof openCluster>;
const told: string[] = [];
const rules: ActiveRule[] = [];

beforeAll(async () => {
  proxy = await startKafkaProxy({ brokers: testBrokers() });
});
afterEach(async () => {
  await proxied.close();
  for (const rule of rules.splice(0)) rule.release();
  told.length = 0;
});
afterAll(async () => {
  await direct.close();
  await proxy.stop();
});

function open(): typeof proxied {
  proxied = openCluster({
    brokers: proxy.brokers,
    clientId: prefix,
    log: ({ level, message }) => void (level === 'warn' && told.push(message)),
  });
  return proxied;
}

async function createTopic(name: string, partitions = 3): Promise<string> {
  const topic = `${prefix}.${name}`;
  await direct.admin().applyTopics([{ name: topic, partitions, replicationFactor: 1, config: {} }]);
  return topic;
}

function rule(...args: Parameters<KafkaProxy['add']>): ActiveRule {
  const added = proxy.add(...args);
  rules.push(added);
  return added;
}

const unled = (topic: string, partition: number): ActiveRule =>
  rule({
    api: 'Metadata',
    side: 'response',
    action: (frame, head) => withoutLeader(head, frame, { topic, partition }),
  });
const refusedTopic = (topic: string, code: number): ActiveRule =>
  rule({ api: 'Metadata', side: 'response', action: (frame, head) => withTopicError(head, frame, topic, code) });
const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const record = (topic: string, partition: number, value: string): AppendRecord => ({
  topic,
  partition,
  key: null,
  value,
});

function join(groupId: string, topics: string[]): { values: string[]; errors: KafkaError[]; lost: string[] } {
  const values: string[] = [];
  const errors: KafkaError[] = [];
  const lost: string[] = [];
  open().consumeGroup({
    groupId,
    topics,
    onRecords: ({ topic, partition, records }) =>
      void values.push(
        ...records.map(({ value }) => `${topic.slice(prefix.length + 1)}/${partition} ${String(value)}`),
      ),
    onError: (error) => void errors.push(error),
    onAssigned: (assignment) => void lost.push(...assignment.lost.map(({ topic }) => topic)),
  });
  return { values, errors, lost };
}

describe('a partition without a leader', () => {
  test('has its appends wait in order, and no others', async () => {
    const topic = await createTopic('append');
    const hidden = unled(topic, 1);
    const appender = open().openAppender();
    const waiting = Array.from({ length: 20 }, (_, i) => appender.append(record(topic, 1, `w${i}`)));
    for (let i = 0; i < 10; i += 1) {
      await appender.appendAll([record(topic, 0, 'x'), record(topic, 2, 'x')]);
      waiting.push(appender.append(record(topic, 1, `l${i}`)));
    }
    expect(appender.depth()).toBe(30);
    expect(told.filter((message) => message.includes('is refused: its records wait'))).toHaveLength(1);
    hidden.release();
    const offsets = (await Promise.all(waiting)).map(({ offset }) => offset);
    expect(offsets).toEqual(Array.from({ length: 30 }, (_, offset) => offset));
    await appender.flush();
    expect(appender.depth()).toBe(0);
  });

  test('is left out by a member that joins, and taken up once it has one', async () => {
    const topic = await createTopic('join');
    await writer.appendAll([0, 1, 2].map((partition) => record(topic, partition, 'a')));
    const hidden = unled(topic, 1);
    const { values, errors } = join(topic, [topic]);
    await soon(() => expect(values.toSorted()).toEqual(['join/0 a', 'join/2 a']));
    const leaderless = () => errors.filter(({ message }) => message === `${topic}/1 has no leader`);
    expect(leaderless()).toHaveLength(1);
    hidden.release();
    await soon(() => expect(values).toContain('join/1 a'));
    expect(leaderless()).toHaveLength(1);
  });

  test('that has lost it stops no other one of its reader, and is told once', async () => {
    const topic = await createTopic('read');
    const { values, errors } = join(topic, [topic]);
    await writer.appendAll([0, 1, 2].map((partition) => record(topic, partition, 'a')));
    await soon(() => expect(values).toHaveLength(3));
    const hidden = unled(topic, 1);
    rule({
      api: 'Fetch',
      side: 'response',
      nth: 1,
      action: (frame, head) => withFetchError(head, frame, { topic, partition: 1 }, notLeader),
    });
    await soon(() => expect(errors.map(({ message }) => message)).toContain(`${topic}/1 has no leader`));
    await writer.appendAll([0, 1, 2].map((partition) => record(topic, partition, 'b')));
    await soon(() => expect(values.slice(3).toSorted()).toEqual(['read/0 b', 'read/2 b']));
    const asked = hidden.hits();
    await soon(() => expect(hidden.hits()).toBeGreaterThan(asked + 1));
    expect(errors.filter(({ message }) => message.includes('no leader'))).toHaveLength(1);
    hidden.release();
    await soon(() => expect(values).toContain('read/1 b'));
  });
});

test('a topic that is not there yet stops no other topic of a new member, and is read once it is', async () => {
  const there = await createTopic('there', 1);
  const later = `${there}-later`;
  const { values } = join(there, [later, there]);
  await writer.append(record(there, 0, 'a'));
  await soon(() => expect(values).toEqual(['there/0 a']));
  await direct.admin().applyTopics([{ name: later, partitions: 1, replicationFactor: 1, config: {} }]);
  await writer.append(record(later, 0, 'b'));
  await soon(() => expect(values).toHaveLength(2));
});

test('a topic that is not there yet and is the only one is waited for: a member that reads nothing would seem well', async () => {
  const only = `${prefix}.only`;
  const { values, errors } = join(only, [only]);
  // More often than a topic beside others is waited for.
  await soon(() => expect(errors.length).toBeGreaterThan(10));
  await createTopic('only', 1);
  await writer.append(record(only, 0, 'a'));
  await soon(() => expect(values).toEqual(['only/0 a']));
});

describe.each([
  ['forbidden', forbidden],
  ['deleted', unknownTopic],
])('a topic that is %s while it is in use', (name, code) => {
  test('stops no other topic of its group, also across a rebalance', async () => {
    const [kept, gone] = [await createTopic(`${name}-kept`, 1), await createTopic(`${name}-gone`, 1)];
    const { values, errors, lost } = join(kept, [gone, kept]);
    await writer.appendAll([kept, gone].map((topic) => record(topic, 0, 'a')));
    await soon(() => expect(values).toHaveLength(2));
    const refused = refusedTopic(gone, code);
    rule({
      api: 'Fetch',
      side: 'response',
      nth: 1,
      action: (frame, head) => withFetchError(head, frame, { topic: gone, partition: 0 }, code),
    });
    await soon(() => expect(errors.some(({ message }) => message.startsWith(`${gone}: `))).toBe(true));
    await writer.append(record(kept, 0, 'b'));
    await soon(() => expect(values).toContain(`${name}-kept/0 b`));
    const other = direct.consumeGroup({ groupId: kept, topics: [kept], onRecords: () => undefined });
    await soon(() => expect(other.state()).toBe('stable'));
    await other.stop();
    await soon(() => expect(lost).toContain(gone));
    await writer.append(record(kept, 0, 'c'));
    await soon(() => expect(values).toContain(`${name}-kept/0 c`));
    refused.release();
  });

  test('stops no append to another topic', async () => {
    const [kept, gone] = [await createTopic(`${name}-other`), await createTopic(`${name}-append`)];
    const appender = open().openAppender();
    await appender.appendAll([kept, gone].map((topic) => record(topic, 0, 'a')));
    const refused = refusedTopic(gone, code);
    // A leader that seems to have moved: the metadata is read again.
    for (const node of proxy.nodes) node.reset();
    const waits = [appender.append(record(gone, 0, 'b')), appender.append(record(gone, 0, 'c'))];
    await appender.append(record(kept, 0, 'b'));
    await appender.append(record(kept, 0, 'c'));
    expect(appender.depth()).toBe(2);
    refused.release();
    expect((await Promise.all(waits)).map(({ offset }) => offset)).toEqual([1, 2]);
  });
});
