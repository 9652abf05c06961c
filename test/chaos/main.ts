// `npm run chaos`: hurts a whole Postrider by a seed, and proves from the outside that every promise was kept.

import { readFileSync } from 'node:fs';
import { systemRandom } from '@postrider/runtime';
import { describeFault } from './fault.ts';
import { startGround, type Ground } from './ground.ts';
import { runMutations } from './mutation-runs.ts';
import { parseOptions, usage, type ChaosOptions } from './options.ts';
import { planChaos, type ChaosPlan } from './plan.ts';
import { jsonLine, verdictLines } from './report.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What was asked for, or new seeds until the time is over. */
function* plansOf({ seeds, replay, minutes, seconds, brokers }: ChaosOptions): Generator<ChaosPlan> {
  const until = performance.now() + (minutes ?? 0) * 60_000;
  for (const file of replay) yield JSON.parse(readFileSync(file, 'utf8')) as ChaosPlan;
  for (const seed of seeds) yield planChaos({ seed, seconds, brokers });
  if (seeds.length + replay.length > 0 && minutes === undefined) return;
  do yield planChaos({ seed: Math.floor(systemRandom() * 1_000_000_000), seconds, brokers });
  while (performance.now() < until);
}

async function chaos(options: ChaosOptions, ground: Ground): Promise<SeedResult[]> {
  const results: SeedResult[] = [];
  for (const plan of plansOf(options)) {
    say(
      `seed ${plan.seed}: ${plan.seconds} s, ${plan.dispatchers.length} dispatch processes, ${plan.faults.length} faults`,
    );
    const result = await runSeed(ground, plan, {
      edits: [],
      say: options.verbose ? say : () => {},
      rebuild: options.rebuild,
    });
    results.push(result);
    for (const line of verdictLines(result)) say(line);
  }
  return results;
}

async function hurt(options: ChaosOptions, ground: Ground): Promise<number> {
  const results = await chaos(options, ground);
  if (options.json) process.stdout.write(`${jsonLine(results)}\n`);
  return results.every(({ findings }) => findings.violations.length === 0) ? 0 : 1;
}

/** Known mistakes, which must be found. */
async function hunt({ mutations, seeds, json, verbose }: ChaosOptions, ground: Ground): Promise<number> {
  const detail = verbose ? say : () => {};
  const verdicts = await runMutations(ground, mutations, { seed: seeds[0] ?? 1, say, detail });
  if (json) process.stdout.write(`${JSON.stringify(verdicts)}\n`);
  return verdicts.every(({ caught }) => caught) ? 0 : 1;
}

const options = parseOptions(process.argv.slice(2));
if (options === 'help') {
  process.stdout.write(usage);
} else if ('problem' in options) {
  say(`${options.problem}\n\n${usage}`);
  process.exitCode = 2;
} else if (options.plan) {
  for (const plan of plansOf(options)) {
    const text = [`seed ${plan.seed}`, ...plan.faults.map(describeFault)].join('\n');
    process.stdout.write(`${options.json ? JSON.stringify(plan) : text}\n`);
  }
} else {
  const ground = await startGround(options.brokers, say);
  const stop = (): void => void ground.close().finally(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    process.exitCode = options.mutations.length > 0 ? await hunt(options, ground) : await hurt(options, ground);
  } finally {
    await ground.close();
  }
}
