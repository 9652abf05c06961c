// One real Kafka and one real PostgreSQL for a whole vitest run, wherever they come from. Test files get the
// addresses with `inject`, or better through test/support/stack.ts.

import { join } from 'node:path';

import { startStack, type Stack } from '@postrider/dev-stack';
import type { TestProject } from 'vitest/node';

import { testKafkaVersion } from './kafka-version.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of each broker. */
    brokers: string[];
    /** Of a user that may create databases. */
    postgresUrl: string;
    /** Lower-case letters and digits, different for every run: names things apart where the servers are kept. */
    runId: string;
  }
}

type SharedStack = { stack: Promise<Stack>; users: number };

/** vitest loads this file once a project: the process is the only place that all projects of a run share. */
const shared = globalThis as { postriderTestStack?: SharedStack | undefined };

const stacksFolder = join(import.meta.dirname, '..', '..', '.postrider');

/**
 * Starts the stack with the first project of the run; vitest calls what it returns when the project is done.
 *
 * @public vitest finds it as the default export
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mine = (shared.postriderTestStack ??= { stack: start(), users: 0 });
  mine.users += 1;
  const stack = await mine.stack;
  project.provide('brokers', stack.kafka.brokers);
  project.provide('postgresUrl', stack.postgres.url);
  project.provide('runId', `${process.pid.toString(36)}${Math.floor(performance.timeOrigin).toString(36)}`);
  return async () => {
    mine.users -= 1;
    if (mine.users > 0) return;
    shared.postriderTestStack = undefined;
    await stack.stop();
  };
}

function start(): Promise<Stack> {
  return startStack({
    dataDir: join(stacksFolder, `test-${process.pid}`),
    fresh: true,
    kafka: {
      ...testKafkaVersion(),
      // Compaction is something tests wait for; every 15 s is meant for machines that have other things to do.
      properties: { 'log.cleaner.backoff.ms': 200 },
    },
    // The data of a run is thrown away: nothing is won by waiting for the disk.
    postgres: { fsync: false },
    progress: (line) => void process.stderr.write(`${line}\n`),
  });
}
