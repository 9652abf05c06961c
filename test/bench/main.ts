// `npm run bench`: what Postrider does in a second and what a delivery costs, on a stack of its own. docs/benchmarks.md says
// what the figures mean.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { createLocalCa, startStack } from '@postrider/dev-stack';
import { openCluster } from '@postrider/kafka';
import { benchAppends } from './appends.ts';
import { benchAudit } from './audit.ts';
import { summarizeProfile } from './cpu-profile.ts';
import { serverPids, type Measured } from './measured.ts';
import { parseOptions, usage, type BenchOptions } from './options.ts';
import { startPeer } from './peer-process.ts';
import { startBenchReceiver, type BenchReceiver, type ReceiverSetup } from './receiver.ts';
import { startNodeReceiver } from './receiver-node.ts';
import { jsonLine, mediansOf, profileText, table } from './report.ts';
import { runBare } from './run-bare.ts';
import { promisedLine, type Promised } from './promises.ts';
import { runDelivery } from './run-delivery.ts';
import { runPromise } from './run-promise.ts';
import { measureSignAndGuard } from './sign-and-guard.ts';
import { needsOwnReceiver, scenarios, type ScenarioName } from './scenarios.ts';
import { benchVerified } from './verified.ts';
import type { Ground } from './world.ts';

/** Undone newest first, each once, whatever ends the run. */
class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse())
      await step().catch((error: unknown) => say(`while stopping: ${String(error)}`));
  }
}

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, '.postrider', 'bench');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What was measured, as text for stdout, and how many scenarios failed. */
async function bench(options: BenchOptions, cleanup: Cleanup): Promise<{ text: string; failures: number }> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'receiver'), { recursive: true });
  const stackFolder = join(root, '.postrider', `bench-stack-${process.pid}`);
  // Servers of someone else would be measured without their CPU time.
  const { POSTRIDER_KAFKA_BROKERS: _brokers, POSTRIDER_POSTGRES_URL: _url, ...env } = process.env;
  const stack = await startStack({
    dataDir: stackFolder,
    fresh: true,
    kafka: { profile: 'bench' },
    env,
    progress: say,
  });
  cleanup.add(() => stack.stop());
  const servers = serverPids(stackFolder);
  const ca = await createLocalCa();
  const setup: ReceiverSetup = {
    ...(await ca.issue({ names: ['*.bench.example'] })),
    folder: join(folder, 'receiver'),
  };
  const receiver = await startBenchReceiver(options.receiver, setup);
  cleanup.add(() => receiver.close());
  // Arrival times to the microsecond are what only ours keeps, and replies what only ours gives.
  const timing =
    receiver.name === 'nginx' && (options.promises.length > 0 || options.scenarios.some(needsOwnReceiver))
      ? await startNodeReceiver(setup)
      : receiver;
  if (timing !== receiver) cleanup.add(() => timing.close());
  const cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'bench' });
  cleanup.add(() => cluster.close());
  const publisher = startPeer('publisher-process.ts');
  cleanup.add(() => publisher.stop());

  say(
    `Receiver: ${receiver.name}. Kafka ${stack.kafka.version ?? ''} and PostgreSQL on loopback, data and logs in .postrider/.`,
  );
  const runs: Measured[] = [];
  const profiles: string[] = [];
  let failures = 0;
  for (let round = 1; round <= options.repeat; round++) {
    for (const name of options.scenarios.length > 0 ? withBare(options.scenarios) : []) {
      let measured: Measured;
      try {
        measured = await runOne(name, `b${round}-${name}`);
      } catch (error) {
        failures += 1;
        say(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
      runs.push(measured);
      say(
        `${name}: ${Math.round(measured.deliveriesPerS)}/s, ${measured.cpuMsPerDelivery.sum.toFixed(3)} ms CPU, load ${loadavg()[0]!.toFixed(1)}`,
      );
    }
  }
  const promised: Promised[] = [];
  for (const name of options.promises) {
    const environment = `p-${name}`;
    const logs = join(folder, environment);
    await mkdir(logs);
    const ground: Ground = { stack, cluster, caPem: ca.caPem, receiverPort: timing.port };
    try {
      const { seconds } = options;
      promised.push(
        ...(await runPromise(name, {
          environment,
          seconds,
          ground,
          receiver: timing,
          publisher,
          folder: logs,
          progress: say,
        })),
      );
    } catch (error) {
      failures += 1;
      say(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  failures += promised.filter(({ kept }) => !kept).length;
  const results = mediansOf(runs);
  const text = [
    ...profiles,
    ...(options.repeat > 1 ? [table(runs), 'Medians'] : []),
    ...(results.length > 0 ? [table(results)] : []),
    ...promised.map(promisedLine),
  ].join('\n\n');
  if (!options.json) return { text, failures };
  say(text);
  const line = jsonLine(results, {
    receiver: receiver.name,
    machine: { cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version },
    runs: options.repeat,
    promises: promised,
    failures,
  });
  return { text: line, failures };

  async function runOne(name: ScenarioName, environment: string): Promise<Measured> {
    const scenario = scenarios[name];
    const { caPem } = ca;
    if (scenario.kind === 'bare')
      return runBare({ receiver, caPem, endpoints: scenario.endpoints, seconds: options.seconds / 2 });
    const to: BenchReceiver = needsOwnReceiver(name) ? timing : receiver;
    const ground: Ground = { stack, cluster, caPem, receiverPort: to.port };
    const logs = join(folder, environment);
    await mkdir(logs);
    const { profile, seconds } = options;
    const { measured, window } = await runDelivery({
      name,
      scenario,
      environment,
      seconds,
      // What an endpoint costs once is the warm-up's: each gets a delivery in it.
      warmUpAtLeast: Math.max(...options.scenarios.map((each) => scenarios[each].endpoints)),
      ground,
      servers,
      receiver: to,
      publisher,
      folder: logs,
      profile,
      progress: say,
    });
    for (const file of (await readdir(logs)).filter((each) => each.endsWith('.cpuprofile'))) {
      const summary = summarizeProfile(join(logs, file), window.first.atNs, window.last.atNs);
      profiles.push(profileText(`${file.replace('.cpuprofile', '')} in ${name}`, summary, measured.deliveries));
    }
    return measured;
  }
}

/** The denominator is measured in every run. */
function withBare(names: readonly ScenarioName[]): ScenarioName[] {
  return ['bare', ...names.filter((name) => name !== 'bare')];
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (options === 'micro') {
    process.stdout.write(`${measureSignAndGuard(() => performance.timeOrigin + performance.now())}\n`);
    return 0;
  }
  if ('problem' in options) {
    process.stderr.write(`${options.problem}\n\n${usage}`);
    return 2;
  }
  if ('auditRows' in options) {
    process.stdout.write(await benchAudit({ rows: options.auditRows, json: options.json, say }));
    return 0;
  }
  if ('verifies' in options) {
    process.stdout.write(await benchVerified({ ...options, rows: options.verifies, say }));
    return 0;
  }
  if ('appends' in options) {
    process.stdout.write(await benchAppends({ deliveries: options.appends, json: options.json, say }));
    return 0;
  }
  const cleanup = new Cleanup();
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(130));
  });
  const finished = bench(options, cleanup).catch((error: unknown) => ({ error }));
  const outcome = await Promise.race([finished, interrupted]);
  await cleanup.run();
  if (typeof outcome === 'number') return outcome;
  if ('text' in outcome) {
    process.stdout.write(`${outcome.text}\n`);
    if (outcome.failures > 0) say(`${outcome.failures} scenarios failed`);
    return outcome.failures === 0 ? 0 : 1;
  }
  say(outcome.error instanceof Error ? (outcome.error.stack ?? outcome.error.message) : String(outcome.error));
  return 1;
}

process.exit(await main());
