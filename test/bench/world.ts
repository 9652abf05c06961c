// What one scenario runs in: topics, database and endpoints of its own on the stack of the whole bench.

import { encodeEndpoint, topicNames, topicTable, type TopicNames } from '@postrider/core/contracts';
import type { Endpoint, EndpointId, ProjectId } from '@postrider/core/domain';
import type { Stack } from '@postrider/dev-stack';
import type { KafkaCluster } from '@postrider/kafka';
import { migrate, openAuditReads, openDatabase, type AuditReads, type Database } from '@postrider/postgres';
import { commonRows, loadConfig } from '@postrider/runtime';
import { concurrencyAlone, concurrencyAmongMany, endpointBatch, originCount, partitionCount } from './limits.ts';
import type { DeliveryScenario } from './scenarios.ts';
import { envoyKey, envoyKeyId, eventTypeOf, originHost, signingSecret } from './traffic.ts';

const signingSecretName = 'BENCH_SIGNING_SECRET';
const envoyKeyName = 'BENCH_ENVOY_KEY';

export interface Ground {
  readonly stack: Stack;
  readonly cluster: KafkaCluster;
  readonly caPem: string;
  readonly receiverPort: number;
}

export interface World {
  readonly environment: string;
  readonly topics: TopicNames;
  readonly eventTopic: string;
  readonly reads: AuditReads;
  /** Settings of every service, by environment variable. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes topics, so that the next scenario finds the broker as this one did. */
  close(): Promise<void>;
}

export async function createWorld(
  ground: Ground,
  environment: string,
  {
    endpoints,
    profile,
    endpoint: over = () => ({}),
  }: Pick<DeliveryScenario, 'endpoints' | 'profile'> & { readonly endpoint?: (index: number) => Partial<Endpoint> },
): Promise<World> {
  const { stack, cluster, receiverPort } = ground;
  const topics = topicNames(environment);
  const eventTopic = `${environment}.events`;
  const postgresUrl = await stack.createDatabase(`bench_${environment}`);
  await migrate(postgresUrl);
  const defaults = loadConfig(commonRows, { env: {} });
  if (!defaults.ok) throw new Error(JSON.stringify(defaults.problems));
  const table = topicTable({
    environment,
    partitions: partitionCount,
    replicationFactor: 1,
    minInsyncReplicas: 1,
    tiers: defaults.config['retry.tiers'],
    eventTopics: [eventTopic],
    eventPartitions: partitionCount,
  });
  const admin = cluster.admin();
  await admin.applyTopics(table);
  const appender = cluster.openAppender();
  for (let from = 0; from < endpoints; from += endpointBatch) {
    await appender.appendAll(
      Array.from({ length: Math.min(endpointBatch, endpoints - from) }, (_, offset) => {
        const index = from + offset;
        const url = `https://${originHost(index)}:${receiverPort}/hooks/${index}`;
        const alone = endpoints === 1;
        const endpoint = {
          ...endpointOf({ environment, index, url, ca: ground.caPem, alone, profile }),
          ...over(index),
        };
        return { topic: topics.endpoints, partition: 0, key: endpoint.endpointId, value: encodeEndpoint(endpoint) };
      }),
    );
  }
  await appender.close();
  const database: Database = openDatabase({ url: postgresUrl, applicationName: 'bench' });
  return {
    environment,
    topics,
    eventTopic,
    reads: openAuditReads(database, environment),
    env: {
      POSTRIDER_ENVIRONMENT: environment,
      POSTRIDER_KAFKA_BROKERS: stack.kafka.brokers.join(','),
      POSTRIDER_POSTGRES_URL: postgresUrl,
      POSTRIDER_TOPICS_PARTITIONS: String(partitionCount),
      POSTRIDER_HEALTH_PORT: '0',
      POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
      POSTRIDER_EGRESS_ALLOW_HOSTS: Array.from({ length: originCount }, (_, i) => `${originHost(i)}=127.0.0.1`).join(
        ',',
      ),
      [signingSecretName]: signingSecret,
      [envoyKeyName]: envoyKey,
    },
    async close() {
      await database.close();
      await admin.deleteTopics(table.map(({ name }) => name));
      await admin.close();
    },
  };
}

/** By profile. */
const secretsOf: Readonly<Record<DeliveryScenario['profile'], Endpoint['secrets']>> = {
  'standard-webhooks': [{ id: 'k1', purpose: 'signing', ref: `env:${signingSecretName}` }],
  plain: [],
  envoy: [{ id: envoyKeyId, purpose: 'signing', ref: `env:${envoyKeyName}` }],
};

/** As the endpoint form would fill it in. */
function endpointOf(of: {
  environment: string;
  index: number;
  url: string;
  ca: string;
  alone: boolean;
  profile: DeliveryScenario['profile'];
}): Endpoint {
  return {
    endpointId: `ep-${of.index}` as EndpointId,
    version: 1,
    managedBy: 'file',
    projectId: 'bench' as ProjectId,
    environment: of.environment,
    url: of.url,
    status: { kind: 'enabled' },
    eventTypes: [eventTypeOf(of.index)],
    profile: of.profile,
    profileOptions: {},
    method: 'POST',
    headers: {},
    auth: undefined,
    timeoutMs: 15_000,
    // A call is made once.
    retry: of.profile === 'envoy' ? { kind: 'named', name: 'none' } : { kind: 'delays', delaysMs: [5_000, 300_000] },
    maxAgeMs: 24 * 60 * 60_000,
    successStatus: [[200, 299]],
    concurrency: of.alone ? concurrencyAlone : concurrencyAmongMany,
    ratePerSecond: undefined,
    tls: { ca: of.ca },
    secrets: secretsOf[of.profile],
    updatedAt: '2026-01-01T00:00:00.000Z',
    updatedBy: 'bench',
    approvedBy: undefined,
  };
}
