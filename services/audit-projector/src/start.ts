// audit-projector: turns the audit log into tables, exactly once.
//
//   <env>.audit + <env>.attempts ─▶ rows ─▶ PostgreSQL ─▶ signed heads ─▶ <env>.audit.checkpoints
//
// The tables hold their own offsets: reading starts where they stand. The group's commits follow, to show lag.

import type { KeyObject } from 'node:crypto';
import { topicNames } from '@postrider/core/contracts';
import {
  waitForTopics,
  type Appender,
  type GroupConsumer,
  type KafkaCluster,
  type RevokeReason,
} from '@postrider/kafka';
import { openAuditStore, openDatabase, type AuditStore, type Database } from '@postrider/postgres';
import {
  collectProgress,
  lostRanges,
  produceHooks,
  readCheckpointKey,
  RuntimeError,
  recentTrouble,
  sleep,
  type Clock,
  type commonRows,
  type ConfigOf,
  type Logger,
  type LostRange,
  type LostRanges,
  type Metrics,
  type Service,
  type StopContext,
  type Timers,
} from '@postrider/runtime';
import { openCheckpointLog } from './checkpoint-log.ts';
import { createCheckpointer, type Checkpointer } from './checkpointer.ts';
import type { projectorRows } from './config.ts';
import { commitIntervalMs, daysIntervalMs, fetchRestMs, partingCheckpointMs } from './limits.ts';
import { collectProjection, observeProjection } from './observe.ts';
import { Projector } from './projector.ts';
import { repeat, type Repetition } from './repeat.ts';

export { projectorRows } from './config.ts';
export { auditRowOf } from './project.ts';
export { rebuildTables, type Rebuilt } from './rebuild.ts';

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
  let appender: Appender | undefined;
  let lost: LostRanges | undefined;
  let waitingFor: string | undefined = 'starting';
  /** What the group has committed, by partition. */
  const committed = new Map<string, number>();
  let cancelCommit: (() => void) | undefined;
  let checkpoints:
    | { readonly checkpointer: Checkpointer; readonly appender: Appender; tell(error: unknown): void }
    | undefined;
  const repetitions: Repetition[] = [];
  /** Raised when the group was left: nothing is signed any more. */
  const left = new AbortController();

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

  let checkpointing = Promise.resolve();
  /** One round after the other: the next one's checkpoints follow upon this one's. */
  const checkpoint = (): Promise<void> => (checkpointing = checkpointing.then(checkpointNow));
  const checkpointNow = async (): Promise<void> => {
    if (checkpoints === undefined) return;
    try {
      const written = await checkpoints.checkpointer.runOnce();
      metrics.auditCheckpoints.inc(written);
      const objection = checkpoints.checkpointer.objection();
      if (objection !== undefined) checkpoints.tell(objection);
    } catch (error) {
      checkpoints.tell(error);
    }
  };

  const prepareDays = async (store: AuditStore): Promise<void> => {
    try {
      metrics.auditDefaultRows.set(await store.prepareDays());
    } catch (error) {
      logger.debug(
        { error },
        'the days ahead were not made; the next round makes them, or the first record that needs one',
      );
    }
  };

  const onRevoked = async (reason: RevokeReason): Promise<void> => {
    await projector!.settle();
    if (reason !== 'lost') {
      // Kafka may be what is away; whoever comes next signs what we could not.
      const signed = new AbortController();
      await Promise.race([checkpoint(), sleep(timers, partingCheckpointMs, signed.signal)]);
      signed.abort();
      await commit();
    }
    committed.clear();
  };

  return {
    name: 'audit-projector',
    async start() {
      const url = config['postgres.url'];
      if (url === undefined) throw new RuntimeError('start-failed', 'The audit projector needs postgres.url.');
      const privateKey = checkpointKey(config, logger);
      const admin = cluster.admin();
      const signed = privateKey === undefined ? [] : [topics.checkpoints];
      const described = await waitForTopics(admin, [topics.audit, topics.attempts, ...signed], {
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
        applicationName: 'postrider audit-projector',
        role: 'postrider_projector',
        onIdleError: (error) => logger.warn({ problem: error.message }, 'an idle connection to PostgreSQL broke'),
      });
      const store = openAuditStore(database, clock);
      projector = new Projector({
        environment: config.environment,
        store,
        consumer: () => consumer!,
        logEnd: async (topic, partition) => (await admin.endOffsets(topic)).get(partition) ?? 0,
        observer: observeProjection(logger, metrics),
        batchRecords: config['projector.batchRecords'],
        bufferBytes: config['projector.bufferBytes'],
        topicOrder: [topics.audit, topics.attempts],
        sleep: (ms, signal) => sleep(timers, ms, signal),
        monotonic: clock.monotonic,
      });
      const running = projector;
      lost = lostRanges({
        service: 'audit-projector',
        logger,
        metrics,
        clock,
        topic: topics.audit,
        partitions: described.get(topics.audit)!.partitions,
        // Opened only for this: nothing else is ever written here.
        append: (record) => (appender ??= cluster.openAppender()).append(record),
      });
      const tellLost = (range: LostRange): void => void lost!.tell(range);
      consumer = cluster.consumeGroup({
        groupId: `${config.environment}.audit-projector`,
        topics: [topics.audit, topics.attempts],
        fetchRestMs,
        prepare: async (partitions, signal) => {
          const starts = await running.prepare(partitions, signal);
          waitingFor = undefined;
          return starts;
        },
        onAssigned: (assignment) => {
          if (assignment.added.length === 0) waitingFor = undefined;
          checkpoints?.checkpointer.onAssigned();
          running.onAssigned(assignment);
        },
        onRevoked,
        onRecords: (batch) => running.onRecords(batch),
        onPassed: (passed) => running.onRecords({ ...passed, records: [] }),
        onError: (error, attempt) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message, attempt }, 'reading the audit log: trying again');
        },
        onPartitionFault: (fault) => {
          logger.error({ ...fault }, 'a partition of the audit log cannot be read; the others go on');
          void running.onUnreadable(fault);
        },
        onRangeLost: tellLost,
      });
      commitLater();
      if (privateKey !== undefined) {
        const appender = cluster.openAppender({ hooks: produceHooks(metrics, 'audit-projector', trouble) });
        const checkpointer = createCheckpointer({
          environment: config.environment,
          privateKey,
          store,
          log: openCheckpointLog(cluster, appender, {
            environment: config.environment,
            topic: topics.checkpoints,
            signal: left.signal,
          }),
          owned: () => running.lanes().filter(({ fault }) => fault === undefined),
          file: config['audit.checkpointFile'],
          now: clock.now,
        });
        const tell = (error: unknown): void => {
          metrics.auditCheckpointFailures.inc();
          const problem = error instanceof Error ? error.message : String(error);
          logger.warn({ problem }, 'no checkpoints of the audit this time; the next round makes up for it');
        };
        checkpoints = { checkpointer, appender, tell };
        repetitions.push(repeat(timers, config['audit.checkpointIntervalMs'], checkpoint));
      }
      repetitions.push(repeat(timers, daysIntervalMs, () => prepareDays(store)));
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
      const leave = async (): Promise<void> => {
        // Leaving the group ends with the last checkpoints of what was written.
        await consumer?.stop();
        await projector?.stop();
        await appender?.close();
        left.abort();
        await checkpoints?.appender.close();
        await Promise.all(repetitions.map((each) => each.stop()));
        await database?.close();
      };
      // A transaction that PostgreSQL does not answer is left to it: the offset row says later whether it came through.
      await Promise.race([leave(), sleep(timers, drainTimeoutMs, ended.signal)]);
      ended.abort();
      for (const cancel of cancels.splice(0)) cancel();
    },
    readiness() {
      const reasons: string[] = [];
      if (waitingFor !== undefined) reasons.push(waitingFor);
      if (consumer?.state() !== 'stable') reasons.push('not a member of the consumer group yet');
      reasons.push(...trouble.reasons(), ...(lost?.reasons() ?? []));
      reasons.push(...(projector?.troubles() ?? []));
      const objection = checkpoints?.checkpointer.objection();
      if (objection !== undefined && reasons.length === 0) reasons.push(objection);
      return { ready: reasons.length === 0, reasons };
    },
  };
}

/** @throws RuntimeError when the key is not as it should be, or has to be there and is not */
function checkpointKey(config: AuditProjectorDeps['config'], logger: Logger): KeyObject | undefined {
  const path = config['audit.checkpointKey'];
  if (path !== undefined) {
    const read = readCheckpointKey(path);
    if (read.ok) return read.privateKey;
    const advice = read.absent ? '; `postrider keys checkpoint create` makes one' : '';
    throw new RuntimeError('start-failed', `audit.checkpointKey: ${read.problem}${advice}`);
  }
  const without = 'without audit.checkpointKey whoever can write to PostgreSQL can rewrite the audit unseen';
  const mending = '`postrider keys checkpoint create` makes a key';
  if (config.environment === 'live' && !config['audit.unsignedInLive']) {
    throw new RuntimeError('start-failed', `${without}: ${mending}, or set audit.unsignedInLive=true`);
  }
  logger.warn({}, `${without}; ${mending}`);
  return undefined;
}
