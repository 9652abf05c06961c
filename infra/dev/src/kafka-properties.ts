// The server.properties of our brokers, as a pure function: small, loopback only, and quick to notice a death.

import { secureListenerLists, secureProperties, type KafkaSecurity, type SecurePorts } from './kafka-security.ts';

export type BrokerAddress = { nodeId: number; brokerPort: number; controllerPort: number };

export type BrokerProperties = Record<string, string | number | boolean>;

/**
 * Properties of one broker-and-controller of a cluster.
 *
 * @param options.cluster all brokers, in order of their node ids
 * @param options.secure listeners beside the plain one
 * @param options.overrides win over everything here
 */
export function brokerProperties(options: {
  self: BrokerAddress;
  cluster: readonly BrokerAddress[];
  logDir: string;
  secure?: { ports: SecurePorts; security: KafkaSecurity } | undefined;
  overrides?: BrokerProperties | undefined;
}): BrokerProperties {
  const { self, cluster, logDir } = options;
  const replicas = cluster.length;
  const inSync = replicas > 1 ? 2 : 1;
  const { secure } = options;
  const more = secure ? secureListenerLists(secure.ports) : { listeners: '', protocols: '' };
  return {
    'process.roles': 'broker,controller',
    'node.id': self.nodeId,
    'log.dirs': logDir,
    listeners: `PLAINTEXT://127.0.0.1:${self.brokerPort},CONTROLLER://127.0.0.1:${self.controllerPort}${more.listeners}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${self.brokerPort}${more.listeners}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${more.protocols}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    // Static voters: the formatted folder then holds no ports and can be copied for any.
    'controller.quorum.voters': cluster.map((node) => `${node.nodeId}@127.0.0.1:${node.controllerPort}`).join(','),

    // As on any honest production cluster: topics come from our own table only.
    'auto.create.topics.enable': false,
    'num.partitions': 1,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'unclean.leader.election.enable': false,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,

    // Small: one development machine runs up to three of them.
    'num.network.threads': 2,
    'num.io.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
    'log.cleaner.dedupe.buffer.size': 2_097_152,

    // Quick to notice a death: with the defaults a restart after kill −9 takes 11 s instead of 3 s.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 400,
    ...(replicas > 1 && {
      'replica.lag.time.max.ms': 3_000,
      'controller.quorum.election.timeout.ms': 400,
      'controller.quorum.fetch.timeout.ms': 1_000,
    }),
    ...(secure && secureProperties(secure.security)),
    ...options.overrides,
  };
}

/** The text of a properties file; a value may have lines, as PEM has. */
export function propertiesText(properties: BrokerProperties): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('');
}
