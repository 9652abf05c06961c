// Wrapped secrets that were opened, in memory. Opening asks a key service, so it happens before an attempt needs the secret;
// one that could not be opened is tried again when it is asked for, and whoever asked waits: a key service that is away holds
// work up and ends none.
//
//   unknown ──▶ opening ─┬▶ open
//                        └▶ failed ──(after unwrapRetryMs, when asked for)──▶ opening

import type { Clock } from './clock.ts';
import { setBounded } from './bounded-map.ts';
import type { KeyFailureCode, KeyProvider, Wrapping } from './key-provider.ts';
import { secretsCachedMax, unwrapRetryMs, unwrapsAtOnceMax } from './limits.ts';
import { decodeEnvelope, open, placeBytes, sealedPart, type SecretPlace } from './secret-envelope.ts';
import type { SecretProblemCode, SecretResult } from './secret-source.ts';

/** A wrapped secret and the place that it is bound to. Keep the object: it is found again by its identity. */
export type WrappedAsk = SecretPlace & Wrapping;

interface EndpointPlace {
  readonly environment: string;
  readonly projectId: string;
  readonly endpointId: string;
}

type SecretForm =
  | { readonly ref: string; readonly wrapped?: undefined; readonly kekId?: undefined }
  | { readonly wrapped: string; readonly kekId: string; readonly ref?: undefined };

/** What to ask a SecretSource for a secret of an endpoint. */
export function secretAsk(
  endpoint: EndpointPlace,
  secret: SecretForm & { readonly id: string; readonly purpose: string },
): string | WrappedAsk {
  if (secret.ref !== undefined) return secret.ref;
  return {
    environment: endpoint.environment,
    project: endpoint.projectId,
    endpoint: endpoint.endpointId,
    id: secret.id,
    purpose: secret.purpose,
    wrapped: secret.wrapped,
    kekId: secret.kekId,
  };
}

interface Entry {
  result: SecretResult;
  opening: Promise<SecretResult> | undefined;
  retryAtMs: number;
}

export interface OpenedSecrets {
  resolve(ask: WrappedAsk): SecretResult;
  /** Resolves when it is open or cannot be opened now. */
  prepare(ask: WrappedAsk): Promise<SecretResult>;
}

const problemCodes: Readonly<Record<KeyFailureCode, SecretProblemCode>> = {
  'unknown-kek': 'key-unavailable',
  'provider-down': 'key-unavailable',
  damaged: 'damaged',
};

export function openedSecrets(keys: KeyProvider | undefined, clock: Clock): OpenedSecrets {
  /** For the hot path: an endpoint version keeps its asks. */
  const byAsk = new WeakMap<WrappedAsk, Entry>();
  const entries = new Map<string, Entry>();
  const waiting: (() => void)[] = [];
  let underWay = 0;

  function entryOf(ask: WrappedAsk): Entry {
    let entry = byAsk.get(ask);
    if (entry === undefined) {
      // The key-encryption key is left out: a rewrapped secret is the same secret, and needs no opening.
      const name = JSON.stringify([placeBytes(ask).toString('latin1'), sealedPart(ask.wrapped)]);
      entry = entries.get(name) ?? {
        result: refuse(ask, 'not-ready', 'is being opened'),
        opening: undefined,
        retryAtMs: 0,
      };
      setBounded(entries, name, entry, secretsCachedMax);
      byAsk.set(ask, entry);
    }
    return entry;
  }

  function begin(ask: WrappedAsk, entry: Entry): Promise<SecretResult> {
    if (entry.result.ok) return Promise.resolve(entry.result);
    if (entry.opening !== undefined) return entry.opening;
    if (clock.monotonic() < entry.retryAtMs) return Promise.resolve(entry.result);
    entry.opening = opening(ask).then((result) => {
      entry.result = result;
      entry.opening = undefined;
      entry.retryAtMs = clock.monotonic() + unwrapRetryMs;
      return result;
    });
    return entry.opening;
  }

  async function opening(ask: WrappedAsk): Promise<SecretResult> {
    if (keys === undefined) return refuse(ask, 'key-unavailable', 'is wrapped, and no keyring is configured here');
    const envelope = decodeEnvelope(ask.wrapped);
    if (envelope === undefined) return refuse(ask, 'malformed', 'is not a wrapped secret');
    // A place is handed on, never free in between.
    if (underWay >= unwrapsAtOnceMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else underWay += 1;
    try {
      const dataKey = await keys.unwrap(ask.kekId, envelope.wrappedDataKey);
      if (!dataKey.ok) return refuse(ask, problemCodes[dataKey.code], `cannot be opened: ${dataKey.message}`);
      const value = open(dataKey.bytes, envelope.sealed, placeBytes(ask));
      dataKey.bytes.fill(0);
      return value === undefined
        ? refuse(ask, 'damaged', 'was changed, or wrapped for another endpoint, project, id or purpose')
        : { ok: true, value };
    } catch (error) {
      // A provider that breaks its promise is one that is away.
      return refuse(
        ask,
        'key-unavailable',
        `cannot be opened: ${error instanceof Error ? error.name : 'unknown error'}`,
      );
    } finally {
      const next = waiting.shift();
      if (next === undefined) underWay -= 1;
      else next();
    }
  }

  return {
    resolve(ask) {
      const entry = entryOf(ask);
      if (!entry.result.ok) void begin(ask, entry);
      return entry.result;
    },
    prepare(ask) {
      return begin(ask, entryOf(ask));
    },
  };
}

function refuse({ endpoint, id }: WrappedAsk, code: SecretProblemCode, message: string): SecretResult {
  const ref = `${endpoint}/${id}`;
  return { ok: false, problem: { ref, code, message: `secret ${ref} ${message}` } };
}
