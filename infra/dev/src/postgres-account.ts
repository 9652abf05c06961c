// PostgreSQL refuses to run as root. As root we run it under the account `nobody`: no user has to be created, but
// its binaries and data must then lie where that account can go, which a clone under /root (mode 700) is not.

import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Account } from './guarded-process.ts';
import { StackError } from './stack-error.ts';

/** The account to run PostgreSQL under; undefined when we are not root and run it as ourselves. */
export function postgresAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return { uid: idOf('-u', 65_534), gid: idOf('-g', 65_534) };
}

function idOf(flag: '-u' | '-g', otherwise: number): number {
  try {
    const id = Number.parseInt(
      execFileSync('id', [flag, 'nobody'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      10,
    );
    // macOS gives −2, which the system calls take as an unsigned number.
    return Number.isNaN(id) ? otherwise : id >>> 0;
  } catch {
    return otherwise;
  }
}

/**
 * `folder` itself when every account can go there, else a folder of ours in the temporary directory.
 *
 * @param name of the folder there; must be different for different uses
 * @throws {StackError} `start-failed` when neither will do
 */
export function reachableFolder(folder: string, name: string): string {
  if (isTraversable(folder)) return folder;
  for (const temporary of new Set([tmpdir(), '/tmp'])) {
    if (!isTraversable(temporary)) continue;
    const base = join(temporary, `postrider-${process.getuid?.() ?? 0}`);
    mkdirSync(base, { recursive: true, mode: 0o755 });
    // Somebody else could have made this folder before us, to own what we put there.
    const found = lstatSync(base);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) continue;
    chmodSync(base, 0o755);
    return join(base, name);
  }
  throw new StackError(
    'start-failed',
    `PostgreSQL does not run as root, and the account nobody can neither reach ${folder} nor the temporary directory. Run as an ordinary user, move the clone, or set TMPDIR.`,
  );
}

/** True when everybody may pass through every existing folder of the path. */
function isTraversable(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = statSync(folder, { throwIfNoEntry: false });
    if (found && (found.mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
