// What a signing scheme is: a body built once, at convergence, and headers signed anew for every attempt.
// A new scheme is a new file with a value of this interface, and one line in registry.ts.

import type { Dispatch, Endpoint, RetryPolicyName } from '@postrider/core/domain';

export type ProfileOptions = Readonly<Record<string, unknown>>;

export interface Profile {
  readonly name: string;
  readonly defaults: ProfileDefaults;
  /** Lower-case names of the headers the scheme sets itself; no customer may set them. */
  readonly ownHeaders: readonly string[];
  /** Whether `Postrider-Dispatch-Id` is sent; schemes that others have defined stay bare. */
  readonly sendsDispatchId: boolean;
  /** Problems of an endpoint's options, readable; none = fine. For registration. */
  checkOptions(options: ProfileOptions): string[];
  /** Problems of an endpoint's secrets, by purpose, once their values are known; never quotes a value. */
  checkSecrets(secrets: readonly SecretValue[]): string[];
  /** The exact plain bytes to send. Pure: the same event gives the same bytes for ever. */
  buildBody(event: ProfileEvent, options: ProfileOptions): BuiltBody;
  /** The scheme's part of one attempt; callers use `buildRequest`, which adds what all schemes share. */
  sign(input: BuildInput): SignedParts | Refusal;
}

export interface ProfileDefaults {
  readonly timeoutMs: number;
  readonly retry: RetryPolicyName;
  readonly maxAgeMs: number;
  /** Inclusive ranges. */
  readonly successStatus: readonly (readonly [from: number, to: number])[];
  readonly contentType: string;
  readonly userAgent: string;
}

export interface ProfileEvent {
  readonly id: string;
  readonly type: string;
  readonly projectId: string;
  readonly subject: string | undefined;
  /** When it happened, epoch ms, if upstream said so. */
  readonly timeMs: number | undefined;
  /** Timestamp of the upstream record, epoch ms: what stands in for a missing time. Never the clock. */
  readonly recordTimeMs: number;
  /** JSON text as upstream gave it. */
  readonly data: Uint8Array;
}

/** A secret with its value. Keep the Buffer for as long as it is valid: decoded keys are cached by its identity. */
export interface SecretValue {
  readonly id: string;
  readonly purpose: string;
  readonly value: Buffer;
  /** Valid from and until (exclusive), epoch ms; absent = unbounded. */
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
}

export interface BuildInput {
  readonly dispatch: Pick<Dispatch, 'dispatchId' | 'body'>;
  readonly endpoint: Pick<Endpoint, 'url' | 'method' | 'headers' | 'auth' | 'profileOptions'>;
  /** All secrets of the endpoint; those not valid at `timestampMs` are ignored. */
  readonly secrets: readonly SecretValue[];
  /** Time of the attempt, epoch ms. */
  readonly timestampMs: number;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** Something is missing or wrong; `reason` is for people and names no value. */
export interface Refusal {
  readonly ok: false;
  readonly reason: string;
}

/** `reason` of a refusal is `profile:<field>`. */
export type BuiltBody = { readonly ok: true; readonly body: Uint8Array } | Refusal;

export interface SignedParts {
  readonly ok: true;
  /** Flat: name, value, name, value … */
  readonly headers: readonly string[];
  /** Undefined: the dispatch's body as it is. A scheme that encrypts returns the ciphertext. */
  readonly body?: Uint8Array | undefined;
  /** Undefined: the profile's default. */
  readonly contentType?: string | undefined;
  readonly keyIds: readonly string[];
}
