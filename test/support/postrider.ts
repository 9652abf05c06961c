// A whole Postrider in this process, for tests: topics made, endpoints published, all services running against the shared
// stack, with an environment of its own.

import { randomBytes } from 'node:crypto';
import { createAuditProjector, projectorRows } from '@postrider/audit-projector';
import { createConvergence, convergenceRows } from '@postrider/convergence';
import { encodeEndpoint, partitionOf, topicNames, topicTable, type TopicNames } from '@postrider/core/contracts';
import type { Endpoint, EndpointId, ProjectId } from '@postrider/core/domain';
import { createDispatch, dispatchRows } from '@postrider/dispatch';
import { openCluster, type Appender, type KafkaCluster } from '@postrider/kafka';
import { createRetryScheduler, retrySchedulerRows } from '@postrider/retry-scheduler';

import { guardOf } from './guarded-sender.ts';
import {
  commonRows,
  createLogger,
  createMetrics,
  createSecretSource,
  loadConfig,
  loopBusyShare,
  systemClock,
  systemRandom,
  systemTimers,
  type Metrics,
  type Service,
} from '@postrider/runtime';

export type ServiceName = 'convergence' | 'dispatch' | 'retry-scheduler' | 'audit-projector';

export interface TestPostriderOptions {
  readonly brokers: readonly string[];
  readonly postgresUrl: string;
  readonly environment: string;
  readonly tiers?: string;
  /** name=address */
  readonly allowHosts?: readonly string[];
  readonly set?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const rows = { ...commonRows, ...convergenceRows, ...dispatchRows, ...retrySchedulerRows, ...projectorRows };

export interface TestPostrider {
  readonly cluster: KafkaCluster;
  readonly topics: TopicNames;
  readonly metrics: Metrics;
  readonly appender: Appender;
  applyTopics(): Promise<void>;
  putEndpoints(endpoints: readonly Endpoint[]): Promise<void>;
  publish(events: readonly TestEvent[]): Promise<void>;
  start(names: readonly ServiceName[]): Promise<void>;
  stop(): Promise<void>;
  /** Waits until every started service says that it is ready. */
  ready(timeoutMs: number): Promise<void>;
}

export interface TestEvent {
  readonly id: string;
  readonly type: string;
  readonly project: string;
  readonly subject?: string;
  readonly data: unknown;
}

/** One service of a process of its own settings; nothing is started yet. */
export function createTestService(
  name: ServiceName,
  options: TestPostriderOptions,
  cluster: KafkaCluster,
  metrics: Metrics,
): Service {
  const loaded = loadConfig(rows, {
    env: {},
    flags: [
      `environment=${options.environment}`,
      `kafka.brokers=${options.brokers.join(',')}`,
      `topics.partitions=4`,
      ...(options.tiers ? [`retry.tiers=${options.tiers}`] : []),
      ...(options.set ?? []),
    ],
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const config = { ...loaded.config, 'postgres.url': options.postgresUrl };
  const logger = createLogger({ level: 'warn', format: 'json', base: { service: name } });
  const common = { config, cluster, logger, metrics, clock: systemClock, timers: systemTimers };
  switch (name) {
    case 'convergence':
      return createConvergence(common);
    case 'dispatch':
      return createDispatch({
        ...common,
        random: systemRandom,
        randomBytes,
        busyShare: loopBusyShare(),
        guard: guardOf({ allowHosts: options.allowHosts ?? [], allowPorts: ['1-65535'] }),
        secrets: createSecretSource({ env: options.env ?? {}, clock: systemClock }),
      });
    case 'retry-scheduler':
      return createRetryScheduler(common);
    case 'audit-projector':
      return createAuditProjector(common);
  }
}

export function createTestPostrider(options: TestPostriderOptions): TestPostrider {
  const cluster = openCluster({ brokers: options.brokers, clientId: 'test' });
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const topics = topicNames(options.environment);
  const appender = cluster.openAppender();
  const running: Service[] = [];
  return {
    cluster,
    topics,
    metrics,
    appender,
    async applyTopics() {
      const loaded = loadConfig(commonRows, {
        env: {},
        flags: [`environment=${options.environment}`, ...(options.tiers ? [`retry.tiers=${options.tiers}`] : [])],
      });
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
      await cluster.admin().applyTopics(
        topicTable({
          environment: options.environment,
          partitions: 4,
          replicationFactor: 1,
          minInsyncReplicas: 1,
          tiers: loaded.config['retry.tiers'],
          eventTopics: [`${options.environment}.events`],
          eventPartitions: 4,
        }),
      );
    },
    async putEndpoints(endpoints) {
      await appender.appendAll(
        endpoints.map((endpoint) => ({
          topic: topics.endpoints,
          partition: 0,
          key: endpoint.endpointId,
          value: encodeEndpoint(endpoint),
        })),
      );
    },
    async publish(events) {
      await appender.appendAll(
        events.map((event) => ({
          topic: `${options.environment}.events`,
          partition: partitionOf(event.subject ?? event.id, 4),
          key: event.subject ?? event.id,
          value: JSON.stringify(event.data),
          headers: {
            ce_specversion: '1.0',
            ce_id: event.id,
            ce_source: '/test',
            ce_type: event.type,
            ce_project: event.project,
            ...(event.subject ? { ce_subject: event.subject } : {}),
            'content-type': 'application/json',
          },
        })),
      );
    },
    async start(names) {
      for (const name of names) {
        const service = createTestService(name, options, cluster, metrics);
        running.push(service);
        await service.start({
          fail: (error) => {
            throw error;
          },
        });
      }
    },
    async ready(timeoutMs) {
      const until = performance.now() + timeoutMs;
      for (;;) {
        const reasons = running.flatMap((service) =>
          service.readiness().ready ? [] : service.readiness().reasons.map((r) => `${service.name}: ${r}`),
        );
        if (reasons.length === 0) return;
        if (performance.now() > until) throw new Error(`not ready after ${timeoutMs} ms: ${reasons.join('; ')}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      for (const service of running.splice(0).reverse()) await service.stop({ reason: 'test', drainTimeoutMs: 2_000 });
      await appender.close();
      await cluster.close();
      metrics.close();
    },
  };
}

/** An endpoint with everything filled in. */
export function testEndpoint(over: Partial<Endpoint> & { id: string; url: string; environment: string }): Endpoint {
  const { id, ...rest } = over;
  return {
    endpointId: id as EndpointId,
    version: 1,
    managedBy: 'file',
    projectId: 'acme' as ProjectId,
    status: { kind: 'enabled' },
    eventTypes: ['*'],
    profile: 'plain',
    profileOptions: {},
    method: 'POST',
    headers: {},
    auth: undefined,
    timeoutMs: 5_000,
    retry: { kind: 'delays', delaysMs: [200, 400] },
    maxAgeMs: 3_600_000,
    successStatus: [[200, 299]],
    concurrency: 16,
    ratePerSecond: undefined,
    // Receivers of tests fail in ways that no endpoint does; a test of breakers says so.
    breaker: { kind: 'off' },
    tls: undefined,
    secrets: [],
    updatedAt: '2026-01-01T00:00:00.000Z',
    updatedBy: 'test',
    approvedBy: undefined,
    ...rest,
  };
}
