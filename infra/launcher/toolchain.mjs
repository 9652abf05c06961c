// Node 24 and pnpm, whatever Node runs the launcher: the running one when it is new enough, else the registry's
// package of its binary; and pnpm from the registry. Exact versions with hashes stand in toolchain/.

import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { canWrite, cacheFolder } from './cache-folder.mjs';
import { runChild } from './child.mjs';
import { LaunchError, reasonOf } from './launch-error.mjs';
import { told } from './progress.mjs';

const folderOfThis = dirname(fileURLToPath(import.meta.url));

/** What npm installs: under these names, so that nobody takes it for a package of the workspace. */
const MANIFEST = join(folderOfThis, 'toolchain.package.json');
const LOCK = join(folderOfThis, 'toolchain.package-lock.json');

/** The first Node that runs TypeScript without a warning. */
const NODE_MIN = { major: 24, minor: 12 };

/**
 * @typedef {object} Toolchain
 * @property {string} node path of Node
 * @property {() => Promise<string>} pnpm fetches pnpm when it is not there; gives the path of its script, for `node`
 * @property {Record<string, string | undefined>} env for everything that tasks run: this Node comes first in PATH
 */

/**
 * Finds or fetches Node.
 *
 * @param {Record<string, string | undefined>} env
 * @param {string} [running] version of the running Node
 * @returns {Promise<Toolchain>}
 */
export async function findToolchain(env, running = process.versions.node) {
  const cache = cacheFolder(env);
  const own = isNewEnough(running);
  const node = own ? process.execPath : nodeIn(await installed({ cache, env, withNode: true }));
  const pnpm = async () => join(await installed({ cache, env, withNode: !own }), 'node_modules/pnpm/bin/pnpm.cjs');
  const path = [dirname(node), env.PATH].filter(Boolean).join(':');
  return { node, pnpm, env: { ...homeEnvironment(env, cache), PATH: path, POSTRIDER_CACHE_DIR: cache } };
}

/** @param {string} version */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor);
}

/**
 * npm and pnpm keep their stores under HOME; a home that cannot be written is replaced by the cache folder.
 *
 * @param {Record<string, string | undefined>} env
 * @param {string} cache
 */
function homeEnvironment(env, cache) {
  if (env.HOME && canWrite(env.HOME)) return env;
  const home = join(cache, 'home');
  mkdirSync(home, { recursive: true });
  return { ...env, HOME: home, npm_config_cache: join(home, '.npm'), npm_config_userconfig: join(home, '.npmrc') };
}

/** @param {string} folder of an installed toolchain */
function nodeIn(folder) {
  const manifest = /** @type {{ optionalDependencies: Record<string, string> }} */ (
    JSON.parse(readFileSync(MANIFEST, 'utf8'))
  );
  const names = Object.keys(manifest.optionalDependencies);
  const found = names.map((name) => join(folder, 'node_modules', name, 'bin', 'node')).find((file) => existsSync(file));
  if (found) return found;
  throw new LaunchError(
    `There is no Node for ${process.platform}-${process.arch} in the registry's list that this project uses.\n` +
      `Install Node ${NODE_MIN.major}.${NODE_MIN.minor} or newer yourself and run the command again.`,
  );
}

/**
 * The folder of the installed toolchain; installs it beside its place and renames it, so it is whole or absent.
 *
 * @param {{ cache: string, env: Record<string, string | undefined>, withNode: boolean }} options
 */
async function installed({ cache, env, withNode }) {
  const lock = readFileSync(LOCK);
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const kind = withNode ? `${process.platform}-${process.arch}` : 'pnpm';
  const folder = join(cache, `toolchain-${digest}-${kind}`);
  if (existsSync(folder)) return folder;
  const building = `${folder}.tmp-${process.pid}`;
  try {
    mkdirSync(building, { recursive: true });
    copyFileSync(MANIFEST, join(building, 'package.json'));
    copyFileSync(LOCK, join(building, 'package-lock.json'));
    const title = withNode ? 'Downloading Node 24 and pnpm (60 MB, once)' : 'Downloading pnpm (5 MB, once)';
    await told(title, () => npmCi(building, homeEnvironment(env, cache), withNode));
    renameSync(building, folder);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    // Another launcher may have been quicker: its folder is as good.
    if (existsSync(folder)) return folder;
    if (error instanceof LaunchError) throw error;
    throw new LaunchError(
      `Could not write ${folder}: ${reasonOf(error)}\nFree some disk space, or set POSTRIDER_CACHE_DIR to a folder that can be written.`,
    );
  }
  return folder;
}

/**
 * @param {string} folder
 * @param {Record<string, string | undefined>} env
 * @param {boolean} withNode
 */
async function npmCi(folder, env, withNode) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--omit=dev'];
  const omit = withNode ? [] : ['--omit=optional'];
  // `npm run` tells us which npm it is; by hand it is the one in PATH.
  const viaNode = env.npm_execpath?.endsWith('npm-cli.js') && existsSync(env.npm_execpath);
  const command = viaNode ? process.execPath : 'npm';
  const first = viaNode && env.npm_execpath ? [env.npm_execpath] : [];
  const { code, output } = await runChild(command, [...first, ...args, ...omit], { env, cwd: folder, capture: true });
  if (code === 0) return;
  const tail = output.trim().split('\n').slice(-8).join('\n  ');
  throw new LaunchError(
    code === 127
      ? 'npm is not there, and it is needed once to fetch Node 24 and pnpm.\nInstall npm (it comes with Node), or Node 24.12 or newer, and run the command again.'
      : `npm could not fetch the toolchain (exit code ${code}):\n  ${tail}\nCheck the network and npm's registry and proxy settings (npm config list), then run the command again.`,
  );
}
