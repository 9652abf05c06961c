// One attempt's request: the scheme's part, and around it what all schemes share, in a stable order:
// content type, user agent, dispatch id, scheme, customer's authentication, custom headers.

import { valueProblem } from './header-rules.ts';
import type { BuildInput, Profile, Refusal } from './profile.ts';
import { newestSecret } from './valid-secrets.ts';

export interface BuiltRequest {
  readonly ok: true;
  /** Flat: name, value, name, value … */
  readonly headers: string[];
  readonly body: Uint8Array;
  /** Ids of the secrets used, signing ones first. */
  readonly keyIds: string[];
}

/** Builds and signs. A refusal (no valid secret, a secret that cannot be a key) is a matter of configuration. */
export function buildRequest(profile: Profile, input: BuildInput): BuiltRequest | Refusal {
  const signed = profile.sign(input);
  if (!signed.ok) return signed;
  const { dispatch, endpoint } = input;
  const agent = endpoint.profileOptions['userAgent'];
  const headers = [
    'Content-Type',
    signed.contentType ?? profile.defaults.contentType,
    'User-Agent',
    typeof agent === 'string' ? agent : profile.defaults.userAgent,
  ];
  if (profile.sendsDispatchId || endpoint.profileOptions['dispatchIdHeader'] === true) {
    headers.push('Postrider-Dispatch-Id', dispatch.dispatchId);
  }
  headers.push(...signed.headers);
  const keyIds = [...signed.keyIds];

  if (endpoint.auth !== undefined) {
    const secret = newestSecret(input.secrets, 'auth', input.timestampMs);
    if (secret === undefined) return { ok: false, reason: 'no auth secret is valid now' };
    const text = secret.value.toString('utf8').trim();
    const value = endpoint.auth.scheme === undefined ? text : `${endpoint.auth.scheme} ${text}`;
    const problem = text === '' ? 'is empty' : valueProblem(value);
    if (problem !== undefined) return { ok: false, reason: `secret "${secret.id}" ${problem}` };
    headers.push(endpoint.auth.header, value);
    keyIds.push(secret.id);
  }
  for (const name of Object.keys(endpoint.headers)) headers.push(name, endpoint.headers[name] ?? '');
  return { ok: true, headers, body: signed.body ?? dispatch.body, keyIds };
}
