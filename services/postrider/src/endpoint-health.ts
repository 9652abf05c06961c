// How an endpoint fares, read from the log: the records of its partition of `attempts`, folded by the same function that its
// owner uses. No service is asked, so it is told of a stopped dispatch as well as of a running one.

import {
  breakerAfterRecord,
  decodeAudit,
  partitionOf,
  topicNames,
  type AttemptsRecord,
} from '@postrider/core/contracts';
import {
  breakerPolicyOf,
  breakerState,
  type AttemptId,
  type Breaker,
  type BreakerPolicy,
  type Endpoint,
} from '@postrider/core/domain';
import { KafkaError, type KafkaAdmin, type KafkaCluster } from '@postrider/kafka';
import { failuresShownMax, healthLookBackMs, healthRecordsMax } from './limits.ts';

export interface EndpointHealth {
  readonly breaker: {
    readonly state: 'closed' | 'open' | 'half-open' | 'off';
    /** ISO 8601; null when it was closed for as long as was looked at. */
    readonly since: string | null;
    readonly nextProbe: string | null;
    /** Times that it opened since it last stayed closed. */
    readonly openings: number;
    readonly failuresInRow: number;
    readonly policy: BreakerPolicy | null;
  };
  /** This version answered 410: nothing is sent to it. */
  readonly goneSince: string | null;
  /** Put off and not attempted since, by reason; of an outage that is older than what was looked at, only a part. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly lastSuccess: string | null;
  /** Newest first. */
  readonly lastFailures: readonly {
    readonly at: string;
    readonly attempt: AttemptId;
    readonly outcome: string;
    readonly httpStatus: number | null;
    readonly detail: string | null;
  }[];
  /** What was looked at begins here. */
  readonly from: string;
}

/** Folds the records of one endpoint, in log order. */
export class HealthFold {
  readonly #endpoint: Endpoint;
  readonly #waiting = new Map<AttemptId, string>();
  #breaker: Breaker | undefined;
  #goneSince: string | null = null;
  #attempts = 0;
  #lastSuccess: string | null = null;
  #lastFailures: EndpointHealth['lastFailures'] = [];

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  take(record: AttemptsRecord): void {
    this.#breaker = breakerAfterRecord(this.#breaker, record, this.#endpoint);
    switch (record.type) {
      case 'DispatchDeferred':
        this.#waiting.set(record.attemptId, record.reason);
        return;
      case 'DispatchEnded':
        this.#waiting.delete(record.attemptId);
        return;
      case 'EndpointDisabled':
        // An id that is used again may begin with the same version.
        if (
          record.endpointVersion === this.#endpoint.version &&
          Date.parse(record.at) >= Date.parse(this.#endpoint.updatedAt)
        )
          this.#goneSince = record.at;
        return;
      case 'AttemptSettled': {
        this.#waiting.delete(record.attemptId);
        this.#attempts++;
        const { startedAt: at, attemptId: attempt, outcome, httpStatus = null, detail = null } = record;
        if (record.status === 'SUCCESS') this.#lastSuccess = at;
        else
          this.#lastFailures = [{ at, attempt, outcome, httpStatus, detail }, ...this.#lastFailures].slice(
            0,
            failuresShownMax,
          );
        return;
      }
      case 'AttemptStarted':
      case 'PartitionReleased':
        return;
    }
  }

  health(nowMs: number, fromMs: number): EndpointHealth {
    const waiting: Record<string, number> = {};
    for (const reason of this.#waiting.values()) waiting[reason] = (waiting[reason] ?? 0) + 1;
    return {
      breaker: this.#breakerHealth(nowMs),
      goneSince: this.#goneSince,
      waiting,
      attempts: this.#attempts,
      lastSuccess: this.#lastSuccess,
      lastFailures: this.#lastFailures,
      from: iso(fromMs) ?? '',
    };
  }

  #breakerHealth(nowMs: number): EndpointHealth['breaker'] {
    const policy = breakerPolicyOf(this.#endpoint.breaker) ?? null;
    // A state of an earlier version says nothing of this one.
    const breaker = this.#breaker?.endpointVersion === this.#endpoint.version ? this.#breaker : undefined;
    return {
      state: policy === null ? 'off' : breakerState(breaker, nowMs),
      since: iso(breaker?.sinceMs),
      nextProbe: breaker?.kind === 'open' ? iso(breaker.probeAtMs) : null,
      openings: breaker?.openings ?? 0,
      failuresInRow: breaker?.kind === 'closed' ? breaker.run : 0,
      policy,
    };
  }
}

function iso(epochMs: number | undefined): string | null {
  return epochMs === undefined || !Number.isFinite(epochMs) ? null : new Date(epochMs).toISOString();
}

/** Reads the newest part of an endpoint's partition. Undefined when there is no topic to read yet. */
export async function readHealth(
  { cluster, admin }: { readonly cluster: Pick<KafkaCluster, 'scan'>; readonly admin: KafkaAdmin },
  endpoint: Endpoint,
  { nowMs, timeoutMs }: { readonly nowMs: number; readonly timeoutMs: number },
): Promise<EndpointHealth | undefined> {
  const topic = topicNames(endpoint.environment).attempts;
  try {
    const [ends, since] = await Promise.all([
      admin.endOffsets(topic),
      admin.offsetsAt(topic, nowMs - healthLookBackMs),
    ]);
    const partition = partitionOf(endpoint.endpointId, ends.size);
    const from = Math.max(since.get(partition) ?? 0, (ends.get(partition) ?? 0) - healthRecordsMax);
    const fold = new HealthFold(endpoint);
    let fromMs = nowMs - healthLookBackMs;
    let first = true;
    await cluster.scan({
      topic,
      partitions: [partition],
      from: new Map([[partition, from]]),
      timeoutMs,
      onRecord({ key, value, timestamp }) {
        if (first) fromMs = Math.max(fromMs, timestamp);
        first = false;
        if (key?.toString('utf8') !== endpoint.endpointId) return;
        const record = decodeAudit(value);
        if (record.ok) fold.take(record.value as AttemptsRecord);
      },
    });
    return fold.health(nowMs, fromMs);
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'unknown-topic') return undefined;
    throw error;
  }
}
