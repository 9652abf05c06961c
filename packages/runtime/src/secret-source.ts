// Secrets by reference: `env:NAME` or `file:PATH`. An attempt asks synchronously and is answered from memory; a file that
// was replaced (a rotation) is noticed within seconds, without a restart. Wrapped secrets will be another SecretSource,
// which does its unwrapping in `prepare`.

import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve as resolvePath, sep } from 'node:path';
import type { Clock } from './clock.ts';
import { secretBytesMax, secretRecheckMs, secretStaleMs } from './limits.ts';

export type SecretProblemCode =
  | 'malformed'
  | 'unknown-scheme'
  | 'not-allowed'
  | 'not-set'
  | 'not-found'
  | 'not-readable'
  | 'empty'
  | 'too-large';

/** Which reference, and what is wrong with it; never the value. */
export interface SecretProblem {
  readonly ref: string;
  readonly code: SecretProblemCode;
  readonly message: string;
}

export type SecretResult =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly problem: SecretProblem };

export interface SecretSource {
  /** The secret's bytes, without one newline at the end of a file. The buffer is shared: do not write to it. */
  resolve(ref: string): SecretResult;
  /** Brings secrets into memory before they are needed; says which are not to be had. */
  prepare(refs: readonly string[]): Promise<readonly SecretProblem[]>;
}

export interface SecretSourceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Directories that `file:` may name something below; without it every absolute path may be named. */
  readonly fileRoots?: readonly string[];
  /** How often a file is looked at, in ms. */
  readonly recheckMs?: number;
}

interface CachedFile {
  readonly result: SecretResult;
  /** Changes whenever the file is replaced or rewritten. */
  readonly fingerprint: string;
  readonly checkedAtMs: number;
  readonly goodUntilMs: number;
}

export function createSecretSource(options: SecretSourceOptions): SecretSource {
  const { env, clock, recheckMs = secretRecheckMs } = options;
  const fileRoots = options.fileRoots?.map((root) => resolvePath(root));
  const files = new Map<string, CachedFile>();

  function resolve(ref: string): SecretResult {
    const cut = ref.indexOf(':');
    const rest = ref.slice(cut + 1);
    if (cut < 1 || rest === '') return refuse(ref, 'malformed', 'is neither env:NAME nor file:PATH');
    switch (ref.slice(0, cut)) {
      case 'env':
        return resolveEnv(ref, rest);
      case 'file':
        return resolveFile(ref, rest);
      default:
        return refuse(ref, 'unknown-scheme', 'begins with neither env: nor file:');
    }
  }

  function resolveEnv(ref: string, name: string): SecretResult {
    // Whoever may write an endpoint must not be able to have our own credentials sent to a URL of his.
    if (name.startsWith('POSTRIDER_')) return refuse(ref, 'not-allowed', 'names a setting of Postrider itself');
    const text = env[name];
    if (text === undefined) return refuse(ref, 'not-set', 'is not set in the environment');
    return text === '' ? refuse(ref, 'empty', 'is empty') : { ok: true, value: Buffer.from(text, 'utf8') };
  }

  function resolveFile(ref: string, path: string): SecretResult {
    if (!isAllowed(path)) return refuse(ref, 'not-allowed', 'is not an absolute path below an allowed directory');
    const nowMs = clock.monotonic();
    const cached = files.get(path);
    if (cached && nowMs - cached.checkedAtMs < recheckMs) return cached.result;
    const fresh = look(ref, path, nowMs, cached);
    files.set(path, fresh);
    return fresh.result;
  }

  function look(ref: string, path: string, nowMs: number, cached: CachedFile | undefined): CachedFile {
    const checked = { checkedAtMs: nowMs, goodUntilMs: nowMs + secretStaleMs };
    let fingerprint = '';
    let result: SecretResult;
    try {
      const { mtimeMs, size, ino } = statSync(path);
      fingerprint = `${mtimeMs}/${size}/${ino}`;
      if (cached?.result.ok === true && cached.fingerprint === fingerprint) return { ...cached, ...checked };
      result =
        size > secretBytesMax ? refuse(ref, 'too-large', `is over ${secretBytesMax} bytes`) : readSecret(ref, path);
    } catch (error) {
      result = refuseBy(ref, error);
    }
    if (!result.ok && cached?.result.ok === true && nowMs < cached.goodUntilMs)
      return { ...cached, checkedAtMs: nowMs };
    return { result, fingerprint, ...checked };
  }

  function isAllowed(path: string): boolean {
    if (!isAbsolute(path)) return false;
    return fileRoots?.some((root) => isBelow(root, resolvePath(path))) ?? true;
  }

  return {
    resolve,
    async prepare(refs) {
      return refs.flatMap((ref) => {
        const result = resolve(ref);
        return result.ok ? [] : [result.problem];
      });
    },
  };
}

function readSecret(ref: string, path: string): SecretResult {
  const bytes = readFileSync(path);
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= bytes[end - 2] === 0x0d ? 2 : 1;
  return end === 0 ? refuse(ref, 'empty', 'is empty') : { ok: true, value: bytes.subarray(0, end) };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function refuse(ref: string, code: SecretProblemCode, message: string): SecretResult {
  return { ok: false, problem: { ref, code, message: `secret ${ref} ${message}` } };
}

function refuseBy(ref: string, error: unknown): SecretResult {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOENT' || code === 'ENOTDIR') return refuse(ref, 'not-found', 'does not exist');
  return refuse(ref, 'not-readable', `cannot be read (${code})`);
}
