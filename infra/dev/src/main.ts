// `node infra/dev/src/main.ts`: a stack in the foreground, for running services by hand. The two lines on stdout can
// be given to a shell; everything else goes to stderr. Ctrl-C stops it.

import { startStack } from './start-stack.ts';
import { reasonOf } from './stack-error.ts';

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

const interrupted = new Promise<number>((resolve) => {
  process.once('SIGINT', () => resolve(130));
  process.once('SIGTERM', () => resolve(143));
});

try {
  const brokers = process.argv.includes('--three-brokers') ? 3 : 1;
  const stack = await startStack({ progress, kafka: { brokers } });
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
