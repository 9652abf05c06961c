// The appender against a proxy that loses, holds and changes the answers to its produces: whatever is lost on the
// way, an acknowledged record stands in the log where its offset says.

import { openCluster, type KafkaError } from '@postrider/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { withoutProduced, withProduceError } from '../support/kafka-frames.ts';
import { AppendLedger } from '../support/kafka-ledger.ts';
import { startKafkaProxy, type ActiveRule, type KafkaProxy } from '../support/kafka-proxy.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('hazardappend');
const unknownTopicRetryMs = 500; // of the package: how often it asks for a topic
const partitions = 4;
/** Straight to the broker: what the log holds is not seen through the proxy. */
const direct = openCluster({ brokers: testBrokers(), clientId: `${prefix}-direct` });
let proxy: KafkaProxy;
let proxied: ReturnType<typeof openCluster>;
const rules: ActiveRule[] = [];

beforeAll(async () => {
  proxy = await startKafkaProxy({ brokers: testBrokers(), seed: 20_261 });
  proxied = openCluster({ brokers: proxy.brokers, clientId: prefix });
});
afterEach(() => {
  for (const rule of rules.splice(0)) rule.release();
  for (const node of proxy.nodes) node.heal();
});
afterAll(async () => {
  await Promise.all([proxied.close(), direct.close()]);
  await proxy.stop();
});

async function createTopic(name: string): Promise<string> {
  const topic = `${prefix}.${name}`;
  await direct.admin().applyTopics([{ name: topic, partitions, replicationFactor: 1, config: {} }]);
  return topic;
}

function rule(...args: Parameters<KafkaProxy['add']>): ActiveRule {
  const added = proxy.add(...args);
  rules.push(added);
  return added;
}

describe('silent loss A: an answer to a produce is lost', () => {
  test.each([1, 2, 3])(
    'every acknowledged record stands at its offset while answers are lost and connections reset, seed %d',
    async (seed) => {
      const topic = await createTopic(`answers${seed}`);
      const random = seededRandom(seed);
      const nth = Array.from({ length: 60 }, (_, i) => i + 1).filter(() => random() < 0.2);
      const lost = rule({ api: 'Produce', side: 'response', action: 'reset', nth });
      const appender = proxied.openAppender({ recordsMax: 10 });
      const ledger = new AppendLedger(appender, topic, partitions);
      for (let batch = 0; batch < 40; batch += 1) {
        ledger.append(1 + Math.floor(random() * 20));
        if (random() < 0.5) await ledger.settled();
      }
      await ledger.settled();
      const verdict = await ledger.verify(direct);
      expect(verdict).toMatchObject({ missing: [], disorder: [] });
      expect(lost.hits()).toBeGreaterThan(3);
      expect(appender.stats().resends).toBe(lost.hits());
      // Each lost answer was of a batch that had been written: the resend wrote it a second time.
      expect(verdict.duplicates).toBeGreaterThanOrEqual(lost.hits());
      expect(verdict.duplicates).toBeLessThanOrEqual(10 * lost.hits());
      await appender.close();
    },
  );

  test('a new appender goes on after one that died in doubt, and no record of it is taken for an old one', async () => {
    const topic = await createTopic('successor');
    const first = proxied.openAppender();
    const held = rule({ api: 'Produce', side: 'response', action: 'hold' });
    const lost = first.append({ topic, partition: 0, key: null, value: 'in doubt' });
    const outcome = lost.then(
      () => 'acknowledged',
      (error: unknown) => (error as { code?: string }).code,
    );
    await held.hit;
    await first.close({ drainMs: 0 });
    expect(await outcome).toBe('closed');
    held.release();
    const second = proxied.openAppender();
    const ledger = new AppendLedger(second, topic, 1);
    ledger.append(20);
    await ledger.settled();
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 20, missing: [] });
    await second.close();
  });

  test('nothing on the wire is idempotent, and every produce asks for all in-sync replicas', async () => {
    const topic = await createTopic('wire');
    const seen: { acks: number; producerId: bigint; baseSequence: number }[] = [];
    proxy.watch('Produce', (frame) => {
      if (!frame.includes(topic)) return;
      // Length, head, client id and transactional id (null) come before the acks.
      const clientId = frame.readInt16BE(12);
      const acks = frame.readInt16BE(14 + clientId + 2);
      const partitionAt = frame.indexOf(topic) + topic.length + 4;
      const batch = frame.subarray(partitionAt + 8);
      seen.push({ acks, producerId: batch.readBigInt64BE(43), baseSequence: batch.readInt32BE(53) });
    });
    const appender = proxied.openAppender();
    await appender.append({ topic, partition: 0, key: null, value: 'x' });
    expect(seen).toEqual([{ acks: -1, producerId: -1n, baseSequence: 0 }]);
    await appender.close();
  });
});

describe('silent loss B: an answer that does not name every partition', () => {
  test('the records of a partition that is not named are sent again, and the others are not', async () => {
    const topic = await createTopic('uncovered');
    rule({
      api: 'Produce',
      side: 'response',
      nth: [1, 3],
      action: (frame, head) => withoutProduced(head, frame, topic, 2),
    });
    const missing: object[] = [];
    const appender = proxied.openAppender({ hooks: { onCoverageFailure: (uncovered) => missing.push(...uncovered) } });
    const ledger = new AppendLedger(appender, topic, partitions);
    ledger.append(40);
    await ledger.settled();
    ledger.append(40);
    await ledger.settled();
    expect(missing).toEqual([
      { topic, partition: 2 },
      { topic, partition: 2 },
    ]);
    const verdict = await ledger.verify(direct);
    expect(verdict).toMatchObject({ acknowledged: 80, missing: [], disorder: [] });
    expect(verdict.duplicates).toBe(20); // ten records of partition 2, twice
    await appender.close();
  });
});

describe('errors that end a producer of the driver, or that a new leader mends', () => {
  const codes = {
    unknownServerError: -1,
    unknownTopicOrPartition: 3,
    notLeader: 6,
    requestTimedOut: 7,
    notEnoughReplicas: 19,
    notEnoughReplicasAfterAppend: 20,
    outOfOrderSequence: 45,
    invalidProducerEpoch: 47,
    storageError: 56,
    unknownProducerId: 59,
  };

  test('whatever the broker answers, no record is rejected and none is lost', async () => {
    const topic = await createTopic('errors');
    const appender = proxied.openAppender();
    const ledger = new AppendLedger(appender, topic, partitions);
    for (const [name, code] of Object.entries(codes)) {
      const refused = rule({
        api: 'Produce',
        side: 'response',
        nth: 1,
        action: (frame, head) => withProduceError(head, frame, 1, code),
      });
      ledger.append(12);
      await ledger.settled();
      expect({ name, hits: refused.hits() }).toEqual({ name, hits: 1 });
    }
    expect(appender.stats().resends).toBe(Object.keys(codes).length);
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 120, missing: [], disorder: [] });
    await appender.close();
  });
});

describe('a partition that is refused for long', () => {
  test('does not have the others of its leader written again at every try', async () => {
    const topic = await createTopic('refused');
    let refusing = true;
    rule({
      api: 'Produce',
      side: 'response',
      action: (frame, head) => (refusing ? withProduceError(head, frame, 1, 19) : frame), // not enough replicas
    });
    const appender = proxied.openAppender({
      hooks: { onResend: ({ attempt }) => (refusing = attempt < 6) },
    });
    await appender.appendAll(
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition, key: null, value: 'v' })),
    );
    const written = new Map<number, number>();
    await direct.scan({
      topic,
      from: 'earliest',
      onRecord: ({ partition }) => void written.set(partition, (written.get(partition) ?? 0) + 1),
    });
    // Once before anybody knew which partition it was, and once by itself.
    expect([0, 2, 3].map((partition) => written.get(partition))).toEqual([2, 2, 2]);
    await appender.close();
  });
});

describe('a partition that stays refused', () => {
  const notEnoughReplicas = 19;

  test('keeps its order and holds up no other one, nor the end of a flush once it is taken again', async () => {
    const topic = await createTopic('lane');
    const told: string[] = [];
    const cluster = openCluster({
      brokers: proxy.brokers,
      clientId: `${prefix}-lane`,
      log: ({ level, message }) => void (level === 'warn' && told.push(message)),
    });
    const refused = rule({
      api: 'Produce',
      side: 'response',
      action: (frame, head) => withProduceError(head, frame, 1, notEnoughReplicas),
    });
    const appender = cluster.openAppender({ recordsMax: 8 });
    const waiting: Promise<{ offset: number }>[] = [];
    const one = (partition: number) => appender.append({ topic, partition, key: null, value: `${waiting.length}` });
    for (let round = 0; round < 20; round += 1) {
      waiting.push(one(1));
      await Promise.all([one(0), one(2), one(3)]);
    }
    expect(appender.depth()).toBe(20);
    let flushed = false;
    const flush = appender.flush().then(() => (flushed = true));
    await one(0);
    expect(flushed).toBe(false);
    expect(told.filter((message) => message.startsWith('a partition is refused'))).toHaveLength(1);
    refused.release();
    const offsets = (await Promise.all(waiting)).map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    await flush;
    expect(appender.depth()).toBe(0);
    // What stands at the offsets is what was appended, in its order.
    const values = new Map<number, string>();
    await direct.scan({
      topic,
      partitions: [1],
      from: 'earliest',
      onRecord: ({ offset, value }) => void values.set(offset, String(value)),
    });
    expect(offsets.map((offset) => values.get(offset))).toEqual(offsets.map((_, i) => `${i}`));
    await cluster.close();
  });

  test('holds up no close, which rejects what waits for it', async () => {
    const topic = await createTopic('laneclose');
    rule({
      api: 'Produce',
      side: 'response',
      action: (frame, head) => withProduceError(head, frame, 1, notEnoughReplicas),
    });
    const appender = proxied.openAppender({ recordsMax: 4 });
    const codes: (string | undefined)[] = [];
    for (let round = 0; round < 6; round += 1) {
      appender
        .append({ topic, partition: 1, key: null, value: 'v' })
        .catch((error: unknown) => codes.push((error as KafkaError).code));
      await appender.append({ topic, partition: 0, key: null, value: 'v' });
    }
    await appender.close({ drainMs: 50 });
    expect(appender.depth()).toBe(0);
    await Promise.resolve();
    expect(codes).toEqual(Array.from({ length: 6 }, () => 'closed'));
  });
});

describe('order within a partition', () => {
  test('one batch is out at a time, and what waits behind a batch in doubt does not overtake it', async () => {
    const topic = await createTopic('order');
    let out = 0;
    let outMax = 0;
    proxy.watch('Produce', () => void (outMax = Math.max(outMax, (out += 1))));
    rule({ api: 'Produce', side: 'response', action: (frame) => ((out -= 1), frame) });
    const lost = rule({ api: 'Produce', side: 'request', action: 'reset', nth: [2, 5, 6] });
    const appender = proxied.openAppender({ recordsMax: 5 });
    const ledger = new AppendLedger(appender, topic, partitions);
    for (let round = 0; round < 10; round += 1) {
      ledger.append(25);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ledger.settled();
    expect(lost.hits()).toBe(3);
    expect(outMax - lost.hits()).toBeLessThanOrEqual(1); // requests that were lost were never answered
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 250, missing: [], disorder: [], duplicates: 0 });
    await appender.close();
  });
});

describe('records that wait for their topic or partition', () => {
  test('are sent once, also when the batch that put them aside comes to nothing after they were asked for again', async () => {
    const topic = await createTopic('known');
    const later = `${prefix}.later`;
    const told = { 'unknown-topic, waiting for it': 0, 'append in doubt, sending again': 0 };
    const cluster = openCluster({
      brokers: proxy.brokers,
      clientId: `${prefix}-later`,
      log: ({ message }) => {
        if (message in told) told[message as keyof typeof told] += 1;
      },
    });
    const appender = cluster.openAppender();
    const asked = (request: Buffer): boolean => request.includes(topic);
    const held = rule({ api: 'Metadata', side: 'response', action: 'hold', nth: 1, only: asked });
    const reset = rule({ api: 'Metadata', side: 'request', action: 'reset', only: (r) => asked(r) && held.hits() > 0 });
    const waits = appender.append({ topic: later, partition: 0, key: null, value: 'waits' });
    const known = appender.append({ topic, partition: 0, key: null, value: 'known' });
    await held.hit;
    expect(told['unknown-topic, waiting for it']).toBe(1);
    // Begun after the appender's own timer for it, so over after it.
    await new Promise((resolve) => setTimeout(resolve, unknownTopicRetryMs));
    for (const node of proxy.nodes) node.reset();
    await vi.waitFor(() => expect(told['append in doubt, sending again']).toBe(1), { timeout: 20_000 });
    reset.release();
    held.release();
    await known;
    expect(appender.depth()).toBe(1);
    await createTopic('later');
    await waits;
    expect(appender.depth()).toBe(0);
    expect((await direct.scan({ topic: later, from: 'earliest', onRecord: () => undefined })).records).toBe(1);
    await cluster.close();
  });

  test('hold up no close, though the answers for the rest of their batch never come', async () => {
    const topic = await createTopic('noclose');
    const held = rule({ api: 'Produce', side: 'request', action: 'hold' });
    const appender = proxied.openAppender();
    const codes = [0, partitions + 5].map((partition) =>
      appender
        .append({ topic, partition, key: null, value: 'v' })
        .catch((error: unknown) => (error as KafkaError).code),
    );
    await held.hit;
    await appender.close({ drainMs: 0 });
    expect(await Promise.all(codes)).toEqual(['closed', 'closed']);
    expect(appender.depth()).toBe(0);
  });
});

describe('the way to the broker', () => {
  test('slow, thin and cut in slices changes nothing but the time', async () => {
    const topic = await createTopic('slow');
    for (const node of proxy.nodes) node.set({ latencyMs: 5, jitterMs: 10, bytesPerS: 200_000, sliceBytesMax: 300 });
    const appender = proxied.openAppender({ recordsMax: 50 });
    const ledger = new AppendLedger(appender, topic, partitions);
    ledger.append(200);
    await ledger.settled();
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 200, missing: [], disorder: [], duplicates: 0 });
    await appender.close();
  });

  test('closed and opened again under load loses nothing', async () => {
    const topic = await createTopic('downup');
    const appender = proxied.openAppender({ recordsMax: 20 });
    const ledger = new AppendLedger(appender, topic, partitions);
    for (let round = 0; round < 3; round += 1) {
      ledger.append(100);
      await Promise.all(proxy.nodes.map((node) => node.down()));
      ledger.append(100);
      await Promise.all(proxy.nodes.map((node) => node.up()));
    }
    await ledger.settled();
    expect(await ledger.verify(direct)).toMatchObject({ acknowledged: 600, missing: [], disorder: [] });
    await appender.close();
  });
});
