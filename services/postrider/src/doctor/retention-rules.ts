// Does the broker keep records for as long as the retry policies of the present endpoints need them? Pure.
//
//   retry.<tier>  longer than its delay, or what waits is deleted before it is given back
//   dispatches    as long as dispatch may be down
//   attempts      as long as a copy of an attempt may come late: the last retry of the most patient endpoint

import type { TopicNames } from '@postrider/core/contracts';
import { delayAfter, type Endpoint, type Tier } from '@postrider/core/domain';
import { formatDuration } from '@postrider/runtime';
import { retentionSlackMs } from '../limits.ts';
import { findingsOf, type Finding } from './finding.ts';

export interface RetentionFacts {
  readonly endpoints: readonly Pick<Endpoint, 'endpointId' | 'retry' | 'maxAgeMs'>[];
  readonly tiers: readonly Tier[];
  readonly names: TopicNames;
  /** Settings of each topic that exists. */
  readonly configOf: (topic: string) => Readonly<Record<string, string>> | undefined;
}

const { ok, warning, problem } = findingsOf('retention');
const applyMend = 'run `postrider topics apply`, which sets the retention of the table';

export function judgeRetention({ endpoints, tiers, names, configOf }: RetentionFacts): Finding[] {
  const found: Finding[] = [];
  const retention = (topic: string): number | undefined => retentionMs(configOf(topic));

  for (const tier of tiers) {
    const subject = names.retry(tier);
    const kept = retention(subject);
    if (kept === undefined) continue;
    const what = `keeps records for ${formatDuration(kept)}, and what waits there waits ${formatDuration(tier.delayMs)}`;
    if (kept <= tier.delayMs) found.push(problem({ subject, what: `${what}: retries are lost`, mend: applyMend }));
    else if (kept < tier.delayMs + retentionSlackMs)
      found.push(
        warning({ subject, what: `${what}: a scheduler that is down for long loses retries`, mend: applyMend }),
      );
  }

  const dispatches = retention(names.dispatches);
  if (dispatches !== undefined && dispatches < retentionSlackMs) {
    const what = `keeps records for ${formatDuration(dispatches)}: deliveries are lost when dispatch is down for longer`;
    found.push(warning({ subject: names.dispatches, what, mend: applyMend }));
  }

  const attempts = retention(names.attempts);
  for (const endpoint of endpoints) {
    const horizon = retryHorizon(endpoint);
    const subject = endpoint.endpointId;
    if (attempts !== undefined && attempts < horizon.lastMs) {
      found.push(
        problem({
          subject,
          what: `retries for ${formatDuration(horizon.lastMs)}, and ${names.attempts} keeps records for ${formatDuration(attempts)} only: an attempt may be made twice`,
          mend: applyMend,
        }),
      );
    }
    if (horizon.neverMade > 0) {
      found.push(
        warning({
          subject,
          what: `its last ${horizon.neverMade} retries come after maxAge (${formatDuration(endpoint.maxAgeMs)}) and are never made`,
          mend: 'raise maxAge or shorten retry in the endpoints file',
        }),
      );
    }
  }

  for (const topic of [names.dispatches, names.attempts, names.dlq, ...tiers.map(names.retry)]) {
    const bytes = configOf(topic)?.['retention.bytes'];
    if (bytes === undefined || bytes === '-1') continue;
    const what = `retention.bytes is ${bytes}: records are deleted by size, whatever their age`;
    found.push(
      warning({ subject: topic, what, mend: `kafka-configs --alter --topic ${topic} --delete-config retention.bytes` }),
    );
  }
  if (found.length > 0) return found;
  return [
    ok({ subject: `${endpoints.length} endpoints`, what: 'records are kept for as long as their retries need them' }),
  ];
}

/** When the last retry is due at the latest, after the first attempt, and how many come too late for `maxAgeMs`. */
export function retryHorizon({ retry, maxAgeMs }: Pick<Endpoint, 'retry' | 'maxAgeMs'>): {
  readonly lastMs: number;
  readonly neverMade: number;
} {
  let dueMs = 0;
  let lastMs = 0;
  let neverMade = 0;
  for (let attempt = 1; ; attempt += 1) {
    // The most that spreading can add.
    const delayMs = delayAfter(retry, attempt, 1);
    if (delayMs === undefined) return { lastMs, neverMade };
    dueMs += delayMs;
    if (dueMs <= maxAgeMs) lastMs = dueMs;
    else neverMade += 1;
  }
}

/** Undefined: not known. −1 is for ever. */
function retentionMs(config: Readonly<Record<string, string>> | undefined): number | undefined {
  const value = Number(config?.['retention.ms'] ?? Number.NaN);
  if (!Number.isFinite(value)) return undefined;
  return value < 0 ? Number.POSITIVE_INFINITY : value;
}
