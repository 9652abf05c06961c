// The topics of an environment, made and checked by the one table in core/contracts. Upstream's topics are made when they
// are missing and otherwise left alone: their settings are upstream's choice.

import { topicNames, topicTable } from '@postrider/core/contracts';
import { KafkaError, type KafkaAdmin, type TopicChange } from '@postrider/kafka';
import { sleep, systemTimers } from '@postrider/runtime';
import { topicSeenPauseMs, topicSeenTriesMax } from './limits.ts';
import { topicSettings, type PostriderConfig } from './settings.ts';

/**
 * - `missing`, `drift`: what `apply` mends. `created`, `changed`: what it mended.
 * - `refused`: cannot be changed in place; partitions are for life.
 * - `kept`: upstream's own.
 * - `stranded`: a retry topic that the configuration no longer names: what waits in it is never given back.
 */
export type TopicState = 'ok' | 'missing' | 'drift' | 'created' | 'changed' | 'refused' | 'kept' | 'stranded';

export interface TopicOutcome {
  readonly topic: string;
  readonly state: TopicState;
  readonly partitions: number;
  /** What differs, or why it is refused. */
  readonly detail: string;
}

export type TopicPorts = Pick<KafkaAdmin, 'planTopics' | 'applyTopics' | 'describeTopics' | 'listTopics'>;

/** Compares and changes nothing. */
export async function checkTopics(admin: TopicPorts, config: PostriderConfig): Promise<TopicOutcome[]> {
  const { specs, kept } = await wanted(admin, config);
  const changes = await admin.planTopics(specs);
  return [...kept, ...outcomes(specs, changes, checkWords), ...(await stranded(admin, config))];
}

/** Creates what is missing and mends settings. When anything would have to be refused, nothing at all is done. */
export async function applyTopics(
  admin: TopicPorts,
  config: PostriderConfig,
  pause: (ms: number) => Promise<void> = (ms) => sleep(systemTimers, ms),
): Promise<TopicOutcome[]> {
  const { specs, kept } = await wanted(admin, config);
  const plan = await admin.planTopics(specs);
  const refused = plan.some((change) => change.kind === 'refused');
  if (!refused) await applyUntilSeen(admin, specs, pause);
  const words = refused ? checkWords : ({ created: 'created', changed: 'changed' } as const);
  return [...kept, ...outcomes(specs, plan, words), ...(await stranded(admin, config))];
}

/** A broker may not have heard yet of a topic that the controller has just made; applying again is harmless. */
async function applyUntilSeen(
  admin: TopicPorts,
  specs: readonly Spec[],
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const names = specs.map((spec) => spec.name);
  for (let attempt = 1; attempt <= topicSeenTriesMax; attempt++) {
    try {
      await admin.applyTopics(specs);
      const seen = await admin.describeTopics(names);
      if (names.every((name) => seen.has(name))) return;
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'unknown-topic') throw error;
    }
    await pause(topicSeenPauseMs);
  }
  throw new KafkaError('timeout', 'the topics were made, and the brokers do not know of all of them yet');
}

const checkWords = { created: 'missing', changed: 'drift' } as const;

type Spec = Parameters<KafkaAdmin['planTopics']>[0][number];

async function wanted(admin: TopicPorts, config: PostriderConfig): Promise<{ specs: Spec[]; kept: TopicOutcome[] }> {
  const table = topicTable(topicSettings(config));
  const upstream = await admin.describeTopics(table.filter((spec) => spec.ownedByUpstream).map((spec) => spec.name));
  const kept = [...upstream].map(([topic, { partitions }]): TopicOutcome => ({
    topic,
    state: 'kept',
    partitions,
    detail: "upstream's own; its settings are left alone",
  }));
  const specs = table.filter((spec) => !upstream.has(spec.name)).map(({ ownedByUpstream: _owned, ...spec }) => spec);
  return { specs, kept };
}

function outcomes(
  specs: readonly Spec[],
  changes: readonly TopicChange[],
  words: { readonly created: TopicState; readonly changed: TopicState },
): TopicOutcome[] {
  const partitionsOf = new Map(specs.map((spec) => [spec.name, spec.partitions]));
  return changes.map((change): TopicOutcome => {
    const common = { topic: change.topic, partitions: partitionsOf.get(change.topic) ?? 0 };
    switch (change.kind) {
      case 'created':
        return { ...common, state: words.created, detail: '' };
      case 'unchanged':
        return { ...common, state: 'ok', detail: '' };
      case 'config-changed':
        return {
          ...common,
          state: words.changed,
          detail: change.changes.map(({ key, from, to }) => `${key}: ${from ?? 'not set'} → ${to}`).join(', '),
        };
      case 'refused':
        return { ...common, state: 'refused', detail: change.reason };
    }
  });
}

async function stranded(admin: TopicPorts, config: PostriderConfig): Promise<TopicOutcome[]> {
  const names = topicNames(config.environment);
  const known = new Set(config['retry.tiers'].map(names.retry));
  const prefix = names.retry({ name: '' });
  const extra = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix) && !known.has(topic));
  return extra.toSorted().map((topic) => ({
    topic,
    state: 'stranded',
    partitions: 0,
    detail:
      'not in retry.tiers: what waits in it is never given back; put the tier back until it is empty, then delete it',
  }));
}
