// The one table of topics: names, partitions, retention. `postrider topics apply` makes them, the broker never does.

import type { Tier } from '../domain/index.ts';

export interface TopicSettings {
  /** Lower-case word; every topic of one environment begins with it. */
  readonly environment: string;
  /** N: dispatches, retry, dlq and attempts are co-partitioned by it, for life. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  /** Retry tiers in rising order of delay. */
  readonly tiers: readonly Tier[];
  /** Upstream's topics that are created when missing; partitions of their own. */
  readonly eventTopics: readonly string[];
  readonly eventPartitions: number;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  /** Upstream may have made it already with settings of its own: existing ones are left alone. */
  readonly ownedByUpstream: boolean;
}

/** Names of one environment's topics. */
export interface TopicNames {
  readonly dispatches: string;
  readonly dlq: string;
  readonly rejected: string;
  readonly attempts: string;
  readonly audit: string;
  readonly checkpoints: string;
  readonly endpoints: string;
  readonly gone: string;
  readonly replies: string;
  readonly retry: (tier: Pick<Tier, 'name'>) => string;
}

/** Lower-case letters, digits and inner hyphens: it stands in topic names, group ids and table rows. */
export const environmentPattern = /^[a-z][a-z0-9-]{0,30}$/;

export function topicNames(environment: string): TopicNames {
  const name = (word: string): string => `${environment}.${word}`;
  return {
    dispatches: name('dispatches'),
    dlq: name('dlq'),
    rejected: name('rejected'),
    attempts: name('attempts'),
    audit: name('audit'),
    checkpoints: name('audit.checkpoints'),
    endpoints: name('endpoints'),
    gone: name('gone'),
    replies: name('replies'),
    retry: (tier) => name(`retry.${tier.name}`),
  };
}

const day = 24 * 60 * 60_000;
/** Room for an event at its largest with its headers and ours. */
const messageBytesMax = String(4 * 1024 * 1024);

/** Every topic of an environment with the settings it must have. */
export function topicTable(settings: TopicSettings): TopicSpec[] {
  const names = topicNames(settings.environment);
  const common = {
    'min.insync.replicas': String(settings.minInsyncReplicas),
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': messageBytesMax,
  };
  const kept = (retentionMs: number): Record<string, string> => ({
    ...common,
    'cleanup.policy': 'delete',
    'retention.ms': String(retentionMs),
  });
  const topic = (name: string, partitions: number, config: Record<string, string>): TopicSpec => ({
    name,
    partitions,
    replicationFactor: settings.replicationFactor,
    config,
    ownedByUpstream: false,
  });
  const n = settings.partitions;
  // The broker's clock, not the writer's, says when a record came: retries are never early by it, restores look up by
  // it, and what was put off before an endpoint's newer record is called back by it.
  const brokerTime = { 'message.timestamp.type': 'LogAppendTime' };
  return [
    ...settings.eventTopics.map((name) => ({
      ...topic(name, settings.eventPartitions, kept(7 * day)),
      ownedByUpstream: true,
    })),
    topic(names.dispatches, n, { ...kept(7 * day), ...brokerTime }),
    ...settings.tiers.map((tier) => topic(names.retry(tier), n, { ...kept(tier.delayMs + 7 * day), ...brokerTime })),
    topic(names.dlq, n, { ...kept(30 * day), ...brokerTime }),
    topic(names.rejected, n, kept(30 * day)),
    topic(names.attempts, n, { ...kept(90 * day), ...brokerTime }),
    topic(names.audit, n, { ...kept(90 * day), ...brokerTime }),
    topic(names.checkpoints, 1, { ...kept(-1), ...brokerTime }),
    // A reader that finds neither a record nor a tombstone of an endpoint parks its dispatches for ever: tombstones must outlive
    // everything that may still name the endpoint.
    topic(names.endpoints, 1, {
      ...common,
      ...brokerTime,
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(90 * day),
    }),
    // Which endpoint versions answered 410 is true for ever, and read whole (decision 0046).
    topic(names.gone, 1, { ...common, ...brokerTime, 'cleanup.policy': 'compact' }),
    topic(names.replies, n, kept(day)),
  ];
}
