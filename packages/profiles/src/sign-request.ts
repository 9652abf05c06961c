// One request exactly as it would be sent, from values at hand: for whoever has to prove a signature or write a receiver.

import type { DispatchId, HttpMethod } from '@postrider/core/domain';

import { buildRequest } from './build-request.ts';
import { checkAuthHeader, checkCustomHeaders, valueProblem } from './header-rules.ts';
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
  /** The customer's authentication header; its value is the secret with the purpose `auth`. */
  readonly auth?: { readonly header: string; readonly scheme?: string | undefined } | undefined;
  /** Custom headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
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
  const custom = input.headers ?? {};
  const problem =
    profile.checkOptions(options)[0] ??
    profile.checkSecrets(input.secrets, options)[0] ??
    checkCustomHeaders(custom)[0] ??
    (input.auth === undefined ? undefined : checkAuthHeader(input.auth, profile, custom)[0]) ??
    textProblem('id', input.id) ??
    (input.nonce === undefined ? undefined : textProblem('nonce', input.nonce));
  if (problem !== undefined) return { ok: false, reason: problem };
  const method = input.method ?? 'POST';
  const built = buildRequest(profile, {
    dispatch: { dispatchId: input.id as DispatchId, body: input.body },
    endpoint: { url: input.url, method, headers: custom, auth: input.auth, profileOptions: options },
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

function textProblem(name: string, value: string): string | undefined {
  const problem = valueProblem(value);
  return problem === undefined ? undefined : `the ${name} ${problem}`;
}
