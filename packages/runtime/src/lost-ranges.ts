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
    readonly key: string;
    readonly value: Buffer;
  }) => Promise<unknown>;
}

export interface LostRanges {
  /** Resolves when it is in the audit log, or never will be; never rejects. */
  tell(range: LostRange): Promise<void>;
  /** For `readiness`. */
  reasons(): string[];
}

export function lostRanges(deps: LostRangesDeps): LostRanges {
  const { service, logger, metrics, clock } = deps;
  /** By where they begin: a read-back that is tried again meets the same gap. */
  const told = new Map<string, string>();
  return {
    async tell({ topic, partition, from, to }) {
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
      // Of a log that was cut nobody can say what is gone.
      if (to < from) return;
      const record = { type: 'RangeLost', at: timestamp(clock.now()), service, topic, partition, from, to } as const;
      const value = encodeAudit(record);
      try {
        await deps.append({ topic: deps.topic, partition: partition % deps.partitions, key: place, value });
      } catch (error) {
        logger.error({ error, place, from, to }, 'the lost range is not in the audit log');
      }
    },
    reasons: () => [...told.values()],
  };
}
