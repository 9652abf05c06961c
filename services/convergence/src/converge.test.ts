import { decodeAudit, partitionOf, topicNames } from '@postrider/core/contracts';
import { EndpointIndex, type Endpoint } from '@postrider/core/domain';
import { KafkaError, type AppendRecord, type KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { converge, type ConvergeDeps } from './converge.ts';
import { keyBytesMax } from './limits.ts';

const topics = topicNames('live');

/** Keeps what it is given, and acknowledges when the test says so. */
class HeldAppender {
  readonly records: AppendRecord[] = [];
  readonly #held: {
    readonly record: AppendRecord;
    resolve(at: { offset: number }): void;
    reject(error: Error): void;
  }[] = [];

  readonly append = (record: AppendRecord): Promise<{ offset: number }> =>
    new Promise((resolve, reject) => {
      this.records.push(record);
      this.#held.push({ record, resolve, reject });
    });
  readonly appendAll = (records: readonly AppendRecord[]): Promise<{ offset: number }[]> =>
    Promise.all(records.map(this.append));

  /** Acknowledges everything that is held for a topic. */
  acknowledge(topic: string): void {
    for (const held of this.#take(topic)) held.resolve({ offset: 0 });
  }

  fail(topic: string, error: Error): void {
    for (const held of this.#take(topic)) held.reject(error);
  }

  of(topic: string): AppendRecord[] {
    return this.records.filter((record) => record.topic === topic);
  }

  #take(topic: string) {
    const taken = this.#held.filter((held) => held.record.topic === topic);
    for (const held of taken) this.#held.splice(this.#held.indexOf(held), 1);
    return taken;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function endpoint(id: string, over: Partial<Endpoint> = {}): Endpoint {
  return {
    endpointId: id,
    projectId: 'acme',
    eventTypes: ['*'],
    status: { kind: 'enabled' },
    profile: 'plain',
    profileOptions: {},
    ...over,
  } as unknown as Endpoint;
}

function event(over: Partial<KafkaRecord> = {}): KafkaRecord {
  const headers = {
    ce_specversion: '1.0',
    ce_id: 'evt-1',
    ce_source: '/s',
    ce_type: 't',
    ce_project: 'acme',
    'x-own': 'kept',
  };
  return {
    topic: 'live.events',
    partition: 6,
    offset: 42,
    timestamp: 1_800_000_000_000,
    key: Buffer.from('sub-1'),
    value: Buffer.from('{"a":1}'),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, [Buffer.from(text)]])),
    ...over,
  };
}

function start(record: KafkaRecord, endpoints: readonly Endpoint[] = [endpoint('a'), endpoint('b')]) {
  const index = new EndpointIndex();
  for (const one of endpoints) index.put(one);
  const appender = new HeldAppender();
  const seen = { acks: 0, done: [] as string[], fatal: [] as unknown[], settled: false };
  const deps: ConvergeDeps = {
    appender,
    topics,
    partitions: 4,
    context: () => ({ environment: 'live', mappings: new Map(), endpoints: index, nowMs: 1_900_000_000_000 }),
    onDone: (plan) => seen.done.push(`${plan.kind} after ${seen.acks} acks`),
    onFatal: (error) => seen.fatal.push(error),
  };
  void converge(record, () => seen.acks++, deps).then(() => (seen.settled = true));
  return { appender, seen };
}

const auditOf = (appender: HeldAppender) => {
  const decoded = decodeAudit(appender.of(topics.audit)[0]!.value as Buffer);
  return decoded.ok ? decoded.value : undefined;
};

describe('converge', () => {
  it('acknowledges an event when its dispatches and its trace are all in Kafka, and not before', async () => {
    const { appender, seen } = start(event());
    await settle();
    expect(seen.acks).toBe(0);
    appender.acknowledge(topics.dispatches);
    await settle();
    expect(seen).toMatchObject({ acks: 0, settled: false });
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['accepted after 1 acks'], fatal: [], settled: true });
  });

  it('sends each dispatch to the partition of its endpoint, and the trace to that of the event', async () => {
    const { appender } = start(event());
    const dispatches = appender.of(topics.dispatches);
    expect(dispatches.map(({ key, partition, value }) => [key, partition, String(value)])).toEqual([
      ['a', partitionOf('a', 4), '{"a":1}'],
      ['b', partitionOf('b', 4), '{"a":1}'],
    ]);
    expect(appender.of(topics.audit).map(({ key, partition }) => [String(key), partition])).toEqual([['sub-1', 2]]);
    expect(auditOf(appender)).toMatchObject({ type: 'EventAccepted', origin: 'live.events/6/42' });
    expect(appender.of(topics.rejected)).toEqual([]);
  });

  it('leaves one trace of an event that nobody takes, and nothing else', async () => {
    const { appender, seen } = start(event(), []);
    expect(appender.records.map((record) => record.topic)).toEqual([topics.audit]);
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['unmatched after 1 acks'] });
  });

  it('keeps what it rejects, byte for byte with its headers and the reason, and waits for it', async () => {
    const { appender, seen } = start(event({ value: Buffer.from([0, 1, 2]) }));
    const [rejected] = appender.of(topics.rejected);
    expect(rejected).toMatchObject({ partition: 2, key: Buffer.from('sub-1'), value: Buffer.from([0, 1, 2]) });
    expect(rejected?.headers).toMatchObject({
      'x-own': [Buffer.from('kept')],
      'pr-reason': 'registry-not-configured',
      'pr-origin': 'live.events/6/42',
    });
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen.acks).toBe(0);
    appender.acknowledge(topics.rejected);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['rejected after 1 acks'] });
  });

  it('rejects a tombstone as one', () => {
    const { appender } = start(event({ value: null }));
    expect(appender.of(topics.rejected)[0]).toMatchObject({ value: null, headers: { 'pr-reason': 'empty' } });
  });

  it('keeps the place of a rejected record that is too large to be kept', async () => {
    const { appender, seen } = start(event({ value: Buffer.alloc(2_000_000, 0x20) }));
    appender.fail(topics.rejected, new KafkaError('record-too-large', 'too large'));
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen.acks).toBe(0);
    expect(appender.of(topics.rejected)[1]).toEqual({
      topic: topics.rejected,
      partition: 2,
      key: null,
      value: null,
      headers: { 'pr-reason': 'too-large', 'pr-origin': 'live.events/6/42', 'pr-truncated': 'true' },
    });
    appender.acknowledge(topics.rejected);
    await settle();
    expect(seen).toMatchObject({ acks: 1, fatal: [] });
  });

  it('does not let a giant key into the trace, which must be written', () => {
    const { appender } = start(event({ key: Buffer.alloc(keyBytesMax + 1) }));
    expect(auditOf(appender)).toMatchObject({ type: 'EventRejected', reason: 'too-large' });
    expect(appender.of(topics.audit)[0]?.key).toBeNull();
  });

  it('rejects an event beside telling those endpoints that can be told', async () => {
    const { appender, seen } = start(event(), [endpoint('a'), endpoint('b', { profile: 'of-next-year' })]);
    expect(appender.of(topics.dispatches)).toHaveLength(1);
    expect(appender.of(topics.rejected)[0]?.headers).toMatchObject({ 'pr-reason': 'profile:unknown' });
    appender.acknowledge(topics.dispatches);
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen.acks).toBe(0);
    appender.acknowledge(topics.rejected);
    await settle();
    expect(seen.acks).toBe(1);
  });

  it.each([topics.dispatches, topics.audit])(
    'acknowledges nothing when an append to %s fails for good',
    async (topic) => {
      const { appender, seen } = start(event());
      appender.fail(topic, new KafkaError('not-authorized', 'no'));
      for (const other of [topics.dispatches, topics.audit]) appender.acknowledge(other);
      await settle();
      expect(seen).toMatchObject({ acks: 0, done: [], settled: true });
      expect(seen.fatal).toHaveLength(1);
    },
  );

  it('acknowledges nothing when a rejected record cannot be written for another reason than its size', async () => {
    const { appender, seen } = start(event({ value: null }));
    appender.fail(topics.rejected, new KafkaError('not-authorized', 'no'));
    appender.acknowledge(topics.audit);
    await settle();
    expect(seen).toMatchObject({ acks: 0 });
    expect(seen.fatal).toHaveLength(1);
  });
});
