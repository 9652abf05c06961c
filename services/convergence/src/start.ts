// convergence: reads upstream events, decides who must be told, and fixes the body bytes, once.
//
//   <env>.events ─▶ decode ─▶ match ─▶ <env>.dispatches + <env>.audit     (or <env>.rejected + <env>.audit)
//
// Nothing is read before the endpoint table is: a table that is not there would look like "nobody subscribed".

import { EndpointTable, topicNames } from '@postrider/core/contracts';
import {
  consumeAcked,
  waitForTopics,
  type AckedConsumer,
  type Appender,
  type AssignedPartition,
  type KafkaCluster,
  type OwnedPartition,
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
import type { convergenceRows } from './config.ts';
import { converge } from './converge.ts';
import { readTableMark, tableMark, tableProblem, type TableSize } from './endpoint-gate.ts';
import { EventTopics } from './event-topics.ts';
import { Intake } from './intake.ts';
import { appendRestMsMax, endsLookMs, eventTopicsLookMs, windowBytes, windowRecords } from './limits.ts';
import type { EventPlan } from './plan-event.ts';
import { Traces, type EventTrace } from './traces.ts';

export { convergenceRows } from './config.ts';

export interface ConvergenceDeps {
  readonly config: ConfigOf<typeof commonRows & typeof convergenceRows>;
  readonly cluster: KafkaCluster;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timers: Timers;
}

const commitIntervalMs = 200;
/** How often a table that may not be used is looked at again. */
const tableRecheckMs = 500;

/** Builds the service; `start` of it joins the group. */
export function createConvergence(deps: ConvergenceDeps): Service {
  const { config, cluster, logger, metrics, clock, timers } = deps;
  const environment = config.environment;
  const topics = topicNames(environment);
  const eventTopics =
    config['convergence.eventTopics'].length > 0 ? config['convergence.eventTopics'] : [`${environment}.events`];
  const table = new EndpointTable(environment);
  const mappings = new Map(config['convergence.mappings'].map((mapping) => [mapping.topic, mapping]));
  const stopping = new AbortController();
  const trouble = recentTrouble('Kafka', clock);
  let appender: Appender | undefined;
  let reader: TableReader | undefined;
  let consumer: AckedConsumer | undefined;
  let lost: LostRanges | undefined;
  let eventSources: EventTopics | undefined;
  let waitingFor: string | undefined = 'starting';
  const cancels: (() => void)[] = [];

  const tableSize = (): TableSize => ({ known: table.known, live: table.index.size });

  /** Resolves when the endpoint table may be trusted; meanwhile says why not. */
  const gate = async (partitions: readonly AssignedPartition[], signal: AbortSignal): Promise<void> => {
    await reader!.ready;
    const marks = partitions.flatMap(({ committed }) => readTableMark(committed?.metadata ?? '') ?? []);
    const lastKnown = marks.length > 0 ? Math.max(...marks) : undefined;
    let told: string | undefined;
    while (!signal.aborted) {
      waitingFor = tableProblem(tableSize(), lastKnown);
      if (waitingFor === undefined) return;
      if (waitingFor !== told) logger.warn({ lastKnown, ...tableSize() }, `not reading events: ${waitingFor}`);
      told = waitingFor;
      await sleep(timers, tableRecheckMs, signal);
    }
  };

  const count = (plan: EventPlan): void => {
    const reason = plan.kind === 'accepted' ? 'none' : plan.audit.reason;
    metrics.events.inc({ result: plan.kind, reason });
    if (plan.kind === 'rejected') {
      logger.warn(
        { origin: plan.audit.origin, reason, detail: plan.audit.detail, event: plan.audit.event },
        'event rejected',
      );
    }
  };

  return {
    name: 'convergence',
    async start(context: StartContext) {
      const admin = cluster.admin();
      const described = await waitForTopics(
        admin,
        [topics.dispatches, topics.audit, topics.rejected, topics.replies, topics.endpoints],
        {
          sameNumbers: [topics.dispatches, topics.audit, topics.rejected, topics.replies],
          signal: stopping.signal,
          sleep: (ms, signal) => sleep(timers, ms, signal),
          onWaiting: (message) => {
            waitingFor = message;
            logger.warn({}, message);
          },
        },
      );
      if (!described) return;
      eventSources = new EventTopics({
        names: eventTopics,
        list: () => admin.listTopics(),
        onAbsent: (message) => logger.error({}, message),
      });
      const lookAtSources = (): Promise<void> =>
        eventSources!.look().catch((error: unknown) => logger.debug({ error }, 'which topics are there is not known'));
      await lookAtSources();
      void every(eventTopicsLookMs, lookAtSources, { timers, signal: stopping.signal });
      const partitions = described.get(topics.dispatches)!.partitions;
      appender = cluster.openAppender({
        restMsMax: appendRestMsMax,
        hooks: produceHooks(metrics, 'convergence', trouble),
      });
      reader = cluster.readTable({
        topic: topics.endpoints,
        onRecord: (record) => {
          const change = table.apply(record);
          if (change.kind === 'invalid') {
            metrics.endpointTableInvalid.inc({ service: 'convergence' });
            logger.error(
              { endpoint: change.key, problem: change.problem },
              'endpoint record cannot be read; the last good version stays',
            );
          }
        },
      });
      lost = lostRanges({
        service: 'convergence',
        logger,
        metrics,
        clock,
        topic: topics.audit,
        partitions: described.get(topics.audit)!.partitions,
        append: (record) => appender!.append(record),
      });
      const tellLost = (range: LostRange): void => void lost!.tell(range);
      const traces = new Traces({
        cluster,
        onRangeLost: tellLost,
        audit: topics.audit,
        endsOf: (topic) => admin.endOffsets(topic),
        partitions,
      });
      // Without an answer the commits say what they said before.
      const lookAtEnds = (): Promise<void> =>
        traces.lookAtEnds().catch((error: unknown) => logger.debug({ error }, 'where audit ends is not known'));
      void every(endsLookMs, lookAtEnds, { timers, signal: stopping.signal });
      const convergeDeps = {
        traces,
        isOurs: (place: OwnedPartition): boolean | Promise<boolean> => {
          const { lease } = consumer!.group;
          return lease.holds() ? place.owned() : lease.heard().then(() => place.owned());
        },
        onRepeated: (trace: EventTrace, changed: readonly string[]) => {
          if (changed.length === 0) return;
          logger.error(
            { origin: trace.origin, endpoints: changed },
            'an accepted event cannot be built again as it was: its endpoints changed; it ends as a dead letter for them',
          );
        },
        appender,
        topics,
        partitions,
        context: () => ({ environment, mappings, endpoints: table.index, nowMs: clock.now() }),
        onDone: count,
        onFatal: (error: unknown) => {
          if (!stopping.signal.aborted) context.fail(error instanceof Error ? error : new Error(String(error)));
        },
      };
      const intake = new Intake((record, ack, place, onPlanned) =>
        converge(record, ack, place, { ...convergeDeps, onPlanned }),
      );
      consumer = consumeAcked(cluster, {
        groupId: `${environment}.convergence`,
        topics: eventTopics,
        windowRecords,
        windowBytes,
        commitIntervalMs,
        now: clock.now,
        logEnds: (topic) => admin.endOffsets(topic),
        async prepare(assigned, signal) {
          const records = await traces.restore(assigned, signal);
          logger.info({ partitions: assigned.length, records }, 'read back what was traced before');
          await gate(assigned, signal);
        },
        // More members than partitions: a spare one is as ready as it can be.
        onAssigned: ({ assignment }) => {
          if (assignment.length === 0) waitingFor = undefined;
          // A rebalance during the stop must not start it all again.
          if (!stopping.signal.aborted) intake.resume();
        },
        onLost: (partitions) => traces.lost(partitions),
        onRecord: (record, ack, place) => intake.accept(record, ack, place),
        // An empty appender is not enough: the last acknowledgements come a moment after it, and would miss the commit.
        quiesce: () => intake.quiesce(),
        metadata: (partition, watermark) => `${tableMark(tableSize())} ${traces.mark(partition, watermark)}`,
        onError: (error, attempt) => {
          trouble.tell(error);
          logger.warn({ code: error.code, problem: error.message, attempt }, 'reading events: trying again');
        },
        onPartitionFault: (fault) => logger.error({ ...fault }, 'a partition cannot be read; the others go on'),
        onRangeLost: (range) => {
          // Appended before the traces of what follows it in the partition, and acknowledged before their offsets are committed.
          intake.track(lost!.tell(range));
          if (range.to < range.from)
            intake.holdUntil(range, traces.readAgain(range, intake.settled(), stopping.signal), convergeDeps.onFatal);
        },
      });
      cancels.push(
        metrics.endpointTableSize.collect((set) => set({ service: 'convergence' }, table.index.size)),
        collectProgress(metrics, 'convergence', consumer),
      );
    },
    async stop() {
      stopping.abort();
      for (const cancel of cancels.splice(0)) cancel();
      await consumer?.stop();
      await reader?.stop();
      await appender?.close();
    },
    readiness() {
      const reasons: string[] = [];
      if (waitingFor !== undefined) reasons.push(waitingFor);
      if (consumer?.group.state() !== 'stable') reasons.push('not a member of the consumer group yet');
      reasons.push(...(eventSources?.reasons() ?? []), ...trouble.reasons(), ...(lost?.reasons() ?? []));
      return { ready: reasons.length === 0, reasons };
    },
  };
}
