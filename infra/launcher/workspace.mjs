// The workspace's dependencies: installed with the frozen lock file when something is missing or has changed, and
// passed over in milliseconds otherwise.

import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { runChild } from './child.mjs';
import { LaunchError, codeOf, reasonOf } from './launch-error.mjs';
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

/**
 * @param {string} root
 * @param {string} stampFile
 */
function isInstalled(root, stampFile) {
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stampOf(root)) return false;
  return packageFolders(root).every((folder) => !needsModules(folder) || existsSync(join(folder, 'node_modules')));
}

/** @param {string} folder of a package */
function needsModules(folder) {
  const manifest = /** @type {Record<string, Record<string, string> | undefined>} */ (
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  );
  return ['dependencies', 'devDependencies'].some((field) => Object.keys(manifest[field] ?? {}).length > 0);
}

/**
 * One hash over all that decides what is installed, and over the platform: a clone may be copied to another one.
 *
 * @param {string} root
 */
export function stampOf(root) {
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

/** @param {string} root */
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

/**
 * @param {string} root
 * @param {string} pnpm path of its script
 * @param {import('./toolchain.mjs').Toolchain} toolchain
 */
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

/**
 * Two commands started at once install once. A lock whose holder has died is taken over.
 *
 * @param {string} root
 * @param {() => Promise<void>} work
 */
async function withInstallLock(root, work) {
  const lock = join(root, '.postrider', 'install.lock');
  let waited = false;
  while (!tryLock(lock)) {
    if (!holderLives(lock)) rmSync(lock, { force: true });
    else if (!waited) say('Waiting for another command that installs the dependencies …');
    waited = true;
    await delay(LOCK_POLL_MS);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** @param {string} lock */
function tryLock(lock) {
  const mine = `${lock}.${process.pid}`;
  try {
    mkdirSync(dirname(lock), { recursive: true });
    // Made beside its place and linked into it, so that the lock never stands without its holder's pid.
    writeFileSync(mine, String(process.pid));
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new LaunchError(
      `Could not write ${lock}: ${reasonOf(error)}\nFree some disk space, or make the clone writable for this user.`,
    );
  } finally {
    rmSync(mine, { force: true });
  }
}

/** @param {string} lock */
function holderLives(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EPERM') return true;
    if (codeOf(error) === 'ESRCH') return false;
    // It has just been given back.
    return true;
  }
}
