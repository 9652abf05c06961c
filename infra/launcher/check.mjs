// `npm run check`: everything that can be told without servers, two at a time, as this is made for two cores.
// A step's output is shown when it fails; a table of all steps with their times comes last.

import { runUnitTests } from './vitest-run.mjs';
import { interruption, runChild } from './child.mjs';
import { say } from './progress.mjs';

const PARALLEL = 2;

/** @typedef {{ name: string, code: number, seconds: number }} StepResult */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {(context: import('./tasks.mjs').TaskContext) => Promise<{ code: number, output: string }>} run
 */

/**
 * What each step runs, the longest first, so that the two lanes end at about the same time.
 *
 * @type {Step[]}
 */
const steps = [
  { name: 'unit tests', run: runUnitTests },
  node('types', 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'),
  node('lint', 'node_modules/oxlint/bin/oxlint'),
  node('unused code', 'node_modules/knip/bin/knip.js'),
  node('format', 'node_modules/oxfmt/bin/oxfmt', '--check', '.'),
  node('types of the launcher', 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'infra/launcher/tsconfig.json'),
  node(
    'types of the domain',
    'node_modules/typescript/bin/tsc',
    '--noEmit',
    '-p',
    'packages/core/tsconfig.domain.json',
  ),
];

/**
 * @param {string} name
 * @param {...string} args
 * @returns {Step}
 */
function node(name, ...args) {
  return {
    name,
    run: ({ root, toolchain }) => runChild(toolchain.node, args, { env: toolchain.env, cwd: root, capture: true }),
  };
}

/**
 * @param {import('./tasks.mjs').TaskContext} context
 * @returns {Promise<number>} exit code: 0 when every step passed
 */
export async function check(context) {
  const waiting = [...steps];
  /** @type {StepResult[]} */
  const results = [];
  const lane = async () => {
    for (let step = waiting.shift(); step && interruption() === 0; step = waiting.shift()) {
      results.push(await runStep(step, context));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  if (interruption() !== 0) return interruption();
  printTable(results);
  return results.every(({ code }) => code === 0) ? 0 : 1;
}

/**
 * @param {Step} step
 * @param {import('./tasks.mjs').TaskContext} context
 * @returns {Promise<StepResult>}
 */
async function runStep(step, context) {
  const startedAt = performance.now();
  say(`${step.name} …`);
  const { code, output } = await step.run(context);
  const seconds = (performance.now() - startedAt) / 1000;
  say(`${step.name}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds.toFixed(1)} s`);
  if (code !== 0 && interruption() === 0) process.stdout.write(`\n--- ${step.name} ---\n${output.trimEnd()}\n\n`);
  return { name: step.name, code, seconds };
}

/** @param {StepResult[]} results */
function printTable(results) {
  const order = steps.map(({ name }) => name);
  const sorted = results.toSorted((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
  const lines = sorted.map(({ name, code, seconds }) => {
    return `  ${code === 0 ? 'passed' : 'FAILED'}  ${name.padEnd(22)} ${seconds.toFixed(1).padStart(6)} s`;
  });
  process.stdout.write(`\ncheck\n${lines.join('\n')}\n`);
}
