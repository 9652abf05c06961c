// The Ed25519 key that signs checkpoints of the audit: PKCS #8 in PEM, in a file that only its owner can read. It never comes
// from a variable or a flag, and its public part may be shown to anybody.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { readPrivateFile } from './private-file.ts';

export type CheckpointKey =
  | { readonly ok: true; readonly privateKey: KeyObject; readonly publicPem: string }
  /** `problem` names the file and no key. */
  | { readonly ok: false; readonly absent: boolean; readonly problem: string };

/** Never throws. */
export function readCheckpointKey(path: string): CheckpointKey {
  const read = readPrivateFile(path);
  if (!read.ok) return { ok: false, absent: read.absent, problem: `checkpoint key ${path} ${read.problem}` };
  try {
    const privateKey = createPrivateKey(read.text);
    if (privateKey.asymmetricKeyType === 'ed25519') return found(privateKey);
  } catch {
    // What the parser says may quote what it parsed.
  }
  return { ok: false, absent: false, problem: `checkpoint key ${path} is no Ed25519 private key in PEM` };
}

/** Makes a key where there is no file yet; never replaces one. */
export function makeCheckpointKey(path: string): CheckpointKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const problem = code === 'EEXIST' ? 'exists already and is not replaced' : `cannot be written (${code})`;
    return { ok: false, absent: false, problem: `checkpoint key ${path} ${problem}` };
  }
  return found(privateKey);
}

function found(privateKey: KeyObject): CheckpointKey {
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { ok: true, privateKey, publicPem };
}
