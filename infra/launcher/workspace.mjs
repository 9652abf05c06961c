// The workspace's dependencies: installed with the frozen lock file when something is missing or has changed, and
// passed over in milliseconds otherwise.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { runChild } from './child.mjs';
import { LaunchError } from './launch-error.mjs';
import { say, told } from './progress.mjs';

/** Folders whose folders are packages, as in pnpm-workspace.yaml; and packages by themselves. */
const PACKAGE_PARENTS = ['services', 'packages', 'infra'];
const PACKAGES = ['.', 'test'];

const LOCK_POLL_MS = 200;

/**
 * Installs the workspace unless the last install was of exactly these files.
 *
 * @param {string} root of the repository
 * @param {import('./toolchain.mjs').Toolchain} toolchain
 */
export async function ensureWorkspace(root, toolchain) {
  const stampFile = join(root, 'node_modules', '.postrider-stamp');
  if (isInstalled(root, stampFile)) return;
  await withInstallLock(root, async () => {
    if (isInstalled(root, stampFile)) return;
    const pnpm = await toolchain.pnpm();
    await told('Installing the dependencies', () => install(root, pnpm, toolchain));
    writeFileSync(stampFile, stampOf(root));
  });
}

function isInstalled(root, stampFile) {
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stampOf(root)) return false;
  return packageFolders(root).every((folder) => !needsModules(folder) || existsSync(join(folder, 'node_modules')));
}

function needsModules(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return ['dependencies', 'devDependencies'].some((field) => Object.keys(manifest[field] ?? {}).length > 0);
}

/** One hash over all that decides what is installed, and over the platform: a clone may be copied to another one. */
function stampOf(root) {
  const manifests = packageFolders(root).map((folder) => join(folder, 'package.json'));
  const patches = existsSync(join(root, 'patches')) ? readdirSync(join(root, 'patches')).toSorted() : [];
  const files = [
    join(root, 'pnpm-lock.yaml'),
    join(root, 'pnpm-workspace.yaml'),
    ...manifests,
    ...patches.map((name) => join(root, 'patches', name)),
  ];
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of files) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function packageFolders(root) {
  const children = PACKAGE_PARENTS.flatMap((parent) =>
    existsSync(join(root, parent))
      ? readdirSync(join(root, parent))
          .toSorted()
          .map((name) => join(root, parent, name))
      : [],
  );
  return [...PACKAGES.map((name) => join(root, name)), ...children].filter((folder) =>
    existsSync(join(folder, 'package.json')),
  );
}

async function install(root, pnpm, toolchain) {
  // pnpm would ask before it replaces a node_modules of another make; nobody is there to answer.
  const args = ['install', '--frozen-lockfile', '--reporter=append-only', '--config.confirm-modules-purge=false'];
  const env = { ...toolchain.env, npm_config_manage_package_manager_versions: 'false' };
  const { code, output } = await runChild(toolchain.node, [pnpm, ...args], { env, cwd: root, capture: true });
  if (code === 0) return;
  const tail = output.trim().split('\n').slice(-12).join('\n  ');
  const advice = output.includes('OUTDATED_LOCKFILE')
    ? 'A package.json was changed without the lock file: run `node ' + pnpm + ' install` and commit pnpm-lock.yaml.'
    : 'Check the network, the registry settings (npm config list) and the disk space, then run the command again.';
  throw new LaunchError(`The dependencies could not be installed (exit code ${code}):\n  ${tail}\n${advice}`);
}

/** Two commands started at once install once. A lock whose holder has died is taken over. */
async function withInstallLock(root, work) {
  const folder = join(root, '.postrider', 'install.lock');
  mkdirSync(dirname(folder), { recursive: true });
  let waited = false;
  while (!tryLock(folder)) {
    if (!holderLives(folder)) rmSync(folder, { recursive: true, force: true });
    else if (!waited) say('Waiting for another command that installs the dependencies …');
    waited = true;
    await delay(LOCK_POLL_MS);
  }
  try {
    await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tryLock(folder) {
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new LaunchError(
      `Could not write ${folder}: ${error.message}\nFree some disk space, or make the clone writable for this user.`,
    );
  }
}

function holderLives(folder) {
  try {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 0);
    return true;
  } catch (error) {
    if (error.code === 'EPERM') return true;
    if (error.code === 'ESRCH') return false;
    // No pid yet: the holder is between its two steps, unless it has been there for long.
    const age = statSync(folder, { throwIfNoEntry: false });
    return age !== undefined && Date.now() - age.mtimeMs < 10 * LOCK_POLL_MS;
  }
}
