import { decodeAudit, partitionOf, sha256Hex, topicNames, type EventAccepted } from '@postrider/core/contracts';
import { EndpointIndex, type Endpoint } from '@postrider/core/domain';
import { KafkaError, type AppendRecord, type KafkaRecord } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { converge, type ConvergeDeps } from './converge.ts';
import { keyBytesMax } from './limits.ts';
import type { EventTrace } from './traces.ts';

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

/** Plain JSON of a topic with a mapping. */
const mapped = (over: Partial<KafkaRecord> = {}): KafkaRecord =>
  event({ value: Buffer.from('{"id":"evt-2","type":"t","project":"acme"}'), headers: new Map(), ...over });
const mapping = { topic: 'live.events', id: '/id', type: '/type', project: '/project' };
const mappings = new Map([['live.events', mapping]]);
const recordedMs = Date.parse('2026-01-02T03:04:05.600Z');

function start(
  record: KafkaRecord,
  endpoints: readonly Endpoint[] = [endpoint('a'), endpoint('b')],
  earlier: EventTrace | readonly EventTrace[] = [],
  ours: boolean | Promise<boolean> = true,
) {
  const index = new EndpointIndex();
  for (const one of endpoints) index.put(one);
  const appender = new HeldAppender();
  const seen = { acks: 0, done: [] as string[], fatal: [] as unknown[], settled: false };
  const deps: ConvergeDeps = {
    appender,
    topics,
    partitions: 4,
    context: () => ({ environment: 'live', mappings, endpoints: index, nowMs: 1_900_000_000_000 }),
    isOurs: () => ours,
    onDone: (plan) => seen.done.push(`${plan.kind} after ${seen.acks} acks`),
    traces: {
      take: () => [earlier].flat(),
      tracing: () => undefined,
      traced: () => undefined,
      partitionOf: (partition) => partition % 4,
    },
    onRepeated: (trace, changed) => seen.done.push(`repeated ${trace.type} ${changed.join()}`),
    onFatal: (error) => seen.fatal.push(error),
  };
  const { topic, partition } = record;
  void converge(record, () => seen.acks++, { topic, partition, owned: () => true, open: () => 1 }, deps).then(
    () => (seen.settled = true),
  );
  return { appender, seen };
}

const auditOf = (appender: HeldAppender) => {
  const decoded = decodeAudit(appender.of(topics.audit)[0]!.value as Buffer);
  return decoded.ok ? decoded.value : undefined;
};

describe('converge', () => {
  it('writes the trace, then the dispatches that it promises, and only then acknowledges', async () => {
    const { appender, seen } = start(event());
    await settle();
    expect(appender.records.map(({ topic }) => topic)).toEqual([topics.audit]);
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.dispatches)).toHaveLength(2);
    expect(seen).toMatchObject({ acks: 0, settled: false });
    appender.acknowledge(topics.dispatches);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['accepted after 1 acks'], fatal: [], settled: true });
  });

  it('sends each dispatch to the partition of its endpoint, and the trace to that of the event', async () => {
    const { appender } = start(event());
    expect(appender.of(topics.audit).map(({ key, partition }) => [String(key), partition])).toEqual([['sub-1', 2]]);
    expect(auditOf(appender)).toMatchObject({ type: 'EventAccepted', origin: 'live.events/6/42' });
    appender.acknowledge(topics.audit);
    await settle();
    const dispatches = appender.of(topics.dispatches);
    expect(dispatches.map(({ key, partition, value }) => [key, partition, String(value)])).toEqual([
      ['a', partitionOf('a', 4), '{"a":1}'],
      ['b', partitionOf('b', 4), '{"a":1}'],
    ]);
    expect(appender.of(topics.rejected)).toEqual([]);
  });

  it('follows no trace of an event that became somebody else\u2019s: theirs may stand before it', async () => {
    const standing = Promise.withResolvers<boolean>();
    const { appender, seen } = start(event(), undefined, undefined, standing.promise);
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.dispatches)).toEqual([]);
    standing.resolve(false);
    await settle();
    expect(appender.of(topics.dispatches)).toEqual([]);
    expect(seen).toMatchObject({ acks: 0, done: [], fatal: [], settled: true });
  });

  it('follows its trace as soon as it is known that the event is still its own', async () => {
    const { appender } = start(event(), undefined, undefined, Promise.resolve(true));
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.dispatches)).toHaveLength(2);
  });

  it('rejects an event with more endpoints than a trace holds: nobody is told, and the others go on', async () => {
    const { appender, seen } = start(event());
    appender.fail(topics.audit, new KafkaError('record-too-large', 'refused'));
    await settle();
    expect(appender.of(topics.dispatches)).toEqual([]);
    const decoded = decodeAudit(appender.of(topics.audit)[1]!.value as Buffer);
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        type: 'EventRejected',
        reason: 'too-many-endpoints',
        origin: 'live.events/6/42',
        event: 'evt-1',
        detail: '2 endpoints',
      },
    });
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.rejected)).toHaveLength(1);
    appender.acknowledge(topics.rejected);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['rejected after 1 acks'], fatal: [] });
  });

  it('does not go on when not even a rejection fits', async () => {
    const { appender, seen } = start(event({ value: null }));
    appender.fail(topics.audit, new KafkaError('record-too-large', 'refused'));
    await settle();
    expect(seen).toMatchObject({ acks: 0, done: [], fatal: [{ code: 'record-too-large' }] });
  });

  describe('of an event that was traced before', () => {
    const accepted = (endpoints: readonly string[], bodyDigest = sha256Hex(Buffer.from('{"a":1}'))): EventTrace => ({
      type: 'EventAccepted',
      origin: 'live.events/6/42' as EventTrace['origin'],
      at: '2026-01-02T03:04:05.678Z',
      source: '/s',
      event: 'evt-1' as never,
      eventType: 't',
      project: 'acme' as never,
      dispatches: endpoints.map((id) => ({ endpoint: id as never, dispatch: 'dsp_x' as never, bodyDigest })),
    });
    const headersOf = (record: AppendRecord) => record.headers as Record<string, string>;

    it('writes what the trace promised, as of then, and no second trace', async () => {
      // `a` unsubscribed meanwhile, `c` subscribed: neither changes what was promised.
      const { appender, seen } = start(
        event(),
        [endpoint('a', { eventTypes: ['other'] }), endpoint('b'), endpoint('c')],
        // The older one is of a record that stood there before.
        [{ ...accepted(['c']), event: 'evt-0' } as EventTrace, accepted(['a', 'b'])],
      );
      await settle();
      expect(appender.of(topics.audit)).toEqual([]);
      expect(appender.of(topics.dispatches).map(({ key }) => key)).toEqual(['a', 'b']);
      expect(headersOf(appender.of(topics.dispatches)[0]!)['pr-created']).toBe(
        String(Date.parse('2026-01-02T03:04:05.678Z')),
      );
      expect(seen.acks).toBe(0);
      appender.acknowledge(topics.dispatches);
      await settle();
      expect(seen).toMatchObject({ acks: 1, done: ['repeated EventAccepted '] });
    });

    it('never sends another body under the same id: the dispatch must end, and it is told', async () => {
      const { appender, seen } = start(event(), [endpoint('a'), endpoint('b')], accepted(['a'], 'another digest'));
      await settle();
      expect(headersOf(appender.of(topics.dispatches)[0]!)['pr-must-end']).toBe('invalid-configuration');
      expect(seen.done).toEqual(['repeated EventAccepted a']);
    });

    it.each([
      ['is read no more', event({ value: Buffer.from([0, 1, 2]), timestamp: recordedMs })],
      ['is another event by now', mapped({ timestamp: recordedMs })],
    ])('ends what was promised of a record that %s, under its own id', async (_what, record) => {
      const { appender, seen } = start(record, [endpoint('a')], accepted(['a'], 'digest of then'));
      await settle();
      expect(headersOf(appender.of(topics.dispatches)[0]!)).toMatchObject({
        'pr-event-id': 'evt-1',
        'pr-event-type': 't',
        'pr-must-end': 'invalid-configuration',
      });
      expect(seen.done).toEqual(['repeated EventAccepted a']);
    });

    it('is decided anew where it is another one: its topic was made anew, and what was traced there is gone', () => {
      const { appender } = start(mapped(), [endpoint('a')], accepted(['a']));
      expect(auditOf(appender)).toMatchObject({ event: 'evt-2' });
    });

    it('leaves it to dispatch to end what its endpoint was deleted for', async () => {
      const { appender } = start(event(), [endpoint('b')], accepted(['a']));
      await settle();
      expect(appender.of(topics.dispatches).map(({ key }) => key)).toEqual(['a']);
      expect(headersOf(appender.of(topics.dispatches)[0]!)['pr-must-end']).toBeUndefined();
    });

    it('ends it itself where the body cannot be built without the endpoint: it may be made again before that', async () => {
      const { appender } = start(event(), [endpoint('b')], accepted(['a'], 'digest of an envelope'));
      await settle();
      expect(headersOf(appender.of(topics.dispatches)[0]!)['pr-must-end']).toBe('endpoint-deleted');
    });

    it.each([
      ['was deleted', []],
      ['answers no calls any more', [endpoint('vasp')]],
    ])('a call stays a call, so that dispatch answers it, though its endpoint %s', async (_what, endpoints) => {
      const trace = accepted(['vasp']) as EventAccepted;
      const { appender } = start(event(), endpoints, {
        ...trace,
        dispatches: trace.dispatches.map((one) => ({ ...one, correlation: 'corr-1' })),
      });
      await settle();
      expect(headersOf(appender.of(topics.dispatches)[0]!)['pr-correlation']).toBe('corr-1');
    });

    it('keeps the rejected record once more, and nothing else', async () => {
      const trace: EventTrace = {
        type: 'EventRejected',
        origin: 'live.events/6/42' as EventTrace['origin'],
        at: '2026-01-02T03:04:05.678Z',
        reason: 'empty',
      };
      const { appender, seen } = start(event({ value: null, timestamp: recordedMs }), [], trace);
      expect(appender.records.map(({ topic }) => topic)).toEqual([topics.rejected]);
      appender.acknowledge(topics.rejected);
      await settle();
      expect(seen.acks).toBe(1);
    });
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
    appender.acknowledge(topics.audit);
    await settle();
    const [rejected] = appender.of(topics.rejected);
    expect(rejected).toMatchObject({ partition: 2, key: Buffer.from('sub-1'), value: Buffer.from([0, 1, 2]) });
    expect(rejected?.headers).toMatchObject({
      'x-own': [Buffer.from('kept')],
      'pr-reason': 'registry-not-configured',
      'pr-origin': 'live.events/6/42',
    });
    expect(seen.acks).toBe(0);
    appender.acknowledge(topics.rejected);
    await settle();
    expect(seen).toMatchObject({ acks: 1, done: ['rejected after 1 acks'] });
  });

  it('rejects a tombstone as one', async () => {
    const { appender } = start(event({ value: null }));
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.rejected)[0]).toMatchObject({ value: null, headers: { 'pr-reason': 'empty' } });
  });

  it('keeps the place of a rejected record that is too large to be kept', async () => {
    const { appender, seen } = start(event({ value: Buffer.alloc(2_000_000, 0x20) }));
    appender.acknowledge(topics.audit);
    await settle();
    appender.fail(topics.rejected, new KafkaError('record-too-large', 'too large'));
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
    appender.acknowledge(topics.audit);
    await settle();
    expect(appender.of(topics.dispatches)).toHaveLength(1);
    expect(appender.of(topics.rejected)[0]?.headers).toMatchObject({ 'pr-reason': 'profile:unknown' });
    appender.acknowledge(topics.dispatches);
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
      for (const step of [topics.audit, topics.dispatches]) {
        if (step === topic) appender.fail(topic, new KafkaError('not-authorized', 'no'));
        else appender.acknowledge(step);
        await settle();
      }
      expect(seen).toMatchObject({ acks: 0, done: [], settled: true });
      expect(seen.fatal).toHaveLength(1);
    },
  );

  it('acknowledges nothing when a rejected record cannot be written for another reason than its size', async () => {
    const { appender, seen } = start(event({ value: null }));
    appender.acknowledge(topics.audit);
    await settle();
    appender.fail(topics.rejected, new KafkaError('not-authorized', 'no'));
    await settle();
    expect(seen).toMatchObject({ acks: 0 });
    expect(seen.fatal).toHaveLength(1);
  });
});
