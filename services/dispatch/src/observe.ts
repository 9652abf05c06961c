// What the SRE sees of dispatch: one log line an attempt, and metrics. Decides nothing.

import type { DispatchObserver } from './dispatch-observer.ts';
import { statusClass, type Logger, type Metrics } from '@postrider/runtime';

/** The time of an upstream record is believed for latency metrics only within this age: a producer's clock is wrong at times. */
const plausibleAgeMs = 7 * 24 * 60 * 60_000;

export function createObserver({
  logger,
  metrics,
  now,
}: {
  logger: Logger;
  metrics: Metrics;
  now: () => number;
}): DispatchObserver {
  const service = 'dispatch';
  return {
    attempted({ dispatch }, record, result) {
      const { outcome, httpStatus, disposition } = record;
      metrics.attempts.inc({ service, outcome, status_class: statusClass(httpStatus) });
      metrics.attemptDuration.observe({ outcome }, record.durationMs / 1000);
      // Not when the event says that it happened: that may be long before anybody published it.
      const { createdMs, appendedMs = createdMs } = dispatch;
      const claimedAge = result.startedAtMs - appendedMs;
      const sinceMs = claimedAge >= 0 && claimedAge < plausibleAgeMs ? appendedMs : createdMs;
      if (dispatch.attempt === 1 && dispatch.round === 0 && dispatch.park === 0) {
        metrics.eventToFirstAttempt.observe(Math.max(0, result.startedAtMs - sinceMs) / 1000);
      }
      if (disposition.kind === 'delivered') metrics.eventToDelivered.observe(Math.max(0, now() - sinceMs) / 1000);
      if (dispatch.attempt > 1) metrics.retryLateness.observe(Math.max(0, result.startedAtMs - dispatch.dueMs) / 1000);
      logger.info(
        {
          attempt: record.attemptId,
          endpoint: record.endpoint,
          project: record.project,
          event: record.event,
          type: record.eventType,
          outcome,
          status: httpStatus,
          ms: Math.round(record.durationMs),
          disposition: disposition.kind,
          ...(disposition.kind === 'retry' ? { due: new Date(disposition.dueMs).toISOString() } : {}),
          ...(disposition.kind === 'dead' ? { reason: disposition.reason } : {}),
          ...(record.detail ? { detail: record.detail } : {}),
        },
        'attempt',
      );
    },
    deferred({ dispatch }, reason) {
      metrics.dispatchesDeferred.inc({ reason });
      logger.debug(
        { dispatch: dispatch.dispatchId, endpoint: dispatch.endpointId, reason, park: dispatch.park },
        'dispatch deferred',
      );
    },
    breakerMoved({ endpoint, to, breaker }) {
      metrics.breakerTransitions.inc({ to });
      const { endpointId, version } = endpoint;
      const facts = { endpoint: endpointId, version };
      if (to === 'closed') logger.info(facts, 'circuit breaker closed: the endpoint answers again');
      if (to === 'half-open') logger.debug(facts, 'circuit breaker half-open: one request is a probe');
      if (to !== 'open' || breaker?.kind !== 'open') return;
      const { sinceMs, probeAtMs, openings } = breaker;
      const times = { since: new Date(sinceMs).toISOString(), probe: new Date(probeAtMs).toISOString(), openings };
      logger.warn({ ...facts, ...times }, 'circuit breaker open: the endpoint fails, its work waits');
    },
    secretMissing({ endpointId }, { code, message }) {
      metrics.secretProblems.inc({ reason: code });
      // The warning stands in the log since the endpoint was read; one an attempt would bury it.
      logger.debug({ endpoint: endpointId, code, problem: message }, 'an attempt waits for a secret');
    },
    disabled({ endpointId, version, projectId }) {
      metrics.endpointsDisabled.inc({ reason: 'gone' });
      logger.warn(
        { endpoint: endpointId, version, project: projectId },
        'endpoint disabled: it answered 410; a newer version of it is sent to again',
      );
    },
    ended(reason) {
      metrics.deadLetters.inc({ reason });
    },
    adopted({ attemptId, state }) {
      metrics.attemptsAdopted.inc();
      logger.warn(
        { attempt: attemptId, partition: state.partition },
        'somebody else settled this attempt first; their outcome stands',
      );
    },
    extended(partition, records) {
      logger.info({ partition, records }, 'a late record: what was settled before the window was read back');
    },
    dropped(reason) {
      metrics.dispatchesDropped.inc({ reason });
    },
  };
}
