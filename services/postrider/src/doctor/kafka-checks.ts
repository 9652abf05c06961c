// What is asked of Kafka: who answers, what stands there, what this user may do, and how the consumer groups fare. Nothing is
// written.

import { topicNames, topicTable } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { KafkaError, type KafkaAdmin, type KafkaCluster, type TopicDescription } from '@postrider/kafka';
import { serviceWords, openKafka } from '../composition.ts';
import { topicLooksAtOnce } from '../limits.ts';
import { eventTopicsOf, topicSettings, type PostriderConfig } from '../settings.ts';
import { checkTopics } from '../topics.ts';
import { brokerFinding } from './broker-trouble.ts';
import { judgeNewestRecord } from './clock-rules.ts';
import { judgeCluster } from './cluster-rules.ts';
import { findingsOf, type Finding } from './finding.ts';
import { judgeGroup, type TopicLag } from './group-rules.ts';
import { judgeRetention } from './retention-rules.ts';
import { eachBounded, type Check } from './run-checks.ts';
import { judgeTopics } from './topic-rules.ts';

export interface KafkaPorts {
  readonly config: PostriderConfig;
  readonly cluster: KafkaCluster;
  readonly admin: KafkaAdmin;
  readonly now: () => number;
  readonly timeoutMs: number;
}

/** Each configured broker by itself: one that is wrong hides behind the others until they are away. */
export function brokerChecks(config: PostriderConfig): Check[] {
  return config['kafka.brokers'].map((broker) => ({
    area: 'kafka',
    subject: broker,
    async run() {
      const cluster = openKafka({ ...config, 'kafka.brokers': [broker] });
      try {
        const { clusterId } = await cluster.admin().clusterInfo();
        return [findingsOf('kafka').ok({ subject: broker, what: `answers, cluster ${clusterId}` })];
      } catch (error) {
        return [brokerFinding(broker, error)];
      } finally {
        await cluster.close();
      }
    },
  }));
}

export function clusterCheck({ config, admin }: KafkaPorts): Check {
  return {
    area: 'cluster',
    subject: 'cluster',
    async run() {
      const { brokers, controller } = await admin.clusterInfo();
      return judgeCluster({
        brokers: brokers.length,
        controller,
        environment: config.environment,
        replicationFactor: config['topics.replicationFactor'],
        minInsyncReplicas: config['topics.minInsyncReplicas'],
      });
    },
  };
}

export function topicCheck({ config, admin }: KafkaPorts): Check {
  return {
    area: 'topics',
    subject: 'topics',
    run: async () => judgeTopics(await checkTopics(admin, config)),
  };
}

export function retentionCheck({ config, admin }: KafkaPorts, endpoints: readonly Endpoint[]): Check {
  return {
    area: 'retention',
    subject: 'topics',
    async run() {
      const names = topicNames(config.environment);
      const tiers = config['retry.tiers'];
      const described = await admin.describeTopics([
        names.dispatches,
        names.attempts,
        names.dlq,
        ...tiers.map(names.retry),
      ]);
      return judgeRetention({ endpoints, tiers, names, configOf: (topic) => described.get(topic)?.config });
    },
  };
}

/** Describe and Read of every topic, and the newest record of those that carry the broker's own time. */
export function rightsCheck({ config, cluster, admin, now, timeoutMs }: KafkaPorts): Check {
  return {
    area: 'rights',
    subject: 'topics',
    async run() {
      const names = topicTable(topicSettings(config)).map(({ name }) => name);
      const described = await admin.describeTopics(names);
      let newestMs: number | undefined;
      const found = await eachBounded(names, topicLooksAtOnce, async (topic): Promise<Finding[]> => {
        const looked = await lookAtTopic({ cluster, admin, timeoutMs }, topic);
        if (looked.finding) return [looked.finding];
        if (looked.newestMs !== undefined && isBrokerTime(described.get(topic)))
          newestMs = Math.max(newestMs ?? 0, looked.newestMs);
        return [];
      });
      const denied = found.flat();
      const { ok } = findingsOf('rights');
      const rights =
        denied.length > 0
          ? denied
          : [ok({ subject: `${names.length} topics`, what: 'may be described and read; writing is not tried' })];
      return [...rights, judgeNewestRecord('Kafka', newestMs, now())];
    },
  };
}

function isBrokerTime(description: TopicDescription | undefined): boolean {
  return description?.config['message.timestamp.type'] === 'LogAppendTime';
}

async function lookAtTopic(
  { cluster, admin, timeoutMs }: Pick<KafkaPorts, 'cluster' | 'admin' | 'timeoutMs'>,
  topic: string,
): Promise<{ readonly finding?: Finding; readonly newestMs?: number | undefined }> {
  let operation = 'Describe';
  try {
    const [starts, ends] = await Promise.all([admin.startOffsets(topic), admin.endOffsets(topic)]);
    const last = [...ends].flatMap(([partition, end]): [number, number][] =>
      end > (starts.get(partition) ?? 0) ? [[partition, end - 1]] : [],
    );
    operation = 'Read';
    let newestMs: number | undefined;
    if (last.length > 0) {
      const partitions = last.map(([partition]) => partition);
      const onRecord = ({ timestamp }: { timestamp: number }): void =>
        void (newestMs = Math.max(newestMs ?? 0, timestamp));
      await cluster.scan({ topic, partitions, from: new Map(last), timeoutMs, onRecord });
    }
    return { newestMs };
  } catch (error) {
    // That it is missing is said elsewhere.
    if (!(error instanceof KafkaError) || error.code === 'unknown-topic') return {};
    if (error.code !== 'not-authorized') throw error;
    const what = `this user may not ${operation.toLowerCase()} it`;
    const mend = `kafka-acls --add --allow-principal User:<user> --operation ${operation} --topic ${topic}`;
    return { finding: findingsOf('rights').problem({ subject: topic, what, mend }) };
  }
}

export function groupChecks({ config, cluster, admin, now, timeoutMs }: KafkaPorts): Check[] {
  const names = topicNames(config.environment);
  const delays = new Map(config['retry.tiers'].map((tier) => [names.retry(tier), tier.delayMs]));
  const topicsOf: Record<(typeof serviceWords)[number], readonly string[]> = {
    convergence: eventTopicsOf(config),
    dispatch: [names.dispatches],
    'retry-scheduler': [...delays.keys()],
    'audit-projector': [names.audit, names.attempts],
  };
  return serviceWords.map((service): Check => {
    const group = `${config.environment}.${service}`;
    return {
      area: 'groups',
      subject: group,
      async run() {
        try {
          const { state, members } = await admin.describeGroup(group);
          const present = await admin.describeTopics(topicsOf[service]);
          const lags = await eachBounded([...present.keys()], topicLooksAtOnce, (topic) =>
            lagOf({ cluster, admin, now, timeoutMs }, group, topic, delays.get(topic) ?? 0),
          );
          return judgeGroup({ service, group, state, members: members.length, lags });
        } catch (error) {
          // The driver keeps to itself why no broker named the coordinator.
          const unfound = error instanceof KafkaError && error.message.includes('find group coordinator');
          if (!unfound && !(error instanceof KafkaError && error.code === 'not-authorized')) throw error;
          const what = unfound
            ? 'its coordinator is not told: this user may not describe the group, or __consumer_offsets has no leader'
            : 'this user may not read the group';
          const mend = `kafka-acls --add --allow-principal User:<user> --operation Read --group ${group}`;
          return [findingsOf('rights').problem({ subject: group, what, mend })];
        }
      },
    };
  });
}

async function lagOf(
  { cluster, admin, now, timeoutMs }: Pick<KafkaPorts, 'cluster' | 'admin' | 'now' | 'timeoutMs'>,
  group: string,
  topic: string,
  expectedMs: number,
): Promise<TopicLag> {
  const [starts, ends, committed] = await Promise.all([
    admin.startOffsets(topic),
    admin.endOffsets(topic),
    admin.committed(group, [topic]),
  ]);
  const at = new Map(committed.map(({ partition, offset }) => [partition, offset]));
  const behind = [...ends].flatMap(([partition, end]) => {
    const next = Math.max(at.get(partition) ?? 0, starts.get(partition) ?? 0);
    return end > next ? [{ partition, next, records: end - next }] : [];
  });
  let oldestMs: number | undefined;
  for (const { partition, next } of behind) {
    await cluster.scan({
      topic,
      partitions: [partition],
      from: new Map([[partition, next]]),
      to: new Map([[partition, next + 1]]),
      timeoutMs,
      onRecord({ timestamp }) {
        oldestMs = Math.max(oldestMs ?? 0, now() - timestamp);
        return 'stop';
      },
    });
  }
  return { topic, records: behind.reduce((sum, { records }) => sum + records, 0), oldestMs, expectedMs };
}
