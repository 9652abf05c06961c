// A group member through what ends the consumers of the driver: errors that "crash" them, a stalled process, rebalances
// in the middle of everything, and a start when there is nothing to start with.

import { openCluster } from '@postrider/kafka';
import type { GroupConsumer, GroupOptions, KafkaRecord } from '@postrider/kafka';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { stringBytes } from '../support/kafka-frames.ts';
import { startKafkaProxy, type FrameRule, type KafkaProxy } from '../support/kafka-proxy.ts';
import { expelMember } from '../support/raw-kafka.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('hazardgroup');
const partitions = 4;
const sessionTimeoutMs = 6_000;
const broker = testBrokers()[0] as string;
const direct = openCluster({ brokers: testBrokers(), clientId: `${prefix}-direct` });
const appender = direct.openAppender();
const admin = direct.admin();
let proxy: KafkaProxy;
let proxied: ReturnType<typeof openCluster>;

beforeAll(async () => {
  proxy = await startKafkaProxy({ brokers: testBrokers() });
  proxied = openCluster({ brokers: proxy.brokers, clientId: prefix });
});
afterAll(async () => {
  await Promise.all([proxied.close(), direct.close()]);
  await proxy.stop();
});

async function createTopics(names: readonly string[]): Promise<string[]> {
  const topics = names.map((name) => `${prefix}.${name}`);
  await admin.applyTopics(topics.map((name) => ({ name, partitions, replicationFactor: 1, config: {} })));
  return topics;
}

const createTopic = async (name: string): Promise<string> => (await createTopics([name]))[0] as string;

const fill = (topic: string, count: number, from = 0) =>
  appender.appendAll(
    Array.from({ length: count }, (_, i) => ({
      topic,
      partition: (from + i) % partitions,
      key: null,
      value: `r${from + i}`,
    })),
  );

interface Member {
  group: GroupConsumer;
  records: KafkaRecord[];
  revoked: string[];
}

/** The group has the topic's name. The member leaves when the test has finished. */
function join(topic: string, options: Partial<GroupOptions> = {}, cluster = proxied): Member {
  const member: Member = { group: undefined as never, records: [], revoked: [] };
  member.group = cluster.consumeGroup({
    groupId: topic,
    topics: [topic],
    sessionTimeoutMs,
    ...options,
    onRecords(batch) {
      member.records.push(...batch.records);
      options.onRecords?.(batch);
    },
    onRevoked(reason) {
      member.revoked.push(reason);
      return options.onRevoked?.(reason);
    },
  });
  onTestFinished(() => member.group.stop());
  return member;
}

function rule(wanted: FrameRule) {
  const added = proxy.add(wanted);
  onTestFinished(() => added.release());
  return added;
}

const soon = (check: () => void | Promise<void>, timeout = 20_000) => vi.waitFor(check, { timeout, interval: 20 });
const distinct = (...members: Member[]) =>
  new Set(members.flatMap(({ records }) => records.map(({ partition, offset }) => `${partition}/${offset}`))).size;
const positions = ({ group }: Member, topic: string) =>
  group.assignment().flatMap(({ partition }) => {
    const offset = group.position(topic, partition);
    return offset === null ? [] : [{ topic, partition, offset }];
  });
const quiet = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('errors that end a consumer of the driver', () => {
  const codes = {
    unknownServerError: -1,
    requestTimedOut: 7,
    coordinatorLoading: 14,
    coordinatorNotAvailable: 15,
    notCoordinator: 16,
    illegalGeneration: 22,
    unknownMemberId: 25,
    rebalanceInProgress: 27,
    clusterAuthorizationFailed: 31,
    fencedInstanceId: 82,
  };

  test.each(['Heartbeat', 'JoinGroup', 'SyncGroup'] as const)('a member outlives any answer to %s', async (api) => {
    const names = Object.entries(codes).map(([name, code]) => ({ name, code, topic: `${api}-${name}`.toLowerCase() }));
    await createTopics(names.map(({ topic }) => topic));
    await Promise.all(
      names.map(async ({ name, code, topic: suffix }) => {
        const topic = `${prefix}.${suffix}`;
        const group = stringBytes(topic);
        const spoiled = rule({
          api,
          side: 'response',
          nth: 1,
          only: (request) => request.includes(group),
          action: (frame) => withError(frame, code),
        });
        const errors: string[] = [];
        const member = join(topic, { onError: ({ code: kind }) => errors.push(kind) });
        await fill(topic, 8);
        await soon(() => expect(distinct(member)).toBe(8));
        await spoiled.hit;
        await fill(topic, 8, 8);
        await soon(() => {
          expect({ name, state: member.group.state(), read: distinct(member), hits: spoiled.hits() }).toEqual({
            name,
            state: 'stable',
            read: 16,
            hits: 1,
          });
        });
      }),
    );
  });

  test('a member that its coordinator has forgotten joins again as a new one, and reads on from its commits', async () => {
    const topic = await createTopic('expelled');
    const member = join(topic);
    await fill(topic, 40);
    await soon(() => expect(member.records.length).toBe(40));
    await member.group.commit(positions(member, topic));
    const { memberId } = member.group.generation() as { memberId: string };
    await expelMember(broker, topic, memberId);
    await soon(() => expect(member.revoked).toEqual(['lost']));
    await fill(topic, 40, 40);
    await soon(() => expect(member.records.length).toBe(80));
    expect(distinct(member)).toBe(80);
    expect(member.group.generation()?.memberId).not.toBe(memberId);
  });

  test('a commit whose answer is lost is tried again, and stands', async () => {
    const topic = await createTopic('lostcommit');
    const member = join(topic);
    await fill(topic, 8);
    await soon(() => expect(member.records.length).toBe(8));
    const group = stringBytes(topic);
    const lost = rule({
      api: 'OffsetCommit',
      side: 'response',
      action: 'reset',
      nth: [1, 2],
      only: (r) => r.includes(group),
    });
    await member.group.commit([{ topic, partition: 1, offset: 2, metadata: 'kept' }]);
    expect(lost.hits()).toBe(2);
    await soon(async () =>
      expect(await admin.committed(topic, [topic])).toEqual([{ topic, partition: 1, offset: 2, metadata: 'kept' }]),
    );
  });
});

describe('a rebalance', () => {
  test('1 → 2 → 1 members under load: no record of a partition that is not prepared, none lost, pauses and metadata kept', async () => {
    const topic = await createTopic('bounce');
    const trespasses: string[] = [];
    const restored: string[] = [];
    const prepared = new Map<string, Set<number>>();

    const member = (name: string): Member => {
      const mine = new Set<number>();
      prepared.set(name, mine);
      const self: Member = join(
        topic,
        {
          onAssigned({ added, lost }) {
            for (const { partition } of lost) mine.delete(partition);
            for (const { partition } of added) mine.delete(partition);
          },
          async prepare(added, signal) {
            await new Promise((resolve) => setImmediate(resolve));
            await admin.endOffsets(topic); // restoring takes its time
            if (signal.aborted) return;
            for (const { partition, committed } of added) {
              mine.add(partition);
              if (committed !== null) restored.push(committed.metadata);
            }
          },
          onRecords({ partition }) {
            if (!mine.has(partition)) trespasses.push(`${name} got ${partition}`);
          },
          onRevoked: () =>
            self.group.commit(positions(self, topic).map((at) => ({ ...at, metadata: `start of ${at.partition} ü` }))),
        },
        direct,
      );
      return self;
    };

    const a = member('a');
    await fill(topic, 100);
    await soon(() => expect(distinct(a)).toBe(100));
    a.group.pause(topic, [0, 1, 2, 3]);
    const b = member('b');
    await soon(() => expect([a, b].map(({ group }) => group.assignment().length)).toEqual([2, 2]));
    await fill(topic, 100, 100);
    // What b got is read, what a kept is still paused.
    await soon(() => expect(b.records.length).toBe(50));
    const kept = a.group.assignment().map(({ partition }) => partition);
    expect(a.records.length).toBe(100);
    await b.group.stop();
    await soon(() => expect(a.group.assignment().length).toBe(4));
    await fill(topic, 100, 200);
    // What came back is prepared anew and read; what never left is paused through both rebalances.
    await soon(() => expect(a.records.length).toBe(150));
    await quiet(300); // time in which a paused record could have come
    expect(a.records.filter(({ partition, offset }) => kept.includes(partition) && offset >= 25)).toEqual([]);
    a.group.resume(topic, kept);
    await soon(() => expect(distinct(a, b)).toBe(300));
    expect(a.records.length + b.records.length).toBe(300);
    expect(trespasses).toEqual([]);
    expect(restored.length).toBeGreaterThanOrEqual(4);
    expect(restored.every((metadata) => /^start of [0-3] ü$/.test(metadata))).toBe(true);
  });
});

describe('a start when there is nothing to start with', () => {
  test('before the broker is up: appends, tables and members wait and then go on by themselves', async () => {
    const topic = await createTopic('nobroker');
    await fill(topic, 4);
    const absent = await startKafkaProxy({ brokers: testBrokers() });
    await Promise.all(absent.nodes.map((node) => node.down()));
    const cluster = openCluster({ brokers: absent.brokers, clientId: `${prefix}-early` });
    onTestFinished(() => absent.stop());
    onTestFinished(() => cluster.close());
    const errors = { group: 0, table: 0, append: 0 };
    const early = cluster.openAppender({ hooks: { onResend: () => void (errors.append += 1) } });
    const appended = early.append({ topic, partition: 0, key: null, value: 'early' });
    const member = join(topic, { onError: () => void (errors.group += 1) }, cluster);
    const seen: (string | undefined)[] = [];
    const table = cluster.readTable({
      topic,
      onRecord: ({ value }) => void seen.push(value?.toString()),
      onError: () => void (errors.table += 1),
    });
    await soon(() => expect(Math.min(errors.group, errors.table, errors.append)).toBeGreaterThan(2));
    await Promise.all(absent.nodes.map((node) => node.up()));
    expect(await appended).toEqual({ offset: 1 });
    await table.ready;
    await soon(() => expect(seen.length).toBe(5));
    await soon(() => expect(member.records.length).toBe(5));
  });

  test('before the topic exists: the same', async () => {
    const topic = `${prefix}.notopic`;
    const errors: string[] = [];
    const appended = appender.append({ topic, partition: 2, key: null, value: 'early' });
    const member = join(topic, { onError: ({ code }) => errors.push(code) });
    const seen: string[] = [];
    const table = proxied.readTable({
      topic,
      onRecord: ({ value }) => void seen.push(String(value)),
      onError: ({ code }) => errors.push(code),
    });
    await soon(() => expect(errors.filter((code) => code === 'unknown-topic').length).toBeGreaterThan(2));
    await createTopic('notopic');
    expect(await appended).toEqual({ offset: 0 });
    await table.ready;
    await soon(() => expect([seen.length, member.records.length]).toEqual([1, 1]));
    await table.stop();
  });
});

/** The error stands behind length, correlation id and throttle time in these answers. */
function withError(frame: Buffer, code: number): Buffer {
  const changed = Buffer.from(frame);
  changed.writeInt16BE(code, 12);
  return changed;
}
