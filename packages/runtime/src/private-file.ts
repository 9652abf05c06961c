// A file that only its owner may read: a keyring, or a key.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { privateFileBytesMax } from './limits.ts';

export type PrivateFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly absent: boolean; readonly problem: string };

/** Its text, or what is wrong with it in words that follow its name. Never throws. */
export function readPrivateFile(path: string): PrivateFile {
  try {
    const file = openSync(path, 'r');
    try {
      // Asked of the open file, so that it cannot be exchanged in between.
      const { mode, size } = fstatSync(file);
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        return { ok: false, absent: false, problem: 'can be read by others than its owner: chmod 600' };
      }
      if (size > privateFileBytesMax)
        return { ok: false, absent: false, problem: `is over ${privateFileBytesMax} bytes` };
      return { ok: true, text: readFileSync(file, 'utf8') };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return code === 'ENOENT'
      ? { ok: false, absent: true, problem: 'does not exist' }
      : { ok: false, absent: false, problem: `cannot be read (${code})` };
  }
}
