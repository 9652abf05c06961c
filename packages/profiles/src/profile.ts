// What a signing scheme is: a body built once, at convergence, and headers signed anew for every attempt.
// A new scheme is a new file with a value of this interface, and one line in registry.ts.

import type { Dispatch, Endpoint, RetryPolicyName } from '@postrider/core/domain';

import type { ReplyRule } from './reply-rule.ts';

export type ProfileOptions = Readonly<Record<string, unknown>>;

export interface Profile {
  readonly name: string;
  readonly defaults: ProfileDefaults;
  /** Lower-case names of the headers the scheme sets itself; no customer may set them. */
  readonly ownHeaders: readonly string[];
  /** Whether `Postrider-Dispatch-Id` is sent; schemes that others have defined stay bare unless `dispatchIdHeader` asks for it. */
  readonly sendsDispatchId: boolean;
  /** Purpose of the secrets that sign or encrypt; undefined: the scheme has none. `auth` is for all. */
  readonly keyPurpose: 'signing' | 'encryption' | undefined;
  /** Problems of an endpoint's options, readable; none = fine. For registration. */
  checkOptions(options: ProfileOptions): string[];
  /** What the options allow and a person should know: said at registration, kept in the audit. */
  warnings(options: ProfileOptions): string[];
  /**
   * Problems of an endpoint's secrets, by purpose; never quotes a value. What a key must look like can depend on the
   * options; a secret whose value is not to be had here is checked by its purpose alone.
   */
  checkSecrets(secrets: readonly SecretFacts[], options?: ProfileOptions): string[];
  /** The exact plain bytes to send. Pure: the same event gives the same bytes for ever. */
  buildBody(event: ProfileEvent, options: ProfileOptions): BuiltBody;
  /** The scheme's part of one attempt; callers use `buildRequest`, which adds what all schemes share. */
  sign(input: BuildInput): SignedParts | Refusal;
  /** There for a scheme whose response is an answer: one attempt, and the reply is checked and published. */
  readonly reply?: ReplyRule | undefined;
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
  /** JSON text as upstream gave it, well-formed: convergence has checked it. */
  readonly data: Uint8Array;
}

/** A secret as registration sees it: its value may be known only where dispatch runs. */
export interface SecretFacts {
  readonly id: string;
  readonly purpose: string;
  readonly value?: Buffer | undefined;
}

/** A secret with its value. Keep the Buffer for as long as it is valid: decoded keys are cached by its identity. */
export interface SecretValue extends SecretFacts {
  readonly value: Buffer;
  /** Valid from and until (exclusive), epoch ms; absent = unbounded. */
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
}

export interface BuildInput {
  readonly dispatch: Pick<Dispatch, 'dispatchId' | 'body'>;
  readonly endpoint: Pick<Endpoint, 'url' | 'method' | 'headers' | 'auth' | 'profileOptions'> & {
    /** As configured, whether or not valid now: a scheme that can do without a key must not, once one was given. */
    readonly secrets?: readonly { readonly purpose: string }[] | undefined;
  };
  /** All secrets of the endpoint; those not valid at `timestampMs` are ignored. */
  readonly secrets: readonly SecretValue[];
  /** Time of the attempt, epoch ms. */
  readonly timestampMs: number;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Stands in for the scheme's random nonce or IV, as text: for a request that must be made again. Never in live sending. */
  readonly nonce?: string | undefined;
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
