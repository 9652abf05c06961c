// The composition root: configuration becomes a cluster and services. The only place that knows every service.

import { createAuditProjector } from '@postrider/audit-projector';
import { createConvergence } from '@postrider/convergence';
import { createDispatch } from '@postrider/dispatch';
import type { EgressGuard } from '@postrider/http';
import { openCluster, type KafkaCluster, type KafkaSettings } from '@postrider/kafka';
import { createRetryScheduler } from '@postrider/retry-scheduler';
import type { Clock, Logger, Metrics, Random, SecretSource, Service, Timers } from '@postrider/runtime';
import type { PostriderConfig } from './settings.ts';

/** In start order, and stopped in reverse: who reads what another writes runs first and longest. */
export const serviceWords = ['audit-projector', 'retry-scheduler', 'dispatch', 'convergence'] as const;
export type ServiceWord = (typeof serviceWords)[number];

export interface ServiceParts {
  readonly config: PostriderConfig;
  readonly cluster: KafkaCluster;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly busyShare: () => number;
  readonly secrets: SecretSource;
  readonly guard: EgressGuard;
}

/** The named services, not yet started, in start order. */
export function composeServices(names: readonly ServiceWord[], parts: ServiceParts): Service[] {
  const makers: Record<ServiceWord, (parts: ServiceParts) => Service> = {
    'audit-projector': createAuditProjector,
    'retry-scheduler': createRetryScheduler,
    dispatch: createDispatch,
    convergence: createConvergence,
  };
  return serviceWords
    .filter((word) => names.includes(word))
    .map((word) => makers[word]({ ...parts, logger: parts.logger.child({ service: word }) }));
}

/** A cluster from the configuration; nothing is dialled yet. What the driver says goes to the log as detail. */
export function openKafka(config: PostriderConfig, logger?: Logger): KafkaCluster {
  return openCluster({
    brokers: config['kafka.brokers'],
    clientId: config['kafka.clientId'],
    ...kafkaSecurity(config),
    ...(logger ? { log: ({ message, fields }) => logger.debug(fields, message) } : {}),
  });
}

function kafkaSecurity(config: PostriderConfig): Pick<KafkaSettings, 'tls' | 'sasl'> {
  const tls = {
    ...(config['kafka.tls.ca'] === undefined ? {} : { ca: config['kafka.tls.ca'] }),
    ...(config['kafka.tls.cert'] === undefined ? {} : { cert: config['kafka.tls.cert'] }),
    ...(config['kafka.tls.key'] === undefined ? {} : { key: config['kafka.tls.key'] }),
  };
  const mechanism = config['kafka.sasl.mechanism'];
  const { 'kafka.sasl.username': username = '', 'kafka.sasl.password': password = '' } = config;
  return {
    ...(config['kafka.tls.enabled'] ? { tls } : {}),
    ...(mechanism === 'none' ? {} : { sasl: { mechanism, username, password } }),
  };
}
