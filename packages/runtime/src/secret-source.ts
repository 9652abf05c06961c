// The secrets of endpoints: by reference (`env:NAME`, `file:PATH`) or wrapped in the record. An attempt asks synchronously and
// is answered from memory; a file that was replaced (a rotation) is noticed within seconds, without a restart. Wrapped ones
// are opened beforehand by `prepare`, or from the first time that they are asked for.
//
// A Buffer stays the same object for as long as the secret is the same: whoever decodes keys caches by it.

import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve as resolvePath, sep } from 'node:path';
import type { Clock } from './clock.ts';
import type { KeyProvider } from './key-provider.ts';
import { secretBytesMax, secretRecheckMs, secretsCachedMax, secretStaleMs } from './limits.ts';
import { setBounded } from './bounded-map.ts';
import { openedSecrets, type WrappedAsk } from './opened-secrets.ts';

export type SecretProblemCode =
  | 'malformed'
  | 'unknown-scheme'
  | 'not-allowed'
  | 'not-set'
  | 'not-found'
  | 'not-readable'
  | 'empty'
  | 'too-large'
  /** Wrapped, and being opened: ask again. */
  | 'not-ready'
  /** Wrapped, and its key-encryption key is not to be had (yet). */
  | 'key-unavailable'
  /** Wrapped, and not openable with its key at this place. */
  | 'damaged';

/** Which reference, and what is wrong with it; never the value. */
export interface SecretProblem {
  /** The reference, or for a wrapped one its place: `endpoint/id`. */
  readonly ref: string;
  readonly code: SecretProblemCode;
  readonly message: string;
}

export type SecretResult =
  | { readonly ok: true; readonly value: Buffer }
  | { readonly ok: false; readonly problem: SecretProblem };

/** A reference, or what `secretAsk` makes of a wrapped secret. */
export type SecretAsk = string | WrappedAsk;

export interface SecretSource {
  /** The secret's bytes, without one newline at the end of a file. The buffer is shared: do not write to it. */
  resolve(ask: SecretAsk): SecretResult;
  /** Brings secrets into memory before they are needed; says which are not to be had. */
  prepare(asks: readonly SecretAsk[]): Promise<readonly SecretProblem[]>;
}

export interface SecretSourceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Directories that `file:` may name something below; without it every absolute path may be named. */
  readonly fileRoots?: readonly string[];
  /** How often a file is looked at, in ms. */
  readonly recheckMs?: number;
  /** Opens wrapped secrets; without it none can be had. */
  readonly keys?: KeyProvider | undefined;
  /** References to what is Postrider's own (its keyring, files of its settings): never an endpoint's. */
  readonly own?: readonly string[];
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
  const variables = new Map<string, { readonly text: string; readonly result: SecretResult }>();
  const own = options.own ?? [];
  const opened = openedSecrets(options.keys, clock);

  function resolve(ask: SecretAsk): SecretResult {
    return typeof ask === 'string' ? resolveRef(ask) : opened.resolve(ask);
  }

  function resolveRef(ref: string): SecretResult {
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
    if (name.startsWith('POSTRIDER_') || own.includes(ref)) {
      return refuse(ref, 'not-allowed', 'names a setting of Postrider itself');
    }
    const text = env[name];
    if (text === undefined) return refuse(ref, 'not-set', 'is not set in the environment');
    const known = variables.get(name);
    if (known?.text === text) return known.result;
    const result: SecretResult =
      text === '' ? refuse(ref, 'empty', 'is empty') : { ok: true, value: Buffer.from(text, 'utf8') };
    setBounded(variables, name, { text, result }, secretsCachedMax);
    return result;
  }

  function resolveFile(ref: string, path: string): SecretResult {
    if (!isAllowed(path)) return refuse(ref, 'not-allowed', 'is not an absolute path below an allowed directory');
    const nowMs = clock.monotonic();
    const cached = files.get(path);
    if (cached && nowMs - cached.checkedAtMs < recheckMs) return cached.result;
    const fresh = look(ref, path, nowMs, cached);
    setBounded(files, path, fresh, secretsCachedMax);
    return fresh.result;
  }

  function look(ref: string, path: string, nowMs: number, cached: CachedFile | undefined): CachedFile {
    const checked = { checkedAtMs: nowMs, goodUntilMs: nowMs + secretStaleMs };
    let fingerprint = '';
    let result: SecretResult;
    try {
      const { mtimeMs, size, ino, dev } = statSync(path);
      const seen = `${mtimeMs}/${size}/${dev}/${ino}`;
      if (cached?.result.ok === true && cached.fingerprint === seen) return { ...cached, ...checked };
      if (isOwn(dev, ino))
        return { result: refuse(ref, 'not-allowed', 'is a file of Postrider itself'), fingerprint, ...checked };
      fingerprint = seen;
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

  /** By what it is, not by its name: a link leads to the same file. */
  function isOwn(dev: number, ino: number): boolean {
    return own.some((ref) => {
      if (!ref.startsWith('file:')) return false;
      try {
        const stat = statSync(ref.slice(5), { throwIfNoEntry: false });
        return stat?.ino === ino && stat.dev === dev;
      } catch {
        // In a folder that is closed to this process by now: then whatever was opened is another file.
        return false;
      }
    });
  }

  return {
    resolve,
    async prepare(asks) {
      const results = await Promise.all(
        asks.map(async (ask) => (typeof ask === 'string' ? resolveRef(ask) : opened.prepare(ask))),
      );
      return results.flatMap((result) => (result.ok ? [] : [result.problem]));
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
