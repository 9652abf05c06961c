// dispatch: sends each body to its endpoint and settles the outcome.
//
//   <env>.dispatches ─▶ plan ─▶ HTTPS ─▶ settle ─▶ <env>.attempts ─▶ <env>.retry.* | <env>.dlq
//
// Partition = endpoint: one process owns an endpoint at a time, so its limits are exact local state.

import { decodeGone, EndpointTable, topicNames } from '@postrider/core/contracts';
import type { EndpointId } from '@postrider/core/domain';
import {
  consumeAcked,
  waitForTopics,
  type AckedConsumer,
  type Appender,
  type KafkaCluster,
  type TableReader,
} from '@postrider/kafka';
import { createSender, type EgressGuard, type Sender } from '@postrider/http';
import {
  collectProgress,
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
  type Random,
  type SecretSource,
  type Service,
  type StartContext,
  type Timers,
} from '@postrider/runtime';
import { appendConsequence } from './append-consequence.ts';
import { createAttemptsLog } from './attempts-log.ts';
import { createAttemptsReader } from './attempts-reader.ts';
import type { dispatchRows } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { EndpointRuntimes } from './endpoint-runtime.ts';
import { EndpointViews } from './endpoint-views.ts';
import {
  appendRestMsMax,
  appendRestMsPerRecord,
  commitIntervalMs,
  secretsPreparedMsMax,
  spanWindows,
  windowBytes,
} from './limits.ts';
import { createObserver } from './observe.ts';
import { PartitionState } from './partition-state.ts';
import { restore, restoreMark, restorePlace } from './restore.ts';

export { dispatchRows } from './config.ts';

export interface DispatchDeps {
  readonly config: ConfigOf<typeof commonRows & typeof dispatchRows>;
  readonly cluster: KafkaCluster;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Part of the time since it was last asked in which the event loop was busy, 0 to 1. */
  readonly busyShare: () => number;
  readonly secrets: SecretSource;
  /** Every connection passes it. */
  readonly guard: EgressGuard;
}

/** Builds the service; `start` of it joins the group. */
export function createDispatch(deps: DispatchDeps): Service {
  const { config, cluster, logger, metrics, clock, timers, secrets } = deps;
  const environment = config.environment;
  const topics = topicNames(environment);
  const group = `${environment}.dispatch`;
  const table = new EndpointTable(environment);
  const views = new EndpointViews(table.index);
  const states = new Map<number, PartitionState>();
  const stopping = new AbortController();
  const trouble = recentTrouble('Kafka', clock);
  const cancels: (() => void)[] = [];
  let appender: Appender | undefined;
  let sender: Sender | undefined;
  let reader: TableReader | undefined;
  let goneReader: TableReader | undefined;
  let consumer: AckedConsumer | undefined;
  let dispatcher: Dispatcher | undefined;
  let lost: LostRanges | undefined;
  let waitingFor: string | undefined = 'starting';

  const runtimes = new EndpointRuntimes(secrets);

  /** Before the first attempt asks for them; never rejects. */
  const prepareSecrets = (endpointId: EndpointId): void => {
    const endpoint = table.index.get(endpointId);
    if (endpoint === undefined) return;
    void runtimes.prepare(endpoint, clock.now()).then((problems) => {
      for (const { code, message } of problems)
        logger.warn({ endpoint: endpointId, code, problem: message }, 'a secret is not to be had: what needs it waits');
    });
  };

  const applyEndpoint = (record: { key: Buffer | null; value: Buffer | null }): void => {
    const change = table.apply(record);
    if (change.kind === 'put') prepareSecrets(change.endpointId);
    if (change.kind !== 'invalid') {
      dispatcher?.endpointChanged(change.endpointId);
      return;
    }
    metrics.endpointTableInvalid.inc({ service: 'dispatch' });
    logger.error(
      { endpoint: change.key, problem: change.problem },
      'endpoint record cannot be read; the last good version stays',
    );
  };

  return {
    name: 'dispatch',
    async start(context: StartContext) {
      const admin = cluster.admin();
      const needed = [
        topics.dispatches,
        topics.attempts,
        topics.audit,
        topics.dlq,
        topics.endpoints,
        topics.gone,
        topics.replies,
        ...config['retry.tiers'].map(topics.retry),
      ];
      const described = await waitForTopics(admin, needed, {
        sameNumbers: [topics.dispatches, topics.attempts, topics.dlq, ...config['retry.tiers'].map(topics.retry)],
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
        restMsPerRecord: appendRestMsPerRecord,
        hooks: produceHooks(metrics, 'dispatch', trouble),
      });
      reader = cluster.readTable({ topic: topics.endpoints, onRecord: applyEndpoint });
      goneReader = cluster.readTable({
        topic: topics.gone,
        onRecord({ value }) {
          const mark = decodeGone(value);
          if (mark) views.note(mark);
        },
      });
      lost = lostRanges({
        service: 'dispatch',
        logger,
        metrics,
        clock,
        topic: topics.audit,
        partitions: described.get(topics.audit)!.partitions,
        append: (record) => appender!.append(record),
      });
      const tellLost = (range: LostRange): void => void lost!.tell(range);
      sender = createSender({ now: clock.now, guard: deps.guard });
      const attempts = createAttemptsReader(cluster, topics.attempts, {
        sleep: (ms, signal) => sleep(timers, ms, signal),
        stopping: stopping.signal,
        onRangeLost: tellLost,
        onWaiting: (error) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message }, 'reading attempts back: trying again');
        },
      });
      dispatcher = new Dispatcher({
        sender,
        now: clock.now,
        random: deps.random,
        randomBytes: deps.randomBytes,
        busyShare: deps.busyShare,
        timers,
        endpoints: table.index,
        views,
        runtimes,
        routes: {
          topics,
          tiers: config['retry.tiers'],
          group,
          partitions: described.get(topics.replies)!.partitions,
        },
        endpointQueueMax: config['dispatch.endpointQueue'],
        windowRecords: config['dispatch.windowRecords'],
        observer: createObserver({ logger, metrics, now: clock.now }),
        reader: attempts,
        lease: { holds: () => consumer!.group.lease.holds(), heard: () => consumer!.group.lease.heard() },
        emit: (record) => appendConsequence(appender!, record),
        log: createAttemptsLog({
          appender,
          reader: attempts,
          topic: topics.attempts,
          onGap: (gap) => {
            metrics.attemptsAppendGaps.inc();
            logger.error(
              { ...gap },
              'someone else wrote to a partition of attempts that this process owns, or an append was repeated',
            );
          },
          learn: (record, state) => dispatcher!.learn(record, state),
        }),
        onFatal: (error) => {
          if (!stopping.signal.aborted) context.fail(error instanceof Error ? error : new Error(String(error)));
        },
      });
      const sending = dispatcher;
      consumer = consumeAcked(cluster, {
        groupId: group,
        topics: [topics.dispatches],
        windowRecords: config['dispatch.windowRecords'],
        spanRecords: config['dispatch.windowRecords'] * spanWindows,
        windowBytes,
        totalBytes: config['dispatch.windowBytes'],
        commitIntervalMs,
        now: clock.now,
        logEnds: (topic) => admin.endOffsets(topic),
        async prepare(partitions, signal) {
          await Promise.all([reader!.ready, goneReader!.ready]);
          await Promise.race([runtimes.prepared(), sleep(timers, secretsPreparedMsMax, signal)]);
          if (waitingFor !== undefined) waitingFor = 'reading back what was settled before';
          const startedMs = clock.monotonic();
          const restored = await Promise.all(
            partitions.map(async (assigned) =>
              restore(
                states.get(assigned.partition)!,
                await restorePlace(assigned, attempts),
                attempts,
                (record, state) => sending.learn(record, state),
                signal,
              ),
            ),
          );
          const records = restored.reduce((sum, n) => sum + n, 0);
          logger.info(
            {
              partitions: partitions.length,
              records,
              breakersOpen: sending.breakers.open + sending.breakers.halfOpen,
              ms: Math.round(clock.monotonic() - startedMs),
            },
            'restored what was settled before',
          );
          waitingFor = undefined;
        },
        onAssigned({ assignment, added }, generation) {
          const owner = { generation: generation.id, member: generation.memberId };
          for (const { partition, logEnd } of added)
            states.set(partition, new PartitionState(partition, owner, logEnd));
          for (const { partition } of assignment) states.get(partition)!.owner = owner;
          // More members than partitions: a spare one is as ready as it can be.
          if (assignment.length === 0) waitingFor = undefined;
          // A rebalance during the drain must not start it all again.
          if (!stopping.signal.aborted) sending.resume();
        },
        onLost(lost) {
          for (const { partition } of lost) {
            const state = states.get(partition);
            if (state) sending.forget(state);
            states.delete(partition);
          }
        },
        onRecord(record, ack) {
          const state = states.get(record.partition);
          if (state) sending.accept(record, ack, state);
        },
        quiesce: () => sending.quiesce(),
        metadata({ partition }, watermark, timestampMs) {
          return restoreMark(states.get(partition)!.restoreStart(watermark, timestampMs));
        },
        onError: (error, attempt) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message, attempt }, 'reading dispatches: trying again');
        },
        onPartitionFault: (fault) => logger.error({ ...fault }, 'a partition cannot be read; the others go on'),
        onRangeLost: (range) => {
          if (range.to < range.from) states.get(range.partition)?.wasCut(range.from);
          tellLost(range);
        },
      });
      cancels.push(
        collectProgress(metrics, 'dispatch', consumer),
        metrics.windowBytesLimit.collect((set) => set({ service: 'dispatch' }, config['dispatch.windowBytes'])),
        metrics.endpointTableSize.collect((set) => set({ service: 'dispatch' }, table.index.size)),
        metrics.breakers.collect((set) => {
          const { open, halfOpen } = dispatcher?.breakers ?? { open: 0, halfOpen: 0 };
          set({ state: 'open' }, open);
          set({ state: 'half-open' }, halfOpen);
        }),
        metrics.inFlight.collect((set) => set({ service: 'dispatch' }, dispatcher?.inFlight ?? 0)),
      );
    },
    async stop({ drainTimeoutMs }) {
      stopping.abort();
      // Starts nothing new at once; what is under way has the drain time, then it is cut and sent again by the next owner.
      const idle = dispatcher?.quiesce();
      if (idle) await Promise.race([idle, sleep(timers, drainTimeoutMs)]);
      await sender?.close();
      await consumer?.stop();
      for (const cancel of cancels.splice(0)) cancel();
      await Promise.all([reader?.stop(), goneReader?.stop()]);
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
