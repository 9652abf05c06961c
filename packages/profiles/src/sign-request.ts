// One request exactly as it would be sent, from values at hand: for whoever has to prove a signature or write a receiver.

import type { DispatchId, HttpMethod } from '@postrider/core/domain';

import { buildRequest } from './build-request.ts';
import type { ProfileOptions, Refusal, SecretValue } from './profile.ts';
import { profileNamed, profileNames } from './registry.ts';

export interface SignRequestInput {
  readonly profile: string;
  readonly options?: ProfileOptions | undefined;
  readonly secrets: readonly SecretValue[];
  /** The plain body as convergence would fix it; it is encrypted here when the options say so. */
  readonly body: Uint8Array;
  readonly timestampMs: number;
  /** Fresh bytes; not asked where `nonce` is given. */
  readonly randomBytes: (size: number) => Uint8Array;
  /** advance: the nonce; envoy: base64url of at least 16 bytes; argos: base64url of the 12-byte IV. */
  readonly nonce?: string | undefined;
  /** Dispatch id. */
  readonly id: string;
  readonly url: string;
  readonly method?: HttpMethod | undefined;
}

export interface SignedRequest {
  readonly ok: true;
  readonly method: HttpMethod;
  /** By name as spelled on the wire, in the order sent. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly keyIds: readonly string[];
}

/** Headers and body that would go out. Refused with the first problem of options, secrets or body; names no value. */
export function signRequest(input: SignRequestInput): SignedRequest | Refusal {
  const profile = profileNamed(input.profile);
  if (profile === undefined)
    return { ok: false, reason: `profile is not known; known are: ${profileNames.join(', ')}` };
  if (!URL.canParse(input.url)) return { ok: false, reason: 'the url is not a URL' };
  const options = input.options ?? {};
  const problem = profile.checkOptions(options)[0] ?? profile.checkSecrets(input.secrets, options)[0];
  if (problem !== undefined) return { ok: false, reason: problem };
  const method = input.method ?? 'POST';
  const built = buildRequest(profile, {
    dispatch: { dispatchId: input.id as DispatchId, body: input.body },
    endpoint: { url: input.url, method, headers: {}, auth: undefined, profileOptions: options },
    secrets: input.secrets,
    timestampMs: input.timestampMs,
    randomBytes: input.randomBytes,
    nonce: input.nonce,
  });
  if (!built.ok) return built;
  const headers: Record<string, string> = {};
  for (let n = 0; n < built.headers.length; n += 2) headers[built.headers[n] ?? ''] = built.headers[n + 1] ?? '';
  return { ok: true, method, headers, body: built.body, keyIds: built.keyIds };
}
