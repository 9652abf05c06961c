// The command line against the run's stack, in-process: a terminal in memory with an environment, a database and retry
// tiers of the file's own.

import { runCli } from '@postrider/postrider';
import { memoryIo, type MemoryIo, type MemoryIoOptions } from '@postrider/postrider/testing';
import { createTestDatabase, testBrokers, testPrefix } from '../support/stack.ts';

export interface Outcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON documents on stdout. */
  readonly json: readonly Record<string, unknown>[];
}

export interface CliTerminal {
  readonly environment: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs one command line to its end. */
  postrider(argv: readonly string[], options?: MemoryIoOptions): Promise<Outcome>;
  /** The same with `--json`; throws when it does not end with `exit`. */
  json(
    argv: readonly string[],
    options?: MemoryIoOptions & { readonly exit?: number },
  ): Promise<readonly Record<string, unknown>[]>;
  /** Starts a command that runs until it is stopped. */
  start(argv: readonly string[], options?: MemoryIoOptions): MemoryIo & { readonly ended: Promise<number> };
}

/** @param file short name of the test file, as in `testPrefix` */
export async function cliTerminal(file: string, settings: Readonly<Record<string, string>> = {}): Promise<CliTerminal> {
  const environment = testPrefix(file);
  const env = {
    POSTRIDER_ENVIRONMENT: environment,
    POSTRIDER_KAFKA_BROKERS: testBrokers().join(','),
    POSTRIDER_POSTGRES_URL: await createTestDatabase(file),
    POSTRIDER_TOPICS_PARTITIONS: '4',
    POSTRIDER_TOPICS_REPLICATION_FACTOR: '1',
    POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS: '1',
    POSTRIDER_HEALTH_PORT: '0',
    POSTRIDER_LOG_LEVEL: 'error',
    POSTRIDER_RETRY_TIERS: '200ms,1s',
    ...settings,
  };
  const world = (options: MemoryIoOptions): MemoryIo => memoryIo({ ...options, env: { ...env, ...options.env } });
  const outcome = (io: MemoryIo, exit: number, json: boolean): Outcome => ({
    exit,
    stdout: io.stdout(),
    stderr: io.stderr(),
    json: json ? (io.json() as Record<string, unknown>[]) : [],
  });
  const postrider = async (argv: readonly string[], options: MemoryIoOptions = {}): Promise<Outcome> => {
    const terminal = world(options);
    return outcome(terminal, await runCli(argv, terminal.io), argv.includes('--json'));
  };
  return {
    environment,
    env,
    postrider,
    async json(argv, { exit = 0, ...options } = {}) {
      const ended = await postrider([...argv, '--json'], options);
      if (ended.exit === exit) return ended.json;
      throw new Error(
        `postrider ${argv.join(' ')} ended with ${ended.exit}, not ${exit}:\n${ended.stderr}\n${ended.stdout}`,
      );
    },
    start(argv, options = {}) {
      const terminal = world(options);
      return { ...terminal, ended: runCli(argv, terminal.io) };
    },
  };
}
