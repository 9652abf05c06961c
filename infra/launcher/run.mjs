// The launcher behind every `npm run …`: brings Node 24 and pnpm where the machine's are older, installs what is
// missing, and runs the task. Plain JavaScript without dependencies, because it runs before there are any, in any
// Node from 20 on.

import { join } from 'node:path';

import { repositoryRoot } from './cache-folder.mjs';
import { interruption, runChild } from './child.mjs';
import { LaunchError } from './launch-error.mjs';
import { tasks } from './tasks.mjs';
import { findToolchain } from './toolchain.mjs';
import { ensureWorkspace } from './workspace.mjs';

const [name = '', ...args] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;

if (!task) {
  const list = Object.entries(tasks).map(([each, { about }]) => `  npm run ${each.padEnd(17)} ${about}\n`);
  process.stderr.write(`There is no task "${name}". The tasks are:\n${list.join('')}`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await runTask(task);
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = interruption() || 1;
  }
}

/**
 * @param {import('./tasks.mjs').Task} wanted
 * @returns {Promise<number>} the exit code
 */
async function runTask(wanted) {
  const root = repositoryRoot;
  const found = await findToolchain(process.env);
  if (!wanted.bare) await ensureWorkspace(root, found);
  const toolchain = wanted.bare ? found : { ...found, env: { ...compiledOnce(root), ...found.env } };
  if (interruption() !== 0) return interruption();
  if (wanted.run) return wanted.run({ root, toolchain, args });
  const { code } = await runChild(toolchain.node, [...(wanted.node ?? []), ...args], { env: toolchain.env, cwd: root });
  return code;
}

/**
 * Half of what a command takes to start is reading and compiling a thousand files again.
 *
 * @param {string} root
 */
function compiledOnce(root) {
  return { NODE_COMPILE_CACHE: join(root, '.postrider', 'compile-cache') };
}
