// The embedded provider: Kafka by Java and PostgreSQL by its binaries, as processes of ours on loopback.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { cacheFolder } from './cache-folder.ts';
import { pickPorts } from './free-port.ts';
import { findJava } from './java.ts';
import { describeKafkaCluster, type KafkaCluster } from './kafka-cluster.ts';
import { prepareKafka } from './kafka-runtime.ts';
import { secureAddresses, secureListenerNames, type SecureListeners, type SecurePorts } from './kafka-security.ts';
import { START_TRIES } from './limits.ts';
import { reachableData } from './outside-data.ts';
import { postgresAccount, reachableFolder } from './postgres-account.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { describePostgresServer, type PostgresServer } from './postgres-server.ts';
import type { ProcessLedger } from './process-ledger.ts';
import { told, type Progress } from './progress.ts';
import { StackError } from './stack-error.ts';
import type { KafkaOptions, PostgresOptions } from './stack.ts';

export type EmbeddedContext = {
  dataDir: string;
  fresh: boolean;
  ledger: ProcessLedger;
  progress: Progress;
  env: NodeJS.ProcessEnv;
};

export const KAFKA_VERSION_DEFAULT = '4.3.1';

/** Prepares and starts the brokers. */
export async function startEmbeddedKafka(
  context: EmbeddedContext,
  options: KafkaOptions,
): Promise<KafkaCluster & { secure?: SecureListeners }> {
  const { progress, dataDir } = context;
  const cache = cacheFolder(context.env);
  const java = await findJava({ cache, progress, env: context.env });
  const runtime = await prepareKafka(options.version ?? KAFKA_VERSION_DEFAULT, java, cache, progress);
  const brokers = options.brokers ?? 1;
  const profile = options.profile ?? 'test';
  if (options.security && brokers !== 1) {
    throw new StackError('start-failed', 'Secure listeners are made for a stack of one broker only.');
  }
  // A kept data folder belongs to one version and one number of brokers, and to the users it was made with.
  const name = `kafka-${runtime.version}-${brokers}${options.security ? '-secure' : ''}`;
  const more = options.security ? secureListenerNames.length : 0;
  return withPorts(context, name, 2 * brokers + more, async (ports) => {
    const securePorts = Object.fromEntries(
      secureListenerNames.map((listener, index) => [listener, ports[2 * brokers + index] ?? 0]),
    ) as SecurePorts;
    const nodes = Array.from({ length: brokers }, (_, index) => ({
      nodeId: index + 1,
      brokerPort: ports[2 * index] ?? 0,
      controllerPort: ports[2 * index + 1] ?? 0,
    }));
    const cluster = describeKafkaCluster({
      runtime,
      folder: join(dataDir, name),
      nodes,
      ledger: context.ledger,
      profile,
      heapMb: options.heapMb ?? (profile === 'bench' ? 1024 : 256),
      secure: options.security && { ports: securePorts, security: options.security },
      properties: options.properties,
    });
    const title = `Starting Apache Kafka ${runtime.version}${brokers > 1 ? ` (${brokers} brokers)` : ''}`;
    await told(progress, title, () => cluster.start());
    return options.security ? { ...cluster, secure: secureAddresses(securePorts) } : cluster;
  });
}

/** Prepares and starts PostgreSQL. */
export async function startEmbeddedPostgres(
  context: EmbeddedContext,
  options: PostgresOptions,
): Promise<PostgresServer> {
  const { progress, dataDir, ledger } = context;
  const account = postgresAccount();
  const cache = cacheFolder(context.env);
  const shared = account ? reachableFolder(cache, 'cache') : cache;
  const binaries = options.binaries ?? (await postgresBinaries(shared, progress));
  const dataFolder = account ? reachableData(dataDir, 'postgres') : join(dataDir, 'postgres');
  return withPorts(context, 'postgres', 1, async ([port = 0]) => {
    const server = describePostgresServer({
      binaries,
      templateParent: shared,
      dataFolder,
      logFile: join(dataDir, 'postgres.log'),
      port,
      account,
      fsync: options.fsync ?? true,
      ledger,
      progress,
    });
    await told(progress, `Starting PostgreSQL ${binaries.version}`, () => server.start());
    return server;
  });
}

/**
 * Runs `start` with free ports; with those of the last time where a kept stack had some, and with others when
 * somebody took one between our look and the server's bind.
 */
async function withPorts<T>(
  context: EmbeddedContext,
  name: string,
  count: number,
  start: (ports: number[]) => Promise<T>,
): Promise<T> {
  const file = join(context.dataDir, `${name}.ports.json`);
  let preferred = readPorts(file);
  for (let tries = 1; ; tries += 1) {
    const ports = await pickPorts(count, { preferred });
    mkdirSync(context.dataDir, { recursive: true });
    writeFileSync(file, JSON.stringify(ports));
    try {
      return await start(ports);
    } catch (error) {
      if (tries === START_TRIES || !isPortTaken(error)) throw error;
      context.progress(`A port was taken by another program; starting ${name} on other ones`);
      preferred = [];
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof StackError && /already in use|could not bind|BindException/i.test(error.message);
}

function readPorts(file: string): number[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as number[];
  } catch {
    return [];
  }
}
