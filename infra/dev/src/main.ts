// `node infra/dev/src/main.ts`: a stack in the foreground, for running services by hand. The two lines on stdout can
// be given to a shell; everything else goes to stderr. Ctrl-C stops it.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { reasonOf } from './stack-error.ts';
import { startStack } from './start-stack.ts';

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** Resolves with the exit code that the first signal asks for. */
const interrupted = new Promise<number>((done) => {
  process.on('SIGINT', () => done(130));
  process.on('SIGTERM', () => done(143));
});

try {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      fresh: { type: 'boolean', default: false },
      'three-brokers': { type: 'boolean', default: false },
    },
  });
  const dataDir = values['data-dir'];
  const stack = await startStack({
    progress,
    fresh: values.fresh,
    kafka: { brokers: values['three-brokers'] ? 3 : 1 },
    ...(dataDir !== undefined && { dataDir: resolve(dataDir) }),
  });
  process.stdout.write(`POSTRIDER_KAFKA_BROKERS=${stack.kafka.brokers.join(',')}\n`);
  process.stdout.write(`POSTRIDER_POSTGRES_URL=${stack.postgres.url}\n`);
  progress('Running until Ctrl-C.');
  // Keeps the event loop alive: the servers do not.
  const alive = setInterval(() => {}, 60_000);
  process.exitCode = await interrupted;
  clearInterval(alive);
  progress('Stopping …');
  await stack.stop();
} catch (error) {
  progress(reasonOf(error));
  process.exitCode = 1;
}
