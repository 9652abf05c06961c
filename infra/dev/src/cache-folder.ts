// What was downloaded or prepared once is kept in one folder that all clones of a user share. An entry is either
// whole or absent: it is built beside its place and renamed into it.

import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { withLock } from './file-lock.ts';
import type { Progress } from './progress.ts';
import { StackError, reasonOf } from './stack-error.ts';

/** The root of the repository: three folders above this file. */
export const repositoryRoot = join(import.meta.dirname, '..', '..', '..');

/**
 * The cache folder: `POSTRIDER_CACHE_DIR`, else the user's cache folder, else `.postrider/cache` in the clone
 * when that cannot be written. infra/launcher follows the same rule.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const given = env['POSTRIDER_CACHE_DIR'];
  if (given) return given;
  const home = env['HOME'] || homedir();
  const usual =
    process.platform === 'darwin'
      ? join(home, 'Library', 'Caches', 'postrider')
      : join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'postrider');
  try {
    mkdirSync(usual, { recursive: true });
    accessSync(usual, constants.W_OK);
    return usual;
  } catch {
    return join(repositoryRoot, '.postrider', 'cache');
  }
}

/**
 * The folder of a cache entry, built first when it is not there. Safe when several processes ask at once.
 *
 * @param folder the full path of the entry; its name says everything that its content depends on
 * @param build fills the empty folder it is given
 */
export async function cached(
  folder: string,
  progress: Progress,
  build: (emptyFolder: string) => Promise<void>,
): Promise<string> {
  if (existsSync(folder)) return folder;
  const onWait = (pid: number): void => progress(`Waiting for process ${pid}, which prepares ${basename(folder)} …`);
  try {
    await withLock(`${folder}.lock`, onWait, async () => {
      if (existsSync(folder)) return;
      await removeLeftovers(folder);
      const building = `${folder}.tmp-${process.pid}`;
      await mkdir(building, { recursive: true });
      try {
        await build(building);
        await rename(building, folder);
      } catch (error) {
        await rm(building, { recursive: true, force: true });
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof StackError) throw error;
    throw new StackError(
      'cache-unusable',
      `Could not write ${folder}: ${reasonOf(error)}. Free some disk space, or set POSTRIDER_CACHE_DIR to a folder that can be written.`,
      { cause: error },
    );
  }
  return folder;
}

/** What a killed builder left beside the entry; the caller holds the entry's lock. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(dirname(folder));
  const leftovers = names.filter((name) => name.startsWith(`${basename(folder)}.tmp-`));
  await Promise.all(leftovers.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}
