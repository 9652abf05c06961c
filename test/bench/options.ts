// Command line of `npm run bench`.

import { parseArgs } from 'node:util';
import { promiseNames, promises, type PromiseName } from './promises.ts';
import { scenarioNames, scenariosByDefault, scenariosOnRequest, type ScenarioName } from './scenarios.ts';
import { profiled, type ProfiledName } from './service-processes.ts';

export interface BenchOptions {
  readonly scenarios: readonly ScenarioName[];
  /** Run after the scenarios. */
  readonly promises: readonly PromiseName[];
  /** Measured time of one scenario, about. */
  readonly seconds: number;
  readonly repeat: number;
  readonly json: boolean;
  /** Services that run under the CPU profiler. */
  readonly profile: readonly ProfiledName[];
  readonly receiver: 'auto' | 'nginx' | 'node';
}

const secondsDefault = 8;

export const usage = `Examples
  npm run bench                                          the default scenarios once, under four minutes, a table at the end
  npm run bench -- --repeat 2                            each of them twice, interleaved; medians at the end
  npm run bench -- --scenario drain-100 --seconds 20     one scenario (and bare, the denominator of its ratio)
  npm run bench -- --json                                the last line of stdout is one JSON document
  npm run bench -- --profile dispatch                    where dispatch spends its time, by function
  npm run bench -- --micro                               what signing and the egress guard cost, alone
  npm run bench -- --audit-rows 10000000                 questions of an audit of so many rows, and its verification
  npm run bench -- --verifies 1000000 --repeat 5         how fast so many rows are verified; they are kept for the next time
  npm run bench -- --appends 100000                      how fast so many deliveries get into the audit, and what one costs

Scenarios
  by default    ${scenariosByDefault.join(' ')}
  when named    ${scenariosOnRequest.join(' ')}
  promises      when named too; each prints its figure against its target, and a broken one fails the run
${promiseNames.map((name) => `    ${name.padEnd(16)}${promises[name]}`).join('\n')}

Options
  --scenario <name>   one of them, may be given again
  --seconds <n>       measured time of one scenario, about (default ${secondsDefault})
  --repeat <n>        runs of the whole list (default 1)
  --profile <name>    ${profiled.join(', ')}: runs it under the CPU profiler;
                      may be given again (default scenario drain-100)
  --receiver <which>  auto, nginx or node (default auto: nginx where it is on the PATH)
  --micro             signing and guard only, in seconds and without servers
  --audit-rows <n>    nothing else: makes an audit of n rows, asks it, verifies a million of it
  --verifies <n>      nothing else: verifies n rows, written in the first run and kept in .postrider/bench-verified
  --appends <n>       nothing else: writes n deliveries as the projector does
  --json              stdout carries one JSON line, everything else goes to stderr
  --help

Kafka and PostgreSQL are started for the run on loopback and thrown away. Lost or repeated deliveries fail the run.
`;

/** Parses arguments; a problem is what to tell the user who typed something else. */
export function parseOptions(
  args: readonly string[],
):
  | BenchOptions
  | 'help'
  | 'micro'
  | { readonly auditRows: number; readonly json: boolean }
  | { readonly verifies: number; readonly repeat: number; readonly json: boolean }
  | { readonly appends: number; readonly json: boolean }
  | { readonly problem: string } {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', multiple: true },
        seconds: { type: 'string', default: String(secondsDefault) },
        repeat: { type: 'string', default: '1' },
        profile: { type: 'string', multiple: true },
        receiver: { type: 'string', default: 'auto' },
        json: { type: 'boolean', default: false },
        micro: { type: 'boolean', default: false },
        'audit-rows': { type: 'string' },
        verifies: { type: 'string' },
        appends: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return 'help';
  if (values.micro) return 'micro';
  const auditRows = values['audit-rows'];
  if (auditRows !== undefined) {
    const rows = Number(auditRows);
    if (!Number.isInteger(rows) || rows < 10_000 || rows > 100_000_000)
      return { problem: '--audit-rows takes a whole number from 10000 to 100000000' };
    return { auditRows: rows, json: values.json };
  }
  if (values.appends !== undefined) {
    const appends = Number(values.appends);
    if (!Number.isInteger(appends) || appends < 1_000 || appends > 10_000_000)
      return { problem: '--appends takes a whole number from 1000 to 10000000' };
    return { appends, json: values.json };
  }
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > 50)
    return { problem: '--repeat takes a whole number from 1 to 50' };
  if (values.verifies !== undefined) {
    const verifies = Number(values.verifies);
    if (!Number.isInteger(verifies) || verifies < 8_000 || verifies > 10_000_000 || verifies % 8_000 !== 0)
      return { problem: '--verifies takes a multiple of 8000 up to 10000000' };
    return { verifies, repeat, json: values.json };
  }
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 600)) return { problem: '--seconds takes a number from 1 to 600' };
  const profile = profiled.filter((name) => values.profile?.includes(name));
  if (profile.length !== new Set(values.profile).size)
    return { problem: `--profile takes one of ${profiled.join(', ')}` };
  const receiver = (['auto', 'nginx', 'node'] as const).find((name) => name === values.receiver);
  if (receiver === undefined) return { problem: '--receiver takes auto, nginx or node' };
  const asked = values.scenario ?? (profile.length === 0 ? scenariosByDefault : ['drain-100']);
  const scenarios: ScenarioName[] = [];
  const asPromised: PromiseName[] = [];
  for (const word of asked) {
    const promised = promiseNames.find((each) => each === word);
    if (promised !== undefined) {
      asPromised.push(promised);
      continue;
    }
    const name = scenarioNames.find((each) => each === word);
    if (name === undefined)
      return { problem: `there is no scenario ${word}: one of ${[...scenarioNames, ...promiseNames].join(', ')}` };
    scenarios.push(name);
  }
  return { scenarios, promises: asPromised, seconds, repeat, json: values.json, profile, receiver };
}
