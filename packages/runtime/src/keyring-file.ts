// Adds a key-encryption key to the local keyring file, which is made when there is none. The new content takes the old one's
// place at once or not at all: a keyring that is half written would close every secret.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { dataKeyBytes } from './secret-envelope.ts';
import { readKeyring, type KeyringContent, type RandomBytes } from './keyring.ts';
import { keyringKeysMax } from './limits.ts';

export interface NewKek {
  /** Absolute path of the keyring. */
  readonly path: string;
  readonly environment: string;
  /** `<environment>.<name>`, not there yet. */
  readonly kekId: string;
  /** New secrets are wrapped under it from now on. The first key always is. */
  readonly primary: boolean;
}

export type KekAdded =
  | { readonly ok: true; readonly primary: string; readonly created: boolean; readonly kekIds: readonly string[] }
  | { readonly ok: false; readonly problem: string };

/**
 * The file is readable by its owner alone. One at a time: of two that each read the same file the later would take the key of the earlier
 * away, and with it whatever was wrapped under it meanwhile. Never throws for what a file system can do.
 */
export function addKek(kek: NewKek, random: RandomBytes): KekAdded {
  const lock = `${kek.path}.lock`;
  try {
    closeSync(openSync(lock, 'wx', 0o600));
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') return unwritable(kek.path, code);
    return { ok: false, problem: `another command writes the keyring file:${kek.path}; if none does, remove ${lock}` };
  }
  try {
    return addAlone(kek, random);
  } finally {
    rmSync(lock, { force: true });
  }
}

const unwritable = (path: string, code: string): KekAdded => ({
  ok: false,
  problem: `keyring file:${path} cannot be written (${code})`,
});

function addAlone({ path, environment, kekId, primary }: NewKek, random: RandomBytes): KekAdded {
  const read = readKeyring({ ref: `file:${path}`, environment, env: {} });
  if (!read.ok && !read.absent) return { ok: false, problem: read.problem };
  const before: KeyringContent | undefined = read.ok ? read.content : undefined;
  const keys = before?.keys ?? [];
  if (keys.some(({ id }) => id === kekId)) return { ok: false, problem: `the keyring has a key ${kekId} already` };
  if (keys.length >= keyringKeysMax) return { ok: false, problem: `a keyring holds at most ${keyringKeysMax} keys` };
  const key = Buffer.from(random(dataKeyBytes)).toString('base64');
  const content: KeyringContent = {
    environment,
    primary: before === undefined || primary ? kekId : before.primary,
    keys: [...keys, { id: kekId, key }],
  };
  // A name of its own, made exclusively: nobody can have laid a link there.
  const draft = `${path}.${Buffer.from(random(8)).toString('hex')}.new`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(draft, { force: true });
    return unwritable(path, (error as NodeJS.ErrnoException).code ?? 'unknown error');
  }
  return {
    ok: true,
    primary: content.primary,
    created: before === undefined,
    kekIds: content.keys.map(({ id }) => id),
  };
}

/** A crash after the answer must not bring the old file back; not every system lets a folder be synced. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
