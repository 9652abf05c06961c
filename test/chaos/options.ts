// Command line of `npm run chaos`.

import { parseArgs } from 'node:util';
import { secondsDefault } from './limits.ts';
import { mutations } from './mutations.ts';

export interface ChaosOptions {
  /** In this order; none: one drawn by chance after the other, until the minutes are over. */
  readonly seeds: readonly number[];
  /** Files with plans that were kept: done again as they stand, whatever seeds mean today. */
  readonly replay: readonly string[];
  readonly minutes: number | undefined;
  readonly seconds: number;
  readonly brokers: 1 | 3;
  readonly json: boolean;
  readonly verbose: boolean;
  /** After each seed the tables are made anew from Kafka, and must come to the same. */
  readonly rebuild: boolean;
  /** Prints the plan of each seed and does nothing. */
  readonly plan: boolean;
  /** Names of known mistakes to run the services with, or `all`: the checker must find each. */
  readonly mutations: readonly string[];
}

export const usage = `Hurts a whole Postrider by a seed and proves afterwards, from the outside, that every promise was kept.

Examples
  npm run chaos                              one seed by chance, ${secondsDefault} s of load and faults
  npm run chaos -- --seed 42                 that seed again: the same plan of faults
  npm run chaos -- --seeds 1-20 --json       twenty of them on one stack; the last line of stdout is one JSON document
  npm run chaos -- --minutes 60              new seeds until an hour is over
  npm run chaos -- --seed 42 --brokers 3     three brokers, min.insync.replicas 2
  npm run chaos -- --seed 42 --plan          what would be done, and when

Options
  --seed <n>         this seed, may be given again
  --seeds <a-b>      these seeds
  --replay <file>    a plan that was kept, e.g. .postrider/chaos/42/plan.json; may be given again
  --minutes <m>      new seeds by chance until the time is over
  --seconds <s>      load and faults of one seed (default ${secondsDefault}); the end of all work is waited for after it
  --brokers <n>      1 or 3 (default 1)
  --mutation <name>  runs the services with a known mistake in them, which must be found; may be given again; all: each of
                     ${mutations.map(({ name }) => name).join('\n                     ')}
  --rebuild          also makes the tables anew from Kafka in an empty database: the same heads must come out
  --plan             prints the plan and ends
  --verbose          says what is done as it is done
  --json             stdout carries one JSON line, everything else goes to stderr
  --help

Exit code 0: no violation; 1: violations, the evidence lies in .postrider/chaos/<seed>/; 2: wrong arguments.
`;

export function parseOptions(args: readonly string[]): ChaosOptions | 'help' | { readonly problem: string } {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', multiple: true },
        seeds: { type: 'string' },
        replay: { type: 'string', multiple: true, default: [] },
        minutes: { type: 'string' },
        seconds: { type: 'string', default: String(secondsDefault) },
        brokers: { type: 'string', default: '1' },
        mutation: { type: 'string', multiple: true, default: [] },
        plan: { type: 'boolean', default: false },
        rebuild: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return 'help';
  const seeds = (values.seed ?? []).map(Number);
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    return { problem: '--seed takes a whole number, e.g. --seed 42' };
  if (values.seeds !== undefined) {
    const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(values.seeds) ?? [];
    if (from === undefined || Number(to) < Number(from) || Number(to) - Number(from) > 10_000)
      return { problem: '--seeds takes a range, e.g. --seeds 1-20' };
    for (let seed = Number(from); seed <= Number(to); seed += 1) seeds.push(seed);
  }
  const unknown = values.mutation.find((name) => name !== 'all' && mutations.every((one) => one.name !== name));
  if (unknown !== undefined) return { problem: `there is no mutation ${unknown}` };
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0 && minutes <= 10_000))
    return { problem: '--minutes takes a number above 0, e.g. --minutes 60' };
  const seconds = Number(values.seconds);
  if (!(seconds >= 5 && seconds <= 3_600)) return { problem: '--seconds takes a number from 5 to 3600' };
  if (values.brokers !== '1' && values.brokers !== '3') return { problem: '--brokers takes 1 or 3' };
  return {
    seeds,
    replay: values.replay,
    minutes,
    seconds,
    brokers: values.brokers === '1' ? 1 : 3,
    json: values.json,
    verbose: values.verbose,
    plan: values.plan,
    rebuild: values.rebuild,
    mutations: values.mutation,
  };
}
