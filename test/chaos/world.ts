// One environment on the shared ground: its topics, its tables, its endpoints, and a slot for each service process.

import { join } from 'node:path';
import { mkdir, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { encodeEndpoint, topicNames, topicTable, type TopicNames } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { pickPorts } from '@postrider/dev-stack';
import type { Appender } from '@postrider/kafka';
import { migrate, openDatabase, type Database } from '@postrider/postgres';
import { systemClock } from '@postrider/runtime';
import { testEndpoint } from '../support/postrider.ts';
import { withSourceEdits, type SourceEdit } from '../support/source-edits.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { EndpointEdit } from './fault.ts';
import { chaosFolder, receiverHost, type Ground } from './ground.ts';
import { Timeline } from './interruption.ts';
import { hungType } from './load.ts';
import { endpointConcurrency, partitionCount, pollMs, retryTiers } from './limits.ts';
import { endpointsOf, type ChaosPlan } from './plan.ts';
import type { AnswerMix } from './receiver-answers.ts';
import type { ReceiverRun } from './receiver-process.ts';
import { pause, ServiceSlot } from './service-slot.ts';
import { isDispatch, receiverAddress, slots, type Slot } from './slots.ts';

export interface World {
  readonly plan: ChaosPlan;
  readonly ground: Ground;
  readonly environment: string;
  readonly topics: TopicNames;
  readonly eventsTopic: string;
  readonly folder: string;
  readonly journalPath: string;
  readonly database: Database;
  /** Straight to the server. */
  readonly databaseUrl: string;
  readonly postgresProxy: TcpProxy;
  readonly appender: Appender;
  readonly timeline: Timeline;
  readonly slots: ReadonlyMap<Slot, ServiceSlot>;
  /** Ends of processes that were wrong. */
  readonly badEnds: string[];
  /** What was changed of endpoints, and when. */
  readonly edits: { readonly endpoint: string; readonly change: EndpointEdit; readonly atMs: number }[];
  slot(name: Slot): ServiceSlot;
  /** Publishes the next version of an endpoint, or its tombstone. */
  putEndpoint(id: string, change: Partial<Endpoint> | 'delete'): Promise<void>;
  /** Resolves when all these say that they are ready. @throws after `timeoutMs` */
  ready(names: readonly Slot[], timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(ground: Ground, plan: ChaosPlan, edits: readonly SourceEdit[] = []): Promise<World> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer().catch(() => undefined);
  };
  try {
    return await assemble(ground, plan, edits, { closers, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  ground: Ground,
  plan: ChaosPlan,
  edits: readonly SourceEdit[],
  { closers, close }: { closers: (() => Promise<unknown>)[]; close: () => Promise<void> },
): Promise<World> {
  const environment = `chaos${plan.seed}`;
  const eventsTopic = `${environment}.events`;
  const topics = topicNames(environment);
  const folder = join(chaosFolder, plan.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const journalPath = join(folder, 'journal.ndjson');
  await ground.cluster.admin().applyTopics(topicTable(topicSettings(environment, plan.brokers)));

  const databaseUrl = await ground.stack.createDatabase(environment);
  await migrate(databaseUrl);
  const database = openDatabase({ url: databaseUrl, connectionsMax: 2 });
  closers.push(() => database.close());
  const place = new URL(databaseUrl);
  const postgresProxy = await startTcpProxy({ target: { host: place.hostname, port: Number(place.port) } });
  closers.push(() => postgresProxy.stop());
  place.port = String(postgresProxy.port);

  const appender = ground.cluster.openAppender();
  closers.push(() => appender.close());
  const endpoints = new Map<string, Endpoint | undefined>();
  const put = async (id: string, next: Endpoint | undefined): Promise<void> => {
    endpoints.set(id, next);
    await appender.append({
      topic: topics.endpoints,
      partition: 0,
      key: id,
      value: next ? encodeEndpoint(next) : null,
    });
  };
  const mixes: Record<string, AnswerMix> = {};
  for (const { id, mix, breaker, delaysMs, timeoutMs } of endpointsOf(plan)) {
    mixes[pathOf(id, 'first')] = mix;
    mixes[pathOf(id, 'moved')] = mix;
    await put(
      id,
      testEndpoint({
        id,
        environment,
        url: urlOf(ground, id, 'first'),
        eventTypes: typesOf(plan, id),
        tls: { ca: ground.caPem },
        retry: { kind: 'delays', delaysMs },
        timeoutMs,
        concurrency: endpointConcurrency,
        breaker: breaker ? { kind: 'on', failures: 4, openMs: 500, openMsMax: 1_000, probes: 2 } : { kind: 'off' },
      }),
    );
  }
  const run: ReceiverRun = { seed: plan.seed, journal: journalPath, mixes };
  await ground.receiver.ask('begin', run);

  const timeline = new Timeline(systemClock.now);
  const ports = await pickPorts(slots.length);
  const opened = new Map<Slot, ServiceSlot>();
  for (const [index, slot] of slots.entries()) {
    const service = await ServiceSlot.open({
      slot,
      brokers: ground.stack.kafka.brokers,
      seed: plan.seed + index,
      healthPort: ports[index]!,
      timeline,
      logPath: join(folder, `${slot}.log`),
      env: {
        POSTRIDER_ENVIRONMENT: environment,
        POSTRIDER_POSTGRES_URL: place.href,
        POSTRIDER_RETRY_TIERS: retryTiers,
        POSTRIDER_TOPICS_PARTITIONS: String(partitionCount),
        POSTRIDER_EGRESS_ALLOW_HOSTS: `${receiverHost}=${isDispatch(slot) ? receiverAddress(slot) : '127.0.0.1'}`,
        POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
        POSTRIDER_LOG_LEVEL: 'info',
        ...nodeEnvironment(plan.clockOffsetsMs[slot], edits),
      },
    });
    closers.push(() => service.close());
    opened.set(slot, service);
  }

  const world: World = {
    plan,
    ground,
    environment,
    topics,
    eventsTopic,
    folder,
    journalPath,
    database,
    databaseUrl,
    postgresProxy,
    appender,
    timeline,
    slots: opened,
    badEnds: [],
    edits: [],
    slot: (name) => opened.get(name)!,
    async putEndpoint(id, change) {
      const before = endpoints.get(id);
      if (before === undefined) return;
      await put(id, change === 'delete' ? undefined : { ...before, ...change, version: before.version + 1 });
    },
    async ready(names, timeoutMs) {
      const until = performance.now() + timeoutMs;
      for (;;) {
        const answers = await Promise.all(names.map((name) => opened.get(name)!.ready()));
        const late = names.filter((_, index) => !answers[index]);
        if (late.length === 0) return;
        const ended = late.flatMap((name) => opened.get(name)!.unasked());
        if (ended.length > 0 || performance.now() > until)
          throw new Error(`not ready after ${timeoutMs} ms: ${late.join(', ')}\n${ended.join('\n')}`);
        await pause(pollMs);
      }
    },
    close,
  };
  return world;
}

function topicSettings(environment: string, brokers: 1 | 3): Parameters<typeof topicTable>[0] {
  return {
    environment,
    partitions: partitionCount,
    replicationFactor: brokers,
    minInsyncReplicas: brokers === 3 ? 2 : 1,
    tiers: [
      { name: '500ms', delayMs: 500 },
      { name: '2s', delayMs: 2_000 },
    ],
    eventTopics: [`${environment}.events`],
    eventPartitions: partitionCount,
  };
}

function pathOf(endpoint: string, where: 'first' | 'moved'): string {
  return where === 'first' ? `/${endpoint}` : `/${endpoint}/moved`;
}

export function urlOf({ receiverPort }: Ground, endpoint: string, where: 'first' | 'moved'): string {
  return `https://${receiverHost}:${receiverPort}${pathOf(endpoint, where)}`;
}

/** Each event goes to two endpoints: its own and the one before. One that hangs has events of its own. */
export function typesOf({ endpoints, calm }: Pick<ChaosPlan, 'endpoints' | 'calm'>, id: string): string[] {
  if (id === calm?.hung.id) return [hungType];
  const at = endpoints.findIndex((endpoint) => endpoint.id === id);
  return [`to.${at}`, `to.${(at + 1) % endpoints.length}`];
}

function nodeEnvironment(offsetMs: number | undefined, edits: readonly SourceEdit[]): Record<string, string> {
  const edited = edits.length === 0 ? {} : withSourceEdits(edits);
  if (offsetMs === undefined) return edited;
  const preload = pathToFileURL(join(import.meta.dirname, '..', 'support', 'clock-offset.ts')).href;
  return {
    ...edited,
    TEST_CLOCK_OFFSET_MS: String(offsetMs),
    NODE_OPTIONS: `--import=${preload} ${edited['NODE_OPTIONS'] ?? ''}`.trim(),
  };
}
