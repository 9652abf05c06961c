// audit-projector: turns the audit log into tables, exactly once.
//
//   <env>.audit + <env>.attempts ─▶ rows ─▶ PostgreSQL
//
// The tables hold their own offsets: reading starts where they stand. The group's commits follow, to show lag.

import { topicNames } from '@postrider/core/contracts';
import { waitForTopics, type GroupConsumer, type KafkaCluster, type RevokeReason } from '@postrider/kafka';
import { openAuditStore, openDatabase, type Database } from '@postrider/postgres';
import {
  collectProgress,
  RuntimeError,
  recentTrouble,
  sleep,
  type Clock,
  type commonRows,
  type ConfigOf,
  type Logger,
  type Metrics,
  type Service,
  type StopContext,
  type Timers,
} from '@postrider/runtime';
import type { projectorRows } from './config.ts';
import { commitIntervalMs } from './limits.ts';
import { collectProjection, observeProjection } from './observe.ts';
import { Projector } from './projector.ts';

export { projectorRows } from './config.ts';
export { auditRowOf } from './project.ts';

export interface AuditProjectorDeps {
  readonly config: ConfigOf<typeof commonRows & typeof projectorRows>;
  readonly cluster: KafkaCluster;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Builds the service; `start` of it joins the group. PostgreSQL need not be there yet. */
export function createAuditProjector(deps: AuditProjectorDeps): Service {
  const { config, cluster, logger, metrics, clock, timers } = deps;
  const topics = topicNames(config.environment);
  const stopping = new AbortController();
  const trouble = recentTrouble('Kafka', clock);
  const cancels: (() => void)[] = [];
  let database: Database | undefined;
  let consumer: GroupConsumer | undefined;
  let projector: Projector | undefined;
  let waitingFor: string | undefined = 'starting';
  /** What the group has committed, by partition. */
  const committed = new Map<string, number>();
  let cancelCommit: (() => void) | undefined;

  /** Best effort: the tables know better, and the next commit says it again. */
  const commit = async (): Promise<void> => {
    const moved = projector!.lanes().filter((lane) => committed.get(`${lane.topic}/${lane.partition}`) !== lane.next);
    if (moved.length === 0) return;
    const offsets = moved.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    try {
      await consumer!.commit(offsets);
      for (const { topic, partition, offset } of offsets) committed.set(`${topic}/${partition}`, offset);
    } catch (error) {
      logger.debug({ error }, 'the group did not take the offsets; the tables hold them');
    }
  };
  const commitLater = (): void => {
    cancelCommit = timers.setTimer(commitIntervalMs, () => {
      void commit().finally(() => {
        if (!stopping.signal.aborted) commitLater();
      });
    });
  };

  const onRevoked = async (reason: RevokeReason): Promise<void> => {
    await projector!.settle();
    if (reason !== 'lost') await commit();
    committed.clear();
  };

  return {
    name: 'audit-projector',
    async start() {
      const url = config['postgres.url'];
      if (url === undefined) throw new RuntimeError('start-failed', 'The audit projector needs postgres.url.');
      const admin = cluster.admin();
      const described = await waitForTopics(admin, [topics.audit, topics.attempts], {
        signal: stopping.signal,
        sleep: (ms, signal) => sleep(timers, ms, signal),
        onWaiting: (message) => {
          waitingFor = message;
          logger.warn({}, message);
        },
      });
      if (!described) return;
      waitingFor = 'reading the offsets in PostgreSQL';
      database = openDatabase({
        url,
        connectionsMax: config['projector.connections'],
        applicationName: 'postrider audit-projector',
        role: 'postrider_projector',
        onIdleError: (error) => logger.warn({ problem: error.message }, 'an idle connection to PostgreSQL broke'),
      });
      projector = new Projector({
        environment: config.environment,
        store: openAuditStore(database, clock),
        consumer: () => consumer!,
        logEnd: async (topic, partition) => (await admin.endOffsets(topic)).get(partition) ?? 0,
        observer: observeProjection(logger, metrics),
        batchRecords: config['projector.batchRecords'],
        bufferBytes: config['projector.bufferBytes'],
        transactions: config['projector.connections'],
        sleep: (ms, signal) => sleep(timers, ms, signal),
        monotonic: clock.monotonic,
      });
      const running = projector;
      consumer = cluster.consumeGroup({
        groupId: `${config.environment}.audit-projector`,
        topics: [topics.audit, topics.attempts],
        prepare: async (partitions, signal) => {
          const starts = await running.prepare(partitions, signal);
          waitingFor = undefined;
          return starts;
        },
        onAssigned: (assignment) => {
          if (assignment.added.length === 0) waitingFor = undefined;
          running.onAssigned(assignment);
        },
        onRevoked,
        onRecords: (batch) => running.onRecords(batch),
        onError: (error, attempt) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message, attempt }, 'reading the audit log: trying again');
        },
        onPartitionFault: (fault) =>
          logger.error({ ...fault }, 'a partition of the audit log cannot be read; the others go on'),
        onRangeLost: (range) => {
          metrics.rangeLost.inc({ service: 'audit-projector', topic: range.topic });
          logger.error({ ...range }, 'audit records were deleted by retention before they were projected');
        },
      });
      commitLater();
      cancels.push(
        collectProjection(metrics, running, clock.now),
        collectProgress(metrics, 'audit-projector', {
          group: consumer,
          progress: () =>
            running.lanes().map((lane) => ({
              topic: lane.topic,
              lagRecords: lane.lagRecords,
              oldestOpenMs: lane.oldestMs === undefined ? 0 : Math.max(0, clock.now() - lane.oldestMs),
              open: lane.held,
              windowLimit: config['projector.batchRecords'] * 2,
            })),
        }),
      );
    },
    async stop({ drainTimeoutMs }: StopContext) {
      stopping.abort();
      cancelCommit?.();
      const ended = new AbortController();
      const left = async (): Promise<void> => {
        await consumer?.stop();
        await projector?.stop();
        await database?.close();
      };
      // A transaction that PostgreSQL does not answer is left to it: the offset row says later whether it came through.
      await Promise.race([left(), sleep(timers, drainTimeoutMs, ended.signal)]);
      ended.abort();
      for (const cancel of cancels.splice(0)) cancel();
    },
    readiness() {
      const reasons: string[] = [];
      if (waitingFor !== undefined) reasons.push(waitingFor);
      if (consumer?.state() !== 'stable') reasons.push('not a member of the consumer group yet');
      reasons.push(...trouble.reasons());
      reasons.push(...(projector?.troubles() ?? []));
      return { ready: reasons.length === 0, reasons };
    },
  };
}
