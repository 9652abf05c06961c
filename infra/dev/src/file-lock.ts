// One at a time among processes of this machine: a lock file that names its holder, so that a dead holder's
// lock is taken over instead of waited for.

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { CACHE_LOCK_POLL_MS, CACHE_LOCK_TIMEOUT_MS } from './limits.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { StackError } from './stack-error.ts';

/**
 * Runs `work` while holding the lock file `path`.
 *
 * @param onWait called once when another living process holds it, with that process's pid
 * @throws {StackError} `cache-unusable` when the holder does not finish in time
 */
export async function withLock<T>(path: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const me = JSON.stringify(identify(process.pid));
  const deadline = performance.now() + CACHE_LOCK_TIMEOUT_MS;
  let waited = false;
  while (!(await tryCreate(path, me))) {
    const holder = await readHolder(path);
    if (holder === 'gone') continue;
    if (holder === 'unreadable' || !isAlive(holder)) {
      await takeAway(path, holder);
      continue;
    }
    if (!waited) onWait(holder.pid);
    waited = true;
    if (performance.now() > deadline) {
      throw new StackError(
        'cache-unusable',
        `Process ${holder.pid} has held ${path} for too long. Stop it and try again.`,
      );
    }
    await delay(CACHE_LOCK_POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryCreate(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | 'gone' | 'unreadable'> {
  // A holder creates and writes in two steps: an empty file gets a moment before it counts as broken.
  for (let look = 0; look < 5; look += 1) {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    }
    await delay(CACHE_LOCK_POLL_MS);
  }
  return 'unreadable';
}

/** Removes a dead holder's lock; gives it back when a living one took it between our look and our rename. */
async function takeAway(path: string, seen: ProcessIdentity | 'unreadable'): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readHolder(aside);
  const isTheOneSeen = typeof taken === 'string' || typeof seen === 'string' || taken.startedAt === seen.startedAt;
  if (isTheOneSeen) await rm(aside, { force: true });
  else await rename(aside, path);
}
