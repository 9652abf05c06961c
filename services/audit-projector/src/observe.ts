// What the projector's doings look like from outside: log lines and metrics.

import type { Logger, Metrics } from '@postrider/runtime';
import type { Lane } from './lane.ts';
import type { Projector, ProjectorObserver } from './projector.ts';

export function observeProjection(logger: Logger, metrics: Metrics): ProjectorObserver {
  const where = ({ topic, partition }: Lane): { topic: string; partition: number } => ({ topic, partition });
  return {
    transacted(durationMs) {
      metrics.projectionBatchDuration.observe(durationMs / 1000);
    },
    appended(lane, result) {
      const { topic } = lane;
      metrics.projectionRows.inc({ topic }, result.rows);
      if (result.duplicates > 0) metrics.projectionDuplicates.inc({ topic }, result.duplicates);
      if (result.unreadable > 0) {
        metrics.projectionUnreadable.inc({ topic }, result.unreadable);
        logger.warn(
          { ...where(lane), rows: result.unreadable, before: lane.next },
          'audit records that columns cannot hold; their bytes are kept',
        );
      }
      if (result.late > 0) {
        logger.warn(
          { ...where(lane), rows: result.late, before: lane.next },
          'audit records of rounds that were closed before; they count nowhere',
        );
      }
      if (result.defaulted > 0) {
        metrics.projectionDefaulted.inc({ topic }, result.defaulted);
        logger.warn(
          { ...where(lane), rows: result.defaulted, before: lane.next },
          'audit records of days without a partition went to audit_record_default',
        );
      }
    },
    fenced(lane, next) {
      metrics.projectionFenced.inc({ topic: lane.topic });
      logger.warn({ ...where(lane), next }, 'the offset row moved without us; going on where it stands');
    },
    failed(error, attempt) {
      metrics.consumerErrors.inc({ service: 'audit-projector' });
      const advice = error.code === 'not-migrated' ? '; run `postrider db migrate`' : '';
      const level = error.code === 'bug' || error.code === 'data' ? 'error' : 'warn';
      logger[level](
        { code: error.code, problem: error.message, attempt },
        `PostgreSQL did not take the audit: trying again${advice}`,
      );
    },
    faulty(lane) {
      logger.error(
        { ...where(lane), problem: lane.fault },
        'a partition of the audit log stands still; the others go on',
      );
    },
  };
}

/** Lag of the tables at every scrape; the result takes it out again. */
export function collectProjection(metrics: Metrics, projector: Projector, now: () => number): () => void {
  const cancels = [
    metrics.projectionLagRecords.collect((set) => {
      for (const [topic, lanes] of Map.groupBy(projector.lanes(), (lane) => lane.topic)) {
        set(
          { topic },
          lanes.reduce((sum, lane) => sum + lane.lagRecords, 0),
        );
      }
    }),
    metrics.projectionLagSeconds.collect((set) => {
      for (const [topic, lanes] of Map.groupBy(projector.lanes(), (lane) => lane.topic)) {
        set(
          { topic },
          Math.max(0, ...lanes.map(({ oldestMs }) => (oldestMs === undefined ? 0 : now() - oldestMs))) / 1000,
        );
      }
    }),
  ];
  return () => {
    for (const cancel of cancels) cancel();
  };
}
