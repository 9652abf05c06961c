// The one provider of Kafka and PostgreSQL for `npm start`, tests and benches. For each of the two, in this order:
// given by environment → containers, when asked for → embedded.

import { join } from 'node:path';

import { createDatabase } from '@postrider/postgres';

import { repositoryRoot } from './cache-folder.ts';
import { startContainerKafka, startContainerPostgres } from './containers.ts';
import { KAFKA_VERSION_DEFAULT, startEmbeddedKafka, startEmbeddedPostgres, type EmbeddedContext } from './embedded.ts';
import { claimStackFolder } from './process-ledger.ts';
import { silent } from './progress.ts';
import { StackError } from './stack-error.ts';
import type { SecureListeners } from './kafka-security.ts';
import type { KafkaOptions, PostgresOptions, Stack, StackOptions, StackSource } from './stack.ts';

/** One server of a stack: how to reach it, how to end it, and what fault tests may do to it. */
type Provided<Address> = {
  address: Address;
  source: StackSource;
  stop(): Promise<void>;
  faults?: {
    /** Politely, and to be started again. */
    stop(): Promise<void>;
    kill(nodeId?: number): Promise<void>;
    restart(nodeId?: number): Promise<void>;
  };
};

type ProvidedKafka = Provided<string[]> & { secure?: SecureListeners };

/** The folder that embedded servers live in, claimed by the first that needs it. */
type Claim = () => Promise<EmbeddedContext>;

/**
 * Starts Kafka and PostgreSQL (or finds those that were given) and resolves when both answer.
 *
 * @throws {StackError} with a message that says what to do; nothing is left running then
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { claim, release } = claimOnce(options);
  const { kafka: kafkaOptions = {}, postgres: postgresOptions = {} } = options;
  const [kafka, postgres] = await Promise.allSettled([
    kafkaOptions === false ? undefined : provideKafka(kafkaOptions, options, claim),
    postgresOptions === false ? undefined : providePostgres(postgresOptions, options, claim),
  ]);
  if (kafka.status === 'fulfilled' && postgres.status === 'fulfilled') {
    const version = kafkaOptions === false ? undefined : (kafkaOptions.version ?? KAFKA_VERSION_DEFAULT);
    return assemble({ kafka: kafka.value, postgres: postgres.value, version, release });
  }
  for (const half of [kafka, postgres]) if (half.status === 'fulfilled') await half.value?.stop();
  await release();
  throw [kafka, postgres].find((half) => half.status === 'rejected')?.reason;
}

function claimOnce(options: StackOptions): { claim: Claim; release: () => Promise<void> } {
  const { fresh = false, progress = silent, env = process.env } = options;
  const dataDir = options.dataDir ?? join(repositoryRoot, '.postrider', 'stack');
  let claimed: Promise<EmbeddedContext> | undefined;
  return {
    claim: () => {
      claimed ??= claimStackFolder(dataDir, fresh).then((ledger) => ({ dataDir, fresh, ledger, progress, env }));
      return claimed;
    },
    // A claim that failed holds nothing.
    release: async () => (await claimed?.catch(() => undefined))?.ledger.release(),
  };
}

async function provideKafka(
  wanted: KafkaOptions,
  { env = process.env, progress = silent, fresh = false }: StackOptions,
  claim: Claim,
): Promise<ProvidedKafka> {
  const given = env['POSTRIDER_KAFKA_BROKERS'];
  if (given) {
    const address = given.split(',').map((broker) => broker.trim());
    return { address, source: 'environment', stop: async () => {} };
  }
  if (env['POSTRIDER_CONTAINERS'] === '1') {
    return { ...(await startContainerKafka(wanted, progress)), source: 'containers' };
  }
  const cluster = await startEmbeddedKafka(await claim(), wanted);
  // Three brokers stop in turn for as long as they have a majority and then wait in vain for one (5 s): data that is
  // thrown away needs no such care.
  const stop = fresh ? async () => cluster.kill() : cluster.stop;
  const secure = cluster.secure === undefined ? {} : { secure: cluster.secure };
  return { address: cluster.addresses, source: 'embedded', stop, faults: cluster, ...secure };
}

async function providePostgres(
  wanted: PostgresOptions,
  { env = process.env, progress = silent }: StackOptions,
  claim: Claim,
): Promise<Provided<string>> {
  const given = env['POSTRIDER_POSTGRES_URL'];
  if (given) return { address: given, source: 'environment', stop: async () => {} };
  if (env['POSTRIDER_CONTAINERS'] === '1') {
    return { ...(await startContainerPostgres(progress)), source: 'containers' };
  }
  const server = await startEmbeddedPostgres(await claim(), wanted);
  const faults = { stop: server.stop, kill: server.kill, restart: server.start };
  return { address: server.url, source: 'embedded', stop: server.stop, faults };
}

function assemble(parts: {
  kafka: ProvidedKafka | undefined;
  postgres: Provided<string> | undefined;
  version: string | undefined;
  release: () => Promise<void>;
}): Stack {
  const { kafka, postgres } = parts;
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    await Promise.all([kafka?.stop(), postgres?.stop()]);
    await parts.release();
  };
  return {
    get kafka() {
      const { address, source } = present(kafka, 'Kafka');
      const secure = kafka?.secure === undefined ? {} : { secure: kafka.secure };
      return { brokers: address, source, ...secure, version: source === 'environment' ? undefined : parts.version };
    },
    get postgres() {
      const { address, source } = present(postgres, 'PostgreSQL');
      return { url: address, source };
    },
    createDatabase: async (name) => createDatabase(present(postgres, 'PostgreSQL').address, name),
    stop: () => (stopping ??= stopAll()),
    killKafka: async (nodeId) => breakable(kafka, 'Kafka').kill(nodeId),
    stopKafka: async () => breakable(kafka, 'Kafka').stop(),
    restartKafka: async (nodeId) => breakable(kafka, 'Kafka').restart(nodeId),
    stopPostgres: async (how = 'stop') =>
      how === 'kill' ? breakable(postgres, 'PostgreSQL').kill() : present(postgres, 'PostgreSQL').stop(),
    startPostgres: async () => breakable(postgres, 'PostgreSQL').restart(),
  };
}

function present<Address>(part: Provided<Address> | undefined, name: string): Provided<Address> {
  if (!part) throw new StackError('not-ours', `This stack was started without ${name}.`);
  return part;
}

function breakable<Address>(
  part: Provided<Address> | undefined,
  name: string,
): NonNullable<Provided<Address>['faults']> {
  const { faults, source } = present(part, name);
  if (!faults) throw new StackError('not-ours', `${name} comes from ${source}: only an embedded one can be killed.`);
  return faults;
}
