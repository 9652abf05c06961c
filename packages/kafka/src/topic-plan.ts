/** What has to change so that the topics are as the table says. Pure. */

/** The same shape as the topic table in core/contracts. `config` holds only what differs from the broker's defaults. */
export interface TopicSpec {
  name: string;
  partitions: number;
  replicationFactor: number;
  config: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  partitions: number;
  replicationFactor: number;
  /** Every effective setting, defaults included. */
  config: Readonly<Record<string, string>>;
  /** Names of the settings that were set on this topic. */
  overrides: readonly string[];
}

export interface ConfigChange {
  key: string;
  from: string | null;
  to: string;
}

/** `refused`: what cannot be changed in place (partitions, replication), and is left as it is. */
export type TopicChange =
  | { topic: string; kind: 'created' }
  | { topic: string; kind: 'unchanged' }
  | { topic: string; kind: 'config-changed'; changes: ConfigChange[] }
  | { topic: string; kind: 'refused'; reason: string };

/** One change a spec, in their order. Partition counts are for life: partition = hash mod N decides who owns an endpoint. */
export function planTopicChanges(
  specs: readonly TopicSpec[],
  existing: ReadonlyMap<string, TopicDescription>,
): TopicChange[] {
  return specs.map((spec): TopicChange => {
    const found = existing.get(spec.name);
    if (found === undefined) return { topic: spec.name, kind: 'created' };
    if (found.partitions !== spec.partitions) {
      return {
        topic: spec.name,
        kind: 'refused',
        reason: `it has ${found.partitions} partitions, not ${spec.partitions}; the number is chosen for life`,
      };
    }
    if (found.replicationFactor !== spec.replicationFactor) {
      return {
        topic: spec.name,
        kind: 'refused',
        reason: `its replication factor is ${found.replicationFactor}, not ${spec.replicationFactor}`,
      };
    }
    const changes = Object.entries(spec.config)
      .map(([key, to]): ConfigChange => ({ key, from: found.config[key] ?? null, to }))
      .filter(({ from, to }) => from !== to);
    return changes.length === 0
      ? { topic: spec.name, kind: 'unchanged' }
      : { topic: spec.name, kind: 'config-changed', changes };
  });
}
