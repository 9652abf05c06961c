// retry-scheduler: gives each waiting record back when it is due, never early, and what was put off when its endpoint changes.
//
//   <env>.retry.5s … <env>.retry.6h ─▶ heap of heads, one timer ─▶ <env>.dispatches (or a smaller tier)
//   <env>.endpoints ─▶ recall

import { EndpointTable, topicNames } from '@postrider/core/contracts';
import {
  consumeAcked,
  waitForTopics,
  type AckedConsumer,
  type Appender,
  type KafkaCluster,
  type KafkaRecord,
  type TableReader,
} from '@postrider/kafka';
import {
  collectProgress,
  every,
  lostRanges,
  produceHooks,
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
  type StartContext,
  type Timers,
} from '@postrider/runtime';
import type { retrySchedulerRows } from './config.ts';
import { appendRestMsMax, commitIntervalMs, endsLookMs, tierWindow } from './limits.ts';
import { GivenBack } from './given-back.ts';
import { OverduePace } from './overdue-pace.ts';
import { Recall } from './recall.ts';
import { Scheduler } from './scheduler.ts';

export { retrySchedulerRows } from './config.ts';

export interface RetrySchedulerDeps {
  readonly config: ConfigOf<typeof commonRows & typeof retrySchedulerRows>;
  readonly cluster: KafkaCluster;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Builds the service; `start` of it joins the group. */
export function createRetryScheduler({ config, cluster, logger, metrics, clock, timers }: RetrySchedulerDeps): Service {
  const topics = topicNames(config.environment);
  const tiers = config['retry.tiers'];
  const tierTopics = tiers.map(topics.retry);
  const stopping = new AbortController();
  const trouble = recentTrouble('Kafka', clock);
  const cancels: (() => void)[] = [];
  const table = new EndpointTable(config.environment);
  const recall = new Recall(clock.now);
  const dispatchGroup = `${config.environment}.dispatch`;
  let appender: Appender | undefined;
  let reader: TableReader | undefined;
  let consumer: AckedConsumer | undefined;
  let lost: LostRanges | undefined;
  let pace: OverduePace | undefined;
  let waitingFor: string | undefined = 'starting';

  return {
    name: 'retry-scheduler',
    async start(context: StartContext) {
      const admin = cluster.admin();
      const described = await waitForTopics(admin, [topics.dispatches, topics.audit, topics.endpoints, ...tierTopics], {
        sameNumbers: [topics.dispatches, ...tierTopics],
        signal: stopping.signal,
        sleep: (ms, signal) => sleep(timers, ms, signal),
        onWaiting: (message) => {
          waitingFor = message;
          logger.warn({}, message);
        },
      });
      if (!described) return;
      waitingFor = 'reading the endpoint table';
      appender = cluster.openAppender({
        restMsMax: appendRestMsMax,
        hooks: produceHooks(metrics, 'retry-scheduler', trouble),
      });
      lost = lostRanges({
        service: 'retry-scheduler',
        logger,
        metrics,
        clock,
        topic: topics.audit,
        partitions: described.get(topics.audit)!.partitions,
        append: (record) => appender!.append(record),
      });
      const tellLost = (range: LostRange): void => void lost!.tell(range);
      const windowOf = (topic: string) => tierWindow(topic === tierTopics[0]);
      const givenBack = new GivenBack({
        cluster,
        windowOf,
        onRangeLost: tellLost,
        dispatches: topics.dispatches,
        dispatchesEnd: () => admin.endOffsets(topics.dispatches),
      });
      // Without an answer the commits say what they said before.
      const lookAtEnds = (): Promise<void> =>
        givenBack.lookAtEnds().catch((error: unknown) => logger.debug({ error }, 'where dispatches ends is not known'));
      void every(endsLookMs, lookAtEnds, { timers, signal: stopping.signal });
      pace = new OverduePace({
        finished: async () => {
          const committed = await admin.committed(dispatchGroup, [topics.dispatches]);
          return new Map(committed.map(({ partition, offset }) => [partition, offset]));
        },
        monotonic: clock.monotonic,
        timers,
        onRoom: () => scheduler.arm(),
        onUnanswered: (error) =>
          logger.warn(
            { group: dispatchGroup, problem: error instanceof Error ? error.message : String(error) },
            'how far dispatch is cannot be asked, so overdue records follow slowly; this service needs the right to Describe and Read its group',
          ),
      });
      const scheduler: Scheduler = new Scheduler({
        pace,
        givenBack,
        recall,
        lease: { holds: () => consumer!.group.lease.holds(), heard: () => consumer!.group.lease.heard() },
        appender,
        topics,
        tiers,
        now: clock.now,
        timers,
        observer: {
          forwarded: (topic, to, latenessMs) => {
            metrics.retryForwarded.inc({ tier: topic.slice(topic.lastIndexOf('.') + 1), target: to });
            if (latenessMs > 1_000) logger.debug({ topic, to, latenessMs }, 'given back late');
          },
          unreadable: (record, problem) =>
            logger.error(
              { topic: record.topic, partition: record.partition, offset: record.offset, problem },
              'not a dispatch; passed on to be dead-lettered',
            ),
        },
        onFatal: (error) => {
          if (!stopping.signal.aborted) context.fail(error instanceof Error ? error : new Error(String(error)));
        },
      });
      const applyEndpoint = (record: KafkaRecord): void => {
        const change = table.apply(record);
        if (change.kind === 'invalid') metrics.endpointTableInvalid.inc({ service: 'retry-scheduler' });
        else if (change.kind === 'removed') recall.removed(change.endpointId);
        else scheduler.endpointChanged(table.index.get(change.endpointId)!, record.timestamp);
      };
      reader = cluster.readTable({
        topic: topics.endpoints,
        onRecord: applyEndpoint,
        onReady: () => (waitingFor = undefined),
      });
      consumer = consumeAcked(cluster, {
        groupId: `${config.environment}.retry-scheduler`,
        topics: tierTopics,
        ...tierWindow(false),
        totalBytes: config['retry.windowBytes'],
        windowOf,
        commitIntervalMs,
        now: clock.now,
        logEnds: (topic) => admin.endOffsets(topic),
        onAssigned: () => scheduler.resume(),
        onLost: (partitions) => givenBack.lost(partitions),
        async prepare(partitions, signal) {
          await reader!.ready;
          const records = await givenBack.restore(partitions, signal);
          logger.info({ partitions: partitions.length, records }, 'read back what was given back before');
        },
        metadata: (partition, watermark) => givenBack.metadata(partition, watermark),
        onRecord: (record, ack, partition) => scheduler.accept(record, ack, partition),
        onBatchEnd: () => scheduler.arm(),
        quiesce: () => scheduler.quiesce(),
        onError: (error, attempt) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message, attempt }, 'reading retry tiers: trying again');
        },
        onPartitionFault: (fault) => logger.error({ ...fault }, 'a partition cannot be read; the others go on'),
        onRangeLost: tellLost,
      });
      cancels.push(
        collectProgress(metrics, 'retry-scheduler', consumer),
        metrics.windowBytesLimit.collect((set) => set({ service: 'retry-scheduler' }, config['retry.windowBytes'])),
        metrics.endpointTableSize.collect((set) => set({ service: 'retry-scheduler' }, table.index.size)),
        metrics.retryWaiting.collect((set) => {
          const held = scheduler.held();
          for (const tier of tiers) set({ tier: tier.name }, held.get(topics.retry(tier))?.records ?? 0);
        }),
        metrics.retryHeadOverdue.collect((set) => {
          const held = scheduler.held();
          for (const tier of tiers) set({ tier: tier.name }, (held.get(topics.retry(tier))?.overdueMs ?? 0) / 1000);
        }),
      );
    },
    async stop() {
      stopping.abort();
      await consumer?.stop();
      pace?.stop();
      for (const cancel of cancels.splice(0)) cancel();
      await reader?.stop();
      await appender?.close();
    },
    readiness() {
      const reasons: string[] = [];
      if (waitingFor !== undefined) reasons.push(waitingFor);
      if (consumer?.group.state() !== 'stable') reasons.push('not a member of the consumer group yet');
      reasons.push(...trouble.reasons(), ...(lost?.reasons() ?? []));
      return { ready: reasons.length === 0, reasons };
    },
  };
}
