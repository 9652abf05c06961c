// Where downloads are kept for all clones of a user. infra/dev/src/cache-folder.ts follows the same rule; its test
// holds both together.

import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository: two folders above this file. */
export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * `POSTRIDER_CACHE_DIR`, else the user's cache folder, else `.postrider/cache` in the clone when that one cannot be
 * written.
 *
 * @param {Record<string, string | undefined>} env
 * @returns {string}
 */
export function cacheFolder(env) {
  if (env.POSTRIDER_CACHE_DIR) return env.POSTRIDER_CACHE_DIR;
  const home = env.HOME || homedir();
  const usual =
    process.platform === 'darwin'
      ? join(home, 'Library', 'Caches', 'postrider')
      : join(env.XDG_CACHE_HOME || join(home, '.cache'), 'postrider');
  return canWrite(usual) ? usual : join(repositoryRoot, '.postrider', 'cache');
}

/**
 * True when the folder exists, or can be made, and can be written.
 *
 * @param {string} folder
 * @returns {boolean}
 */
export function canWrite(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
