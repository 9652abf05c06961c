// Who keeps key-encryption keys: the port behind which the local keyring stands now, and a Vault or a cloud's key service can
// stand later. A data key goes in and comes out; the KEK itself never does. Also the two uses of the port: to wrap a secret
// and to rewrap it under another KEK.

import { dataKeyBytes, decodeEnvelope, encodeEnvelope, placeBytes, seal, type SecretPlace } from './secret-envelope.ts';

export type KeyFailureCode =
  /** No key with this id is here (yet). */
  | 'unknown-kek'
  /** The provider cannot be asked now. */
  | 'provider-down'
  /** The key does not open it: changed bytes, or another key under the id. */
  | 'damaged';

export interface KeyFailure {
  readonly ok: false;
  readonly code: KeyFailureCode;
  /** For people; names ids, never bytes. */
  readonly message: string;
}

export type KeyResult = { readonly ok: true; readonly bytes: Buffer } | KeyFailure;

/** Never rejects, and settles within 10 s: whoever asks has work waiting. */
export interface KeyProvider {
  /** Id of the key for new secrets; undefined when it is not to be had now. */
  primary(): Promise<string | undefined>;
  /** Wraps a data key of 32 bytes. */
  wrap(kekId: string, dataKey: Uint8Array): Promise<KeyResult>;
  unwrap(kekId: string, wrappedDataKey: Uint8Array): Promise<KeyResult>;
}

/** A secret as it stands in an endpoint record. */
export interface Wrapping {
  readonly wrapped: string;
  readonly kekId: string;
}

export type WrapResult = { readonly ok: true; readonly wrapping: Wrapping } | KeyFailure;

/** The environment that a key belongs to: `live.2027a` → `live`. */
export function environmentOfKek(kekId: string): string {
  return kekId.slice(0, Math.max(0, kekId.indexOf('.')));
}

/** Wraps a secret under the primary key, with a data key of its own. */
export async function wrapSecret(
  keys: KeyProvider,
  place: SecretPlace,
  plain: Uint8Array,
  randomBytes: (size: number) => Uint8Array,
): Promise<WrapResult> {
  const kekId = await keys.primary();
  if (kekId === undefined) return noPrimary;
  const dataKey = Buffer.from(randomBytes(dataKeyBytes));
  const key = await keys.wrap(kekId, dataKey);
  if (!key.ok) return key;
  const sealed = seal(dataKey, plain, placeBytes(place), randomBytes);
  dataKey.fill(0);
  return { ok: true, wrapping: { wrapped: encodeEnvelope({ wrappedDataKey: key.bytes, sealed }), kekId } };
}

/** The same secret under the primary key; the same wrapping when it is under it already. The secret itself stays closed. */
export async function rewrapSecret(keys: KeyProvider, wrapping: Wrapping): Promise<WrapResult> {
  const kekId = await keys.primary();
  if (kekId === undefined) return noPrimary;
  if (kekId === wrapping.kekId) return { ok: true, wrapping };
  const envelope = decodeEnvelope(wrapping.wrapped);
  if (envelope === undefined) return { ok: false, code: 'damaged', message: 'is not a wrapped secret' };
  const dataKey = await keys.unwrap(wrapping.kekId, envelope.wrappedDataKey);
  if (!dataKey.ok) return dataKey;
  const key = await keys.wrap(kekId, dataKey.bytes);
  dataKey.bytes.fill(0);
  if (!key.ok) return key;
  return { ok: true, wrapping: { wrapped: encodeEnvelope({ ...envelope, wrappedDataKey: key.bytes }), kekId } };
}

const noPrimary: KeyFailure = { ok: false, code: 'provider-down', message: 'the primary key is not to be had now' };
