// The provider for those who want containers: Apache's own Kafka image and the official PostgreSQL image.
// The library is loaded only when it is used: it takes longer than starting PostgreSQL.

import { KAFKA_VERSION_DEFAULT } from './embedded.ts';
import { pickPorts } from './free-port.ts';
import { KAFKA_READY_TIMEOUT_MS } from './limits.ts';
import { told, type Progress } from './progress.ts';
import { StackError, reasonOf } from './stack-error.ts';
import type { KafkaOptions } from './stack.ts';

/** The same major version as the embedded one. */
const POSTGRES_IMAGE = 'postgres:18-alpine';

const KAFKA_PORT = 9092;
const POSTGRES_PORT = 5432;

export type ContainerServer<Address> = { address: Address; stop(): Promise<void> };

/** Why containers cannot be used here; undefined when Docker answers. */
export async function containersUnavailable(): Promise<string | undefined> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers');
    await getContainerRuntimeClient();
    return undefined;
  } catch (error) {
    return `Docker does not answer: ${reasonOf(error)}`;
  }
}

/** @throws {StackError} `containers-unavailable` */
export async function startContainerKafka(
  options: KafkaOptions,
  progress: Progress,
): Promise<ContainerServer<string[]>> {
  const host = await dockerHost();
  const { GenericContainer, Wait } = await import('testcontainers');
  if (options.brokers === 3) {
    throw new StackError('containers-unavailable', 'Three brokers are only embedded: unset POSTRIDER_CONTAINERS.');
  }
  const version = options.version ?? KAFKA_VERSION_DEFAULT;
  // The broker must tell its clients an address before it starts, so its port on the host is chosen here.
  const [port = 0] = await pickPorts(1);
  const overrides: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.properties ?? {})) overrides[environmentName(key)] = String(value);
  const container = await told(progress, `Starting Apache Kafka ${version} in a container`, () =>
    new GenericContainer(`apache/kafka:${version}`)
      .withExposedPorts({ container: KAFKA_PORT, host: port })
      .withEnvironment({
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: `PLAINTEXT://0.0.0.0:${KAFKA_PORT},CONTROLLER://localhost:9093`,
        KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${host}:${port}`,
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
        ...overrides,
      })
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .withStartupTimeout(KAFKA_READY_TIMEOUT_MS)
      .start(),
  );
  return {
    address: [`${host}:${port}`],
    stop: async () => {
      await container.stop();
    },
  };
}

/** @throws {StackError} `containers-unavailable` */
export async function startContainerPostgres(progress: Progress): Promise<ContainerServer<string>> {
  const host = await dockerHost();
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await told(progress, `Starting ${POSTGRES_IMAGE} in a container`, () =>
    new GenericContainer(POSTGRES_IMAGE)
      .withExposedPorts(POSTGRES_PORT)
      .withEnvironment({ POSTGRES_USER: 'postrider', POSTGRES_PASSWORD: 'postrider', POSTGRES_DB: 'postgres' })
      // The image starts the server twice: once to prepare it, once for good.
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .start(),
  );
  return {
    address: `postgres://postrider:postrider@${host}:${container.getMappedPort(POSTGRES_PORT)}/postgres`,
    stop: async () => {
      await container.stop();
    },
  };
}

async function dockerHost(): Promise<string> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers');
    const client = await getContainerRuntimeClient();
    return client.info.containerRuntime.host;
  } catch (cause) {
    throw new StackError(
      'containers-unavailable',
      `POSTRIDER_CONTAINERS=1 asks for containers, but Docker does not answer (${reasonOf(cause)}). Start Docker, or unset it to use the embedded servers.`,
      { cause },
    );
  }
}

/** `group.initial.rebalance.delay.ms` → `KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS`, as the image wants it. */
function environmentName(property: string): string {
  return `KAFKA_${property.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_').toUpperCase()}`;
}
