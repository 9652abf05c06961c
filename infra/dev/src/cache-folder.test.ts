// Where downloads go, and that an entry is whole or absent.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { cached, cacheFolder } from './cache-folder.ts';
import { silent } from './progress.ts';

const parent = mkdtempSync(join(tmpdir(), 'postrider-cache-test-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

/** What the launcher, which is no part of this package, says for each environment. */
function launcherFolders(environments: object[]): string[] {
  const module = join(import.meta.dirname, '..', '..', 'launcher', 'cache-folder.mjs');
  const program = `
    import { cacheFolder } from ${JSON.stringify(module)};
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map((env) => cacheFolder(env))));
  `;
  const args = ['--input-type=module', '-e', program, JSON.stringify(environments)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as string[];
}

describe('the cache folder', () => {
  test('is the same for the launcher and the dev stack', () => {
    const file = join(parent, 'a-file');
    writeFileSync(file, '');
    const environments = [
      { POSTRIDER_CACHE_DIR: join(parent, 'given') },
      { HOME: join(parent, 'home') },
      { HOME: join(parent, 'home'), XDG_CACHE_HOME: join(parent, 'xdg') },
      // Not a folder, so nothing can be made in it, whoever we are.
      { HOME: file },
    ];
    const folders = environments.map((env) => cacheFolder(env));
    expect(folders).toEqual(launcherFolders(environments));
    expect(new Set(folders).size).toBe(environments.length);
    expect(folders[3]).toMatch(/\.postrider\/cache$/);
  });
});

describe('a cache entry', () => {
  test('is built once, however many ask for it at once', async () => {
    let builds = 0;
    const build = async (folder: string): Promise<void> => {
      builds += 1;
      writeFileSync(join(folder, 'content'), 'whole');
    };
    const entry = join(parent, 'once');
    await Promise.all([cached(entry, silent, build), cached(entry, silent, build), cached(entry, silent, build)]);
    expect(builds).toBe(1);
    expect(readFileSync(join(entry, 'content'), 'utf8')).toBe('whole');
  });

  test('that could not be built is absent, leaves nothing beside it, and is built by the next who asks', async () => {
    const entry = join(parent, 'failing');
    const failing = cached(entry, silent, async (folder) => {
      writeFileSync(join(folder, 'half'), '');
      throw new Error('no space left');
    });
    await expect(failing).rejects.toThrow(/no space left.*POSTRIDER_CACHE_DIR/);
    expect(readdirSync(parent).filter((name) => name.startsWith('failing'))).toEqual([]);
    await cached(entry, silent, async () => {});
    expect(existsSync(entry)).toBe(true);
  });

  test('is cleared of what a killed builder left', async () => {
    const entry = join(parent, 'killed');
    await cached(`${entry}.tmp-1`, silent, async () => {});
    await cached(entry, silent, async () => {});
    expect(readdirSync(parent).filter((name) => name.startsWith('killed'))).toEqual(['killed']);
  });
});
