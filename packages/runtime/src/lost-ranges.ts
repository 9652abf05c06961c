// Records that retention took before a service had read them. Nobody can bring them back, so the service goes on with what is
// left; but it says so everywhere: in the audit log, by a metric that is an alert, and by not being ready until somebody has
// restarted it, which is how an operator says that this was seen.

import { encodeAudit, timestamp } from '@postrider/core/contracts';
import type { Clock } from './clock.ts';
import { lostRangesToldMax } from './limits.ts';
import type { Logger } from './logger.ts';
import type { ServiceName } from './metric-catalogue.ts';
import type { Metrics } from './metrics.ts';

/** Offsets `from` to `to`, exclusive; `to` below `from`: the log was cut. */
export interface LostRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export interface LostRangesDeps {
  readonly service: ServiceName;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'rangeLost'>;
  readonly clock: Pick<Clock, 'now'>;
  /** `<env>.audit`, and how many partitions it has. */
  readonly topic: string;
  readonly partitions: number;
  /** Resolves when the record is acknowledged. */
  readonly append: (record: {
    readonly topic: string;
    readonly partition: number;
    readonly key: null;
    readonly value: Buffer;
  }) => Promise<unknown>;
}

export interface LostRanges {
  tell(range: LostRange): void;
  /** For `readiness`. */
  reasons(): string[];
}

export function lostRanges(deps: LostRangesDeps): LostRanges {
  const { service, logger, metrics, clock } = deps;
  /** By where they begin: a read-back that is tried again meets the same gap. */
  const told = new Map<string, string>();
  return {
    tell({ topic, partition, from, to }) {
      const place = `${topic}/${partition}`;
      const key = `${place}/${from}`;
      if (told.has(key)) return;
      const what =
        to < from
          ? `${place} was cut: it had records up to ${from}, and is read again from ${to}`
          : `records ${from} to ${to} of ${place} were deleted before they were read`;
      metrics.rangeLost.inc({ service, topic });
      logger.error({ topic, partition, from, to }, what);
      if (told.size < lostRangesToldMax) told.set(key, `${what}; look at its retention, then restart this process`);
      const record = { type: 'RangeLost', at: timestamp(clock.now()), service, topic, partition, from, to } as const;
      deps
        .append({ topic: deps.topic, partition: partition % deps.partitions, key: null, value: encodeAudit(record) })
        .catch((error: unknown) => logger.error({ error, place, from, to }, 'the lost range is not in the audit log'));
    },
    reasons: () => [...told.values()],
  };
}
