/** Topics, offsets and groups, for commands and for checks at a start. Every call is bounded and rejects with KafkaError. */
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { backoffMs, pause } from './backoff.ts';
import { openConnections } from './connections.ts';
import { readFailure, toKafkaError } from './driver-error.ts';
import { EARLIEST, LATEST } from './driver.ts';
import { fetchCommitted } from './group-membership.ts';
import { KafkaError } from './kafka-error.ts';
import { knowTopics } from './leaders.ts';
import { ADMIN_READ_TRIES as READ_TRIES, NEW_TOPIC_TRIES } from './limits.ts';
import { listOffsets } from './offsets.ts';
import { safeInteger } from './record.ts';
import type { TopicPartition } from './record.ts';
import { driverConfig, DROPPED } from './settings.ts';
import type { KafkaSettings, SocketSet } from './settings.ts';
import { planTopicChanges } from './topic-plan.ts';
import type { TopicChange, TopicDescription, TopicSpec } from './topic-plan.ts';

export interface ClusterInfo {
  clusterId: string;
  controller: number | null;
  brokers: { nodeId: number; host: string; port: number }[];
}

export interface GroupDescription {
  /** The broker's word: `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Dead`. */
  state: string;
  members: { memberId: string; clientId: string }[];
}

export interface CommittedOffset extends TopicPartition {
  offset: number;
  metadata: string;
}

export interface KafkaAdmin {
  /** What `applyTopics` would do; changes nothing. */
  planTopics(specs: readonly TopicSpec[]): Promise<TopicChange[]>;
  /** Creates what is absent and corrects settings; never changes partitions or replication, and never relies on auto-creation. */
  applyTopics(specs: readonly TopicSpec[]): Promise<TopicChange[]>;
  /** Topics that do not exist are absent from the map. */
  describeTopics(names: readonly string[]): Promise<Map<string, TopicDescription>>;
  listTopics(): Promise<string[]>;
  deleteTopics(names: readonly string[]): Promise<void>;
  startOffsets(topic: string): Promise<Map<number, number>>;
  /** Readable ends: open transactions are not counted. */
  endOffsets(topic: string): Promise<Map<number, number>>;
  /** The first offset at or after `timestampMs` (epoch) by partition; the end where nothing is that late. */
  offsetsAt(topic: string, timestampMs: number): Promise<Map<number, number>>;
  /** Only partitions that have a commit. A commit of the last 50 ms may not be seen yet. */
  committed(groupId: string, topics: readonly string[]): Promise<CommittedOffset[]>;
  listGroups(): Promise<string[]>;
  describeGroup(groupId: string): Promise<GroupDescription>;
  /** A group that does not exist is not an error; one with members is. */
  deleteGroup(groupId: string): Promise<void>;
  clusterInfo(): Promise<ClusterInfo>;
  close(): Promise<void>;
}

export function openAdmin(settings: KafkaSettings): KafkaAdmin {
  const connections = openConnections(settings);
  const sockets: SocketSet = { open: new Set(), dropped: false };
  let driver: Promise<Admin> | null = null;

  function admin(): Promise<Admin> {
    driver ??= (async () => {
      const created = new kafkajs.Kafka(driverConfig(settings, [...settings.brokers], sockets)).admin();
      await created.connect();
      return created;
    })();
    driver.catch(() => (driver = null));
    return driver;
  }

  async function withAdmin<T>(doing: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await work(await admin());
    } catch (error) {
      throw toKafkaError(error, doing);
    }
  }

  async function partitionsOf(topic: string): Promise<TopicPartition[]> {
    const cluster = await connections.get();
    await knowTopics(cluster, [topic]);
    const partitions = cluster
      .findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ topic, partition: partitionId }));
    return partitions.sort((a, b) => a.partition - b.partition);
  }

  /** Reads, with a few more tries on healed connections: a broker may have just restarted, a topic just been made. */
  async function reading<T>(doing: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        await connections.heal(error);
        const known = toKafkaError(error, doing);
        const final = known.code === 'unknown-topic' || known.code === 'not-authorized' || known.code === 'closed';
        if (final || attempt >= READ_TRIES) throw known;
        await pause(backoffMs(attempt), new AbortController().signal);
      }
    }
  }

  function offsetsOf(topic: string, timestamp: number): Promise<Map<number, number>> {
    return reading(`offsets of ${topic}`, async () => {
      const partitions = await partitionsOf(topic);
      const offsets = await listOffsets(await connections.get(), partitions, timestamp);
      return new Map(partitions.map(({ partition }) => [partition, offsets.get(`${partition}/${topic}`) ?? -1]));
    });
  }

  async function describeTopics(names: readonly string[]): Promise<Map<string, TopicDescription>> {
    return withAdmin('describing topics', async (client) => {
      const existing = new Set(await client.listTopics());
      const present = names.filter((name) => existing.has(name));
      if (present.length === 0) return new Map<string, TopicDescription>();
      const { topics } = await client.fetchTopicMetadata({ topics: present });
      const configs = await client.describeConfigs({
        includeSynonyms: false,
        resources: present.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      });
      return new Map(
        topics.map(({ name, partitions }): [string, TopicDescription] => {
          const entries = configs.resources.find((resource) => resource.resourceName === name)?.configEntries ?? [];
          return [
            name,
            {
              partitions: partitions.length,
              replicationFactor: partitions[0]?.replicas.length ?? 0,
              config: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])),
              overrides: entries
                .filter((entry) => entry.configSource === kafkajs.ConfigSource.TOPIC_CONFIG)
                .map((entry) => entry.configName),
            },
          ];
        }),
      );
    });
  }

  /** A topic that was just made gets its leaders within a second or so; only a leader answers for its offsets. */
  async function untilLed(topic: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await listOffsets(await connections.get(), await partitionsOf(topic), LATEST);
        return;
      } catch (error) {
        const known = toKafkaError(error, `waiting for the leaders of ${topic}`);
        if (attempt >= NEW_TOPIC_TRIES || known.code === 'not-authorized' || known.code === 'closed') throw known;
        await connections.heal(error);
      }
      await pause(backoffMs(attempt), new AbortController().signal);
    }
  }

  const planTopics = async (specs: readonly TopicSpec[]): Promise<TopicChange[]> =>
    planTopicChanges(specs, await describeTopics(specs.map((spec) => spec.name)));

  async function applyTopics(specs: readonly TopicSpec[]): Promise<TopicChange[]> {
    const existing = await describeTopics(specs.map((spec) => spec.name));
    const changes = planTopicChanges(specs, existing);
    await withAdmin('applying topics', async (client) => {
      const absent = specs.filter((spec) => !existing.has(spec.name));
      if (absent.length > 0) {
        await client.createTopics({
          // The driver's own waiting gives up on a broker that does not know the topic yet, which is any busy one.
          waitForLeaders: false,
          topics: absent.map((spec) => ({
            topic: spec.name,
            numPartitions: spec.partitions,
            replicationFactor: spec.replicationFactor,
            configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
          })),
        });
      }
      await Promise.all(absent.map((spec) => untilLed(spec.name)));
      const changed = changes.filter((change) => change.kind === 'config-changed');
      if (changed.length === 0) return;
      await client.alterConfigs({
        validateOnly: false,
        resources: changed.map(({ topic, changes: entries }) => {
          // The request replaces all settings of a topic, so what was set before is sent again.
          const found = existing.get(topic);
          const config = new Map((found?.overrides ?? []).map((key) => [key, found?.config[key] ?? '']));
          for (const { key, to } of entries) config.set(key, to);
          return {
            type: kafkajs.ConfigResourceTypes.TOPIC,
            name: topic,
            configEntries: [...config].map(([name, value]) => ({ name, value })),
          };
        }),
      });
    });
    return changes;
  }

  return {
    planTopics,
    applyTopics,
    describeTopics,
    listTopics: () => withAdmin('listing topics', (client) => client.listTopics()),
    deleteTopics: (names) => withAdmin('deleting topics', (client) => client.deleteTopics({ topics: [...names] })),
    startOffsets: (topic) => offsetsOf(topic, EARLIEST),
    endOffsets: (topic) => offsetsOf(topic, LATEST),
    async offsetsAt(topic, timestampMs) {
      const [at, ends] = await Promise.all([offsetsOf(topic, timestampMs), offsetsOf(topic, LATEST)]);
      return new Map(
        [...at].map(([partition, offset]) => [partition, offset < 0 ? (ends.get(partition) ?? 0) : offset]),
      );
    },
    committed: (groupId, topics) =>
      reading(`committed offsets of ${groupId}`, async () => {
        const partitions = (await Promise.all(topics.map(partitionsOf))).flat();
        const coordinator = await (await connections.get()).findGroupCoordinator({ groupId });
        const committed = await fetchCommitted(coordinator, groupId, partitions);
        return partitions.flatMap(({ topic, partition }) => {
          const at = committed.get(`${partition}/${topic}`);
          return at === undefined ? [] : [{ topic, partition, offset: at.offset, metadata: at.metadata }];
        });
      }),
    listGroups: () =>
      withAdmin('listing groups', async (client) => (await client.listGroups()).groups.map((group) => group.groupId)),
    describeGroup: (groupId) =>
      withAdmin(`describing ${groupId}`, async (client) => {
        const group = (await client.describeGroups([groupId])).groups[0];
        if (group === undefined) throw new KafkaError('protocol', `no description of group ${groupId}`);
        return { state: group.state, members: group.members.map(({ memberId, clientId }) => ({ memberId, clientId })) };
      }),
    deleteGroup: (groupId) =>
      withAdmin(`deleting group ${groupId}`, async (client) => {
        try {
          await client.deleteGroups([groupId]);
        } catch (error) {
          const { groups } = error as { groups?: { error?: unknown }[] };
          const refusals = (groups ?? []).map((group) => readFailure(group.error).brokerError);
          if (refusals.length > 0 && refusals.every((refusal) => refusal === 'GROUP_ID_NOT_FOUND')) return;
          throw error;
        }
      }),
    clusterInfo: () =>
      withAdmin('describing the cluster', async (client) => {
        const { clusterId, controller, brokers } = await client.describeCluster();
        return {
          clusterId,
          controller,
          brokers: brokers.map(({ nodeId, host, port }) => ({ nodeId: safeInteger(nodeId, 'node id'), host, port })),
        };
      }),
    async close() {
      connections.close();
      const opened = await driver?.catch(() => null);
      if (opened !== null && opened !== undefined) await opened.disconnect().catch(() => undefined);
      sockets.dropped = true;
      for (const socket of sockets.open) socket.destroy(new Error(DROPPED));
    },
  };
}
