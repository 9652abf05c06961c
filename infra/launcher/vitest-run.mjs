// Runs vitest for a task and learns what came out of it, from a report that vitest-reporter.mjs writes beside the
// usual output.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { runChild } from './child.mjs';

/** @typedef {import('./vitest-reporter.mjs').TestReport} TestReport */

const REPORTER = 'infra/launcher/vitest-reporter.mjs';

/**
 * Where reports lie until they are added up; one launcher's do not meet another's.
 *
 * @param {string} root
 * @param {string} name
 */
function reportFile(root, name) {
  return join(root, '.postrider', 'reports', `${process.pid}-${name}.json`);
}

/**
 * Runs the unit and architecture tests with their output collected.
 *
 * @param {import('./tasks.mjs').TaskContext} context
 */
export function runUnitTests(context) {
  return runVitest(context, { name: 'unit', projects: ['unit'], capture: true });
}

/**
 * @param {import('./tasks.mjs').TaskContext} context
 * @param {{ name: string, projects: string[], capture: boolean }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function runVitest({ root, toolchain }, { name, projects, capture }) {
  const file = reportFile(root, name);
  mkdirSync(join(file, '..'), { recursive: true });
  rmSync(file, { force: true });
  const selected = projects.flatMap((project) => ['--project', project]);
  // A project may have no test yet: that is no failure of the others.
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...selected, '--passWithNoTests'];
  const reporters = ['--reporter=default', `--reporter=${join(root, REPORTER)}`];
  const env = { ...toolchain.env, POSTRIDER_TEST_REPORT: file };
  return runChild(toolchain.node, [...args, ...reporters], { env, cwd: root, capture });
}

/**
 * The report of a run of this launcher, once.
 *
 * @param {string} root
 * @param {string} name
 * @returns {TestReport | undefined} undefined when vitest ended without writing one
 */
export function takeReport(root, name) {
  const file = reportFile(root, name);
  try {
    return /** @type {TestReport} */ (JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  } finally {
    rmSync(file, { force: true });
  }
}
