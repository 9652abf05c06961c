// The local keyring: key-encryption keys of one environment in a file that only its owner can read, or in an environment
// variable. Several keys with ids, one of them primary; a key that is added or made primary is seen without a restart.
//
//   { "environment": "live", "primary": "live.01J…", "keys": [{ "id": "live.01J…", "key": "<base64 of 32 bytes>" }] }

import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { environmentOfKek, type KeyProvider, type KeyResult } from './key-provider.ts';
import { keyringKeysMax, secretRecheckMs } from './limits.ts';
import { readPrivateFile } from './private-file.ts';
import { dataKeyBytes, labelled, open, seal } from './secret-envelope.ts';

const kekId = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z0-9-]*\.[A-Za-z0-9-]+$/, 'is not <environment>.<name>');

const keyringSchema = z.strictObject({
  environment: z.string().min(1).max(64),
  primary: kekId,
  keys: z
    .array(
      z.strictObject({
        id: kekId,
        key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'is not base64 of 32 bytes'),
      }),
    )
    .min(1)
    .max(keyringKeysMax),
});

/** What a keyring file or variable holds. */
export type KeyringContent = z.infer<typeof keyringSchema>;

export type KeyringReading =
  | { readonly ok: true; readonly content: KeyringContent }
  /** `absent`: there is nothing yet. The problem names no key. */
  | { readonly ok: false; readonly absent: boolean; readonly problem: string };

export interface KeyringSettings {
  /** `file:/absolute/path` or `env:NAME`. */
  readonly ref: string;
  /** A keyring of another one is refused. */
  readonly environment: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads and judges a keyring. Never throws. */
export function readKeyring({ ref, environment, env }: KeyringSettings): KeyringReading {
  const refuse = (problem: string, absent = false): KeyringReading => ({
    ok: false,
    absent,
    problem: `keyring ${ref} ${problem}`,
  });
  let text: string | undefined;
  if (ref.startsWith('env:')) {
    text = env[ref.slice(4)];
    if (text === undefined || text === '') return refuse('is not set in the environment', true);
  } else if (ref.startsWith('file:') && isAbsolute(ref.slice(5))) {
    const read = readPrivateFile(ref.slice(5));
    if (!read.ok) return refuse(read.problem, read.absent);
    ({ text } = read);
  } else return refuse('is neither env:NAME nor file: with an absolute path');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    return refuse('is not JSON');
  }
  const checked = keyringSchema.safeParse(parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return refuse(`is not as it should be: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const content = checked.data;
  const ids = content.keys.map(({ id }) => id);
  if (content.environment !== environment) {
    return refuse(`belongs to the environment ${content.environment}, and this is configured for ${environment}`);
  }
  const foreign = ids.find((id) => environmentOfKek(id) !== environment);
  if (foreign !== undefined) return refuse(`holds the key ${foreign}, which belongs to another environment`);
  if (new Set(ids).size !== ids.length) return refuse('holds one id twice');
  if (!ids.includes(content.primary)) return refuse(`has no key with the id of its primary, ${content.primary}`);
  return { ok: true, content };
}

/** A provider over a keyring, read again when its file has changed; while it cannot be read, its keys are not to be had. */
export function openKeyring(settings: KeyringSettings & { readonly clock: Clock }, random: RandomBytes): KeyProvider {
  let reading: KeyringReading | undefined;
  let fingerprint = '';
  let checkedAtMs = 0;

  function current(): KeyringReading {
    const nowMs = settings.clock.monotonic();
    if (reading !== undefined && nowMs - checkedAtMs < secretRecheckMs) return reading;
    checkedAtMs = nowMs;
    const seen = fingerprintOf(settings.ref);
    if (reading?.ok !== true || seen !== fingerprint) reading = readKeyring(settings);
    fingerprint = seen;
    return reading;
  }

  function withKey(id: string, use: (key: Buffer) => KeyResult): KeyResult {
    const now = current();
    if (!now.ok) return { ok: false, code: 'provider-down', message: now.problem };
    const found = now.content.keys.find((each) => each.id === id);
    if (found === undefined) {
      const message =
        environmentOfKek(id) === settings.environment
          ? `the keyring holds no key ${id}`
          : `the key ${id} belongs to another environment than ${settings.environment}`;
      return { ok: false, code: 'unknown-kek', message };
    }
    return use(Buffer.from(found.key, 'base64'));
  }

  return {
    async primary() {
      const now = current();
      return now.ok ? now.content.primary : undefined;
    },
    async wrap(id, dataKey) {
      return withKey(id, (key) => ({ ok: true, bytes: seal(key, dataKey, kekBytes(id), random) }));
    },
    async unwrap(id, wrappedDataKey) {
      return withKey(id, (key) => {
        const bytes = open(key, wrappedDataKey, kekBytes(id));
        return bytes?.length === dataKeyBytes
          ? { ok: true, bytes }
          : { ok: false, code: 'damaged', message: `the key ${id} does not open it` };
      });
    },
  };
}

export type RandomBytes = (size: number) => Uint8Array;

function kekBytes(id: string): Buffer {
  return labelled('postrider data key v1', [id]);
}

function fingerprintOf(ref: string): string {
  if (!ref.startsWith('file:')) return ref;
  const stat = statSync(ref.slice(5), { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.mtimeMs}/${stat.ctimeMs}/${stat.size}/${stat.ino}`;
}
