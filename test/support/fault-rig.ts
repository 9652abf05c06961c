// One environment in which a single service is a process that dies or stands still, and the others run in this process. Four
// endpoints take four ways to the end: delivered at once, after a retry, never (a dead letter), and a call that is answered.
// What is expected is computed from the receiver's own count and from the log as it stood when the process died.

import { randomBytes, randomUUID } from 'node:crypto';
import {
  decodeAudit,
  decodeReply,
  dispatchIdOf,
  partitionOf,
  type AttemptSettled,
  type DispatchEnded,
} from '@postrider/core/contracts';
import type { EndpointId, EventId } from '@postrider/core/domain';
import { createPublisher } from '@postrider/publisher';
import { createLocalCa, startReceiver, type Behaviour, type Receiver } from '@postrider/dev-stack';
import { headerText, type KafkaRecord } from '@postrider/kafka';
import { migrate, openAuditReads, openDatabase, type AuditReads } from '@postrider/postgres';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { createTestPostrider, testEndpoint, type ServiceName, type TestPostrider } from './postrider.ts';
import { expelMember } from './raw-kafka.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';
import { createTestDatabase, testBrokers, testPrefix } from './stack.ts';

const host = 'hooks.postrider.example';
const tiers = '500ms,2s';
const source = '/test';
const partitions = 4;
const callKey = randomBytes(32).toString('hex');
/** One transaction for all calls, so that the receiver's answer can be written down beforehand. */
const transaction = '5f9d0c3e-8a1b-4c2d-9e3f-000000000001';
const callBody = Buffer.from(
  `{"transaction_id":"${transaction}","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{"id":""},` +
    `"transfer_state":"STARTED","payload":{"identity":{"n":1},"transaction":{"amount":1.50},"sent_at":"x"}}`,
);
const answering: Behaviour = {
  kind: 'status',
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: `{"transaction_id":"${transaction}","transfer_action":"ACCEPTED","payload":{"identity":{"n":1},"transaction":{"amount":1.50}}}`,
};
const deadlineMs = 120_000;
const services: readonly ServiceName[] = ['audit-projector', 'retry-scheduler', 'dispatch', 'convergence'];

/** How a dispatch of one endpoint goes, undisturbed. */
export interface Way {
  readonly attempts: number;
  readonly ends: 'delivered' | 'dead';
  readonly behaviour?: Behaviour;
  readonly delaysMs?: readonly number[];
  /** Request/reply. */
  readonly isCall?: boolean;
}

export const fourWays = {
  ok: { attempts: 1, ends: 'delivered' },
  flaky: { attempts: 2, ends: 'delivered', behaviour: { kind: 'fail-then-ok', times: 1 } },
  broken: { attempts: 2, ends: 'dead', behaviour: { kind: 'status', status: 500 } },
  call: { attempts: 1, ends: 'delivered', isCall: true },
} as const satisfies Record<string, Way>;

/** One endpoint for each of the four partitions, all of them alike. */
export function wayPerPartition(name: string, way: Way): Record<string, Way> {
  const ids = new Map<number, string>();
  for (let n = 0; ids.size < partitions; n++) {
    const partition = partitionOf(`${name}-${n}`, partitions);
    if (!ids.has(partition)) ids.set(partition, `${name}-${n}`);
  }
  return Object.fromEntries([...ids.values()].map((id) => [id, way]));
}

export interface FaultRigOptions {
  /** Different for each rig of a run. */
  readonly name: string;
  /** The services that are processes here; the others run in this one. */
  readonly hurt: readonly ServiceName[];
  /** Endpoints by id; default: the four ways. */
  readonly ways?: Readonly<Record<string, Way>>;
  /** Of each endpoint; default 16. */
  readonly concurrency?: number;
}

export interface Told {
  readonly way: string;
  readonly dispatch: string;
  readonly event: string;
  readonly correlation: string | undefined;
}

/** What the log says of one dispatch: settlements by attempt, the first one of each, and how it ended first. */
export interface Story {
  readonly attempts: Map<string, AttemptSettled | DispatchEnded>;
  terminal: string | undefined;
}

/** What stood where at one moment: POSTs by dispatch, and the log. */
export interface Moment {
  readonly posts: ReadonlyMap<string, number>;
  readonly log: ReadonlyMap<string, Story>;
}

export interface FaultRig {
  readonly postrider: TestPostrider;
  readonly receiver: Receiver;
  readonly reads: AuditReads;
  /** Publishes `each` events for each of these ways, or all; nothing is waited for but the broker. */
  publish(each: number, ways?: readonly string[]): Promise<Told[]>;
  /** A process of the (first) service that is hurt; killed with the rig if not before. */
  spawn(env?: Readonly<Record<string, string>>, service?: ServiceName): ServiceProcess;
  /** Waits until the process has died at its crash point, and takes it out of its group as the end of its session would. */
  died(process: ServiceProcess): Promise<Moment>;
  now(): Promise<Moment>;
  /** POSTs so far, by dispatch. */
  posts(): ReadonlyMap<string, number>;
  /** Waits until the group of the hurt service has so many members. */
  joined(members?: number, service?: ServiceName): Promise<void>;
  /** Takes the member that joined first out of the group of the hurt service, as the end of its session would. */
  expel(): Promise<void>;
  /** Waits until the coordinator has given up somebody of the hurt service's group, and so many are left. */
  expelled(left: number): Promise<void>;
  /** Waits until all that was ever published has ended, in the log and in the tables. */
  settled(timeoutMs?: number): Promise<void>;
  /**
   * Of everything published: one end each, as expected, and no retry early; the dead, and nobody else, are in the dead letter queue; a call has one
   * answer; the tables tell each once. And of POSTs exactly as many as there are attempts, and one more for each attempt
   * that had been made and was in no log at one of these moments.
   */
  expectOneEnd(deaths: readonly Moment[]): Promise<void>;
  /** Offsets that the group of the hurt service has committed, by `topic/partition`. */
  committed(): Promise<Map<string, number>>;
  close(): Promise<void>;
}

export async function startFaultRig({
  name,
  hurt,
  ways = fourWays,
  concurrency = 16,
}: FaultRigOptions): Promise<FaultRig> {
  const closers: (() => Promise<unknown>)[] = [];
  const brokers = testBrokers();
  const environment = testPrefix(`fault${name}`);
  const wayNames = Object.keys(ways);
  const victim = hurt[0]!;
  const ca = await createLocalCa();
  const counts = new Map<string, number>();
  const receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    record: 'headers',
    routes: Object.fromEntries(
      Object.entries(ways).map(([id, { behaviour, isCall = false }]) => [
        `/${id}`,
        isCall ? answering : (behaviour ?? ({ kind: 'ok' } as const)),
      ]),
    ),
    onRequest: ({ id = '' }) => counts.set(id, (counts.get(id) ?? 0) + 1),
  });
  closers.push(() => receiver.close());
  const postgresUrl = await createTestDatabase(`fault${name}`);
  await migrate(postgresUrl);
  const database = openDatabase({ url: postgresUrl, connectionsMax: 2 });
  closers.push(() => database.close());
  const reads = openAuditReads(database, environment);
  const postrider = createTestPostrider({
    brokers,
    postgresUrl,
    environment,
    tiers,
    allowHosts: [`${host}=127.0.0.1`],
    env: { ENVOY_KEY: callKey },
  });
  closers.push(() => postrider.stop());
  await postrider.applyTopics();
  await postrider.putEndpoints(
    Object.entries(ways).map(([id, { delaysMs = [200], isCall = false }]) =>
      testEndpoint({
        id,
        environment,
        url: receiver.url(`/${id}`, host),
        eventTypes: [`to.${id}`],
        tls: { ca: ca.caPem },
        timeoutMs: 30_000,
        concurrency,
        retry: { kind: 'delays', delaysMs },
        ...(isCall
          ? {
              profile: 'envoy',
              profileOptions: { dispatchIdHeader: true },
              retry: { kind: 'named', name: 'none' },
              secrets: [{ id: '01JTRAVELRULE0000000000000', purpose: 'signing', ref: 'env:ENVOY_KEY' }],
            }
          : {}),
      }),
    ),
  );
  const publisher = createPublisher(postrider.cluster, { topic: `${environment}.events`, source });
  closers.push(() => publisher.close());
  await postrider.start(services.filter((service) => !hurt.includes(service)));
  await postrider.ready(30_000);

  const env = {
    POSTRIDER_ENVIRONMENT: environment,
    POSTRIDER_KAFKA_BROKERS: brokers.join(','),
    POSTRIDER_POSTGRES_URL: postgresUrl,
    POSTRIDER_RETRY_TIERS: tiers,
    POSTRIDER_TOPICS_PARTITIONS: String(partitions),
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    POSTRIDER_LOG_LEVEL: 'info',
    ENVOY_KEY: callKey,
  };
  const groupOf = (service: ServiceName): string => `${environment}.${service}`;
  const admin = postrider.cluster.admin();
  const all: Told[] = [];
  let firstMember: string | undefined;

  const scan = (topic: string, onRecord: (record: KafkaRecord) => void): Promise<unknown> =>
    postrider.cluster.scan({ topic, from: 'earliest', timeoutMs: 20_000, onRecord });

  const readLog = async (): Promise<Map<string, Story>> => {
    const stories = new Map<string, Story>();
    await scan(postrider.topics.attempts, ({ value }) => {
      const decoded = decodeAudit(value);
      if (!decoded.ok) return;
      const record = decoded.value;
      if (record.type !== 'AttemptSettled' && record.type !== 'DispatchEnded') return;
      const story = stories.get(record.dispatch) ?? { attempts: new Map(), terminal: undefined };
      stories.set(record.dispatch, story);
      // The first one is the truth; later ones are copies.
      if (story.attempts.has(record.attemptId)) return;
      story.attempts.set(record.attemptId, record);
      if (record.disposition.kind !== 'retry') story.terminal ??= record.disposition.kind;
    });
    return stories;
  };
  const now = async (): Promise<Moment> => ({ posts: new Map(counts), log: await readLog() });

  /** POSTs of a dispatch that no settlement tells of. */
  const unknown = ({ posts, log }: Moment, dispatch: string): number => {
    const settled = [...(log.get(dispatch)?.attempts.values() ?? [])].filter(({ type }) => type === 'AttemptSettled');
    return Math.max(0, (posts.get(dispatch) ?? 0) - settled.length);
  };

  return {
    postrider,
    receiver,
    reads,
    now,
    posts: () => counts,
    async publish(each, to = wayNames) {
      const told: Told[] = [];
      for (let i = 0; i < each; i++) {
        for (const way of to) {
          const event = `e${all.length + told.length}`;
          const ids = { environment, source, eventId: event as EventId, endpointId: way as EndpointId };
          const correlation = ways[way]!.isCall === true ? randomUUID() : undefined;
          told.push({ way, event, dispatch: dispatchIdOf(ids), correlation });
        }
      }
      all.push(...told);
      const deadline = new Date(Date.now() + deadlineMs).toISOString();
      await Promise.all(
        told.map(({ way, event, correlation }) =>
          publisher.publish({
            id: event,
            type: `to.${way}`,
            project: 'acme',
            ...(correlation === undefined
              ? { data: { event } }
              : { data: callBody, extensions: { correlationid: correlation, deadline } }),
          }),
        ),
      );
      return told;
    },
    spawn(more = {}, service = victim) {
      const process = startServiceProcess(service, { ...env, ...more });
      closers.push(() => process.kill());
      return process;
    },
    async died(process) {
      await eventually(
        async () => process.ended(),
        (end) => end !== undefined,
        30_000,
        10,
      );
      if (process.ended() !== 'SIGKILL') throw new Error(`ended by itself: ${process.log()}`);
      const group = groupOf(victim);
      for (const { memberId } of (await admin.describeGroup(group)).members)
        await expelMember(brokers[0]!, group, memberId);
      return now();
    },
    async joined(members = 1, service = victim) {
      const seen = await eventually(
        () => admin.describeGroup(groupOf(service)),
        (seen) => seen.state === 'Stable' && seen.members.length === members,
        30_000,
      );
      if (service === victim) firstMember ??= seen.members[0]?.memberId;
    },
    async expel() {
      const { members } = await admin.describeGroup(groupOf(victim));
      const first = members.find(({ memberId }) => memberId === firstMember);
      if (!first) throw new Error('the first member has left by itself');
      await expelMember(brokers[0]!, groupOf(victim), first.memberId);
    },
    async expelled(left) {
      await eventually(
        () => admin.describeGroup(groupOf(victim)),
        (seen) => seen.state === 'Stable' && seen.members.length === left,
        20_000,
        20,
      );
    },
    async settled(timeoutMs = 30_000) {
      await eventually(
        () => reads.totals(),
        ({ deliveries: { delivered, dead, suppressed } }) => delivered + dead + suppressed >= all.length,
        timeoutMs,
      );
    },
    async expectOneEnd(deaths) {
      const { posts, log } = await now();
      const seen = all.map(({ way, event, dispatch }) => {
        const lost = Math.max(0, ...deaths.map((death) => unknown(death, dispatch)));
        const story = log.get(dispatch);
        return {
          way,
          event,
          lost,
          ends: story?.terminal,
          attempts: story?.attempts.size,
          posts: posts.get(dispatch) ?? 0,
        };
      });
      expect(seen).toEqual(
        seen.map(({ way, event, lost, posts: made, attempts: found }) => {
          const { attempts, ends, behaviour, isCall = false } = ways[way]!;
          // A call of unknown outcome is answered so, and never made again.
          if (isCall && (lost > 0 || made === 0))
            return { way, event, lost, ends: 'suppressed', attempts: 1, posts: lost };
          // The receiver fails the first POST: when nobody saw that, the second one succeeds as the same attempt.
          const unseen = behaviour?.kind === 'fail-then-ok' && lost > 0 && found === 1;
          const settled = unseen ? 1 : attempts;
          return { way, event, lost, ends, attempts: settled, posts: settled + lost };
        }),
      );

      const early = [...log.values()].flatMap(({ attempts }) =>
        [...attempts.values()].flatMap((record, i, list) => {
          const next = list[i + 1];
          if (record.disposition.kind !== 'retry' || next?.type !== 'AttemptSettled') return [];
          return Date.parse(next.startedAt) < record.disposition.dueMs ? [next.attemptId] : [];
        }),
      );
      expect(early).toEqual([]);

      const dead = new Set<string>();
      await scan(postrider.topics.dlq, ({ headers }) => dead.add(headerText(headers, 'pr-dispatch') ?? ''));
      expect([...dead].toSorted()).toEqual(
        all
          .filter(({ way }) => way === 'broken')
          .map(({ dispatch }) => dispatch)
          .toSorted(),
      );

      const answers = new Map<string, Set<string>>();
      await scan(postrider.topics.replies, ({ value }) => {
        const reply = decodeReply(value);
        if (!reply) return;
        const texts = answers.get(reply.correlationId) ?? new Set();
        answers.set(reply.correlationId, texts.add(String(value)));
      });
      const asked = all.flatMap(({ correlation }) => correlation ?? []);
      expect(asked.map((correlation) => answers.get(correlation)?.size)).toEqual(asked.map(() => 1));

      const ends = (kind: string): number => seen.filter((one) => one.ends === kind).length;
      const { deliveries } = await reads.totals();
      expect(deliveries).toEqual({
        delivered: ends('delivered'),
        dead: ends('dead'),
        suppressed: ends('suppressed'),
        pending: 0,
        retrying: 0,
        deferred: 0,
      });
      expect(await reads.dailyCounts()).toEqual(await reads.recount());
    },
    async committed() {
      const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${environment}.`));
      const rows = await admin.committed(groupOf(victim), topics);
      return new Map(rows.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
    },
    async close() {
      for (const closer of closers.splice(0).toReversed()) await closer().catch(() => undefined);
    },
  };
}
